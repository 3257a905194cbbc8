"""Talks to HAProxy: observe and apply. Decisions are in plan.py."""

from __future__ import annotations

import contextlib
import json
import random
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Step
from osvc_ha.systems.haproxy.config import Config
from osvc_ha.systems.haproxy.state import (
    Actual,
    digest_of,
    join_fragments,
    loaded_digest,
    merge_state,
    parse_runtime,
    servers_in,
    split_fragments,
)

from .credentials import credentials
from .marks import claim, forget, is_anothers, owners, refuse_anothers, runs_there
from .process import ASKED_SECONDS, living_master, master_pid, said, stray_master

START_SECONDS = 30.0
# Of how many requests a reload may consist, and after how long a reset question is asked again.
RELOADS, AGAIN_SECONDS = 3, 0.05
STOP_SECONDS, KILL_SECONDS = 10.0, 5.0
CHECK_SECONDS = 60.0
LOCK_SECONDS = 30.0
MOST_REJECTED = 1000
JITTER = 0.2
LOOK = "show info;show servers state\n"


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """One look: marks, file, process, loaded config, server states, ports in use, credentials. Raises ObserveError."""
    found = owners(config, cluster.id, host)
    another = is_anothers(config, found)
    # What another's sockets do not say keeps nobody from a STOP that has nothing to do.
    with contextlib.suppress(ObserveError) if another else contextlib.nullcontext():
        return _look(config, host, found, another)
    return Actual(owners=found, held=True)


def _look(config: Config, host: Host, found: Mapping[str, str], another: bool) -> Actual:
    answer = _ask(config, host)
    digest, servers, down = parse_runtime(answer) if answer else ("", {}, frozenset())
    return Actual(
        running=bool(answer),
        digest=digest,
        servers=servers,
        down=down,
        text=host.read(config.config_file),
        busy=host.listening(),
        rejected=_rejected(config, host),
        credentials=credentials(config, host),
        file_limit=_file_limit(config, host),
        owners=found,
        held=another and (bool(answer) or runs_there(config, host)),
    )


def apply(config: Config, step: Step, host: Host) -> None:
    """Do one step. Raises ApplyError with HAProxy's own words.

    One run at a time, since an agent's START and the watcher may meet; a push of server states is atomic in itself.
    """
    with contextlib.nullcontext() if step.do == "set" else host.lock(config.runtime_dir / "lock", LOCK_SECONDS):
        if step.do not in ("set", "claim"):
            refuse_anothers(config, host)
        OPERATIONS[step.do](config, step, host)


def _ask(config: Config, host: Host) -> str:
    """HAProxy's own word on what it runs, empty when it does not run. Raises ObserveError when it cannot be told.

    It runs when its process lives, or when its socket answers: a pid file can be lost, and systemd or a container keeps none here.
    """
    running = master_pid(config, host) > 0
    if not running and not config.runtime_socket.is_socket():
        return ""
    for more in (2, 1, 0):
        try:
            return host.exchange(str(config.runtime_socket), LOOK)
        except ObserveError as error:
            if not running and isinstance(error.__cause__, (ConnectionRefusedError, FileNotFoundError)):
                return ""
            # A worker that leaves after a reload resets whom it has not answered yet.
            if not more or not isinstance(error.__cause__, ConnectionResetError):
                raise
            host.sleep(AGAIN_SECONDS)
    return ""


def _file_limit(config: Config, host: Host) -> int:
    """Of the running HAProxy, since a reload inherits it; else ours. Callers differ in theirs: the config must not follow that."""
    pid = master_pid(config, host)
    _, found, rest = ((host.read(Path(f"/proc/{pid}/limits")) or "") if pid else "").partition("\nMax open files")
    return int(rest.split()[1]) if found else host.file_limit()


def _write(config: Config, step: Step, host: Host) -> None:
    preamble, fragments = split_fragments(step.payload)
    words = _refused(config, host, step.payload)
    rejected, text = dict(_rejected(config, host)), step.payload
    if words:
        words = _refused(config, host, preamble)
        if words:
            raise ApplyError(f"{config.config_file} stays as it is: HAProxy refuses even a config without listeners: {words}")
        good, broken = _sift(config, host, preamble, fragments)
        if not broken or _refused(config, host, preamble + "".join(good)):
            raise ApplyError(f"{config.config_file} stays as it is: HAProxy takes each listener alone, but not all together")
        rejected.update(broken)
        bare = "\n".join(line for line in preamble.split("\n") if not line.startswith("    description "))
        text = join_fragments(bare, good)
    host.replace(config.rejected_file, json.dumps(dict(list(rejected.items())[-MOST_REJECTED:])))
    host.replace(config.config_file, text)


def _sift(config: Config, host: Host, preamble: str, fragments: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Halve until each broken fragment stands alone: about 2 k log n runs of `haproxy -c` for k broken ones."""
    words = _refused(config, host, preamble + "".join(fragments))
    if not words:
        return list(fragments), {}
    if len(fragments) == 1:
        return [], {digest_of(fragments[0]): words}
    middle = len(fragments) // 2
    left, refused_left = _sift(config, host, preamble, fragments[:middle])
    right, refused_right = _sift(config, host, preamble, fragments[middle:])
    return left + right, {**refused_left, **refused_right}


def _refused(config: Config, host: Host, text: str) -> str:
    """HAProxy's words against a candidate, empty when it would load. The live path is never used for trying."""
    trial = config.runtime_dir / "candidate.cfg"
    host.replace(trial, text)
    try:
        done = host.run([config.haproxy, "-c", "-f", str(trial)], seconds=CHECK_SECONDS)
    finally:
        host.remove(trial)
    if done.code == 0:
        return ""
    alerts = [line.split(" : ", 2)[-1].strip() for line in done.words.splitlines() if "[ALERT]" in line] or [done.words]
    return alerts[0].replace(f"[{trial}:", "[line ")


def _start(config: Config, step: Step, host: Host) -> None:
    if _ask(config, host):
        return
    _save_state(config, host, step.payload, dump="")
    if config.start_command:
        _run(host, config.start_command)
        pid = 0
    else:
        argv = [config.haproxy, "-W", "-S", f"{config.master_socket},mode,600", "-f", str(config.config_file), "-p", str(config.pid_file)]
        pid = stray_master(config, host) or host.launch(argv, config.log_file)
        # HAProxy writes it too, but only once it is up.
        host.replace(config.pid_file, f"{pid}\n")
    try:
        _await_loaded(config, host, pid)
    except ApplyError:
        # It has never served anybody. Left alone it might come up after a STOP, which could not tell how it is.
        _end(config, host, pid, 0.0)
        raise


def _reload(config: Config, step: Step, host: Host) -> None:
    """Hitless: listening sockets are handed over (expose-fd), server state is carried over, the budget is kept."""
    stamp = config.runtime_dir / "reload.stamp"
    last, *asked = (host.read(stamp) or "").split() or ["0"]
    wanted = loaded_digest(host.read(config.config_file))
    # A killed run may have asked already. A second reload on the heels of that would load the state file that the first has emptied.
    if asked:
        host.wait(lambda: _runs(config, host, asked[0], wanted), ASKED_SECONDS)
    if not _runs(config, host, wanted):
        due = _seconds(last) + config.reload_interval * (1 + random.uniform(0, JITTER))
        host.sleep(max(0.0, min(due - host.now(), config.reload_interval * (1 + JITTER))))
        last = str(host.now())
        host.replace(stamp, f"{last} {wanted}")
        _save_state(config, host, step.payload, dump=host.exchange(str(config.runtime_socket), "show servers state\n"))
        for _ in range(RELOADS):
            _ask_to_reload(config, host)
            if host.wait(lambda: _runs(config, host, wanted), START_SECONDS / RELOADS):
                break
        _await_loaded(config, host)
    # A crash of the master process restarts it with this file: yesterday's UP must not be in it.
    _save_state(config, host, step.payload, dump="")
    host.replace(stamp, last)


def _ask_to_reload(config: Config, host: Host) -> None:
    """Asked for more than once if need be: a master that is still executing itself for the last reload misses the signal."""
    if config.reload_command:
        _run(host, config.reload_command)
    else:
        host.kill(living_master(config, host), signal.SIGUSR2)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _save_state(config: Config, host: Host, placements: str, dump: str) -> None:
    """Write what the next worker loads. Without a dump every server starts DOWN, until its first check."""
    admin = {tuple(line.split(" ")[:2]): line.split(" ")[2] for line in placements.splitlines()}
    servers = servers_in(host.read(config.config_file) or "")
    host.replace(config.state_file, merge_state(dump, (one._replace(admin=admin.get(one[:2], "ready")) for one in servers)))


def _await_loaded(config: Config, host: Host, pid: int = 0) -> None:
    """Wait until the worker that answers has the config on disk. ``pid``: of a process whose end ends the wait."""
    wanted = loaded_digest(host.read(config.config_file))
    host.wait(lambda: _runs(config, host, wanted) or bool(pid and not host.alive(pid)), START_SECONDS)
    if not _runs(config, host, wanted):
        raise ApplyError(f"HAProxy has not loaded {config.config_file}: {_last_words(config, host)}")


def _runs(config: Config, host: Host, *digests: str) -> bool:
    answer = said(host, config.runtime_socket, "show info\n").lower()
    return any(f"\ndescription: osvc_ha {digest}\n" in answer for digest in digests)


def _last_words(config: Config, host: Host) -> str:
    """The last alerts in the log; HAProxy writes notices around them."""
    lines = (host.read(config.log_file, lossy=True) or "").strip().splitlines()[-20:]
    return " | ".join([line for line in lines if "[ALERT]" in line][-3:] or lines[-3:] or [f"{config.log_file} is empty"])


def _set(config: Config, step: Step, host: Host) -> None:
    answer = host.exchange(str(config.runtime_socket), f"set server {step.on} state {step.arg('state')}\n").strip()
    if answer:
        raise ApplyError(answer)


def _stop(config: Config, step: Step, host: Host) -> None:
    if config.stop_command:
        _run(host, config.stop_command)
    elif _ask(config, host):
        _end(config, host, living_master(config, host), STOP_SECONDS)
    # A worker may answer for a moment after its master, one that had only just started, has gone.
    host.wait(lambda: not said(host, config.runtime_socket, LOOK), STOP_SECONDS)


def _end(config: Config, host: Host, pid: int, seconds: float) -> None:
    """SIGTERM, and after so many seconds SIGKILL; its workers end with it. Not one that somebody else keeps: pid 0."""
    if not pid:
        return
    host.kill(pid, signal.SIGTERM)
    if not host.wait(lambda: not host.alive(pid), seconds):
        host.kill(pid, signal.SIGKILL)
        host.wait(lambda: not host.alive(pid), KILL_SECONDS)
    host.remove(config.pid_file)


def _remove(config: Config, step: Step, host: Host) -> None:
    """The files that osvc_ha wrote, and the sockets; the log stays, it may say why."""
    for file in (config.config_file, config.state_file, config.rejected_file, config.runtime_dir / "reload.stamp"):
        host.remove(file)
    for socket in (config.runtime_socket, config.master_socket, config.authority_socket):
        host.remove(socket)
    # Last: until then a run that was killed half way goes on.
    forget(config, host)


def _run(host: Host, argv: Sequence[str]) -> None:
    done = host.run(argv, seconds=START_SECONDS)
    if done.code:
        raise ApplyError(f"{' '.join(argv)}: {done.words}")


def _rejected(config: Config, host: Host) -> Mapping[str, str]:
    """What an earlier write found broken. A half-written file only means that it is tried again."""
    try:
        found = json.loads(host.read(config.rejected_file) or "{}")
    except (ValueError, ObserveError):
        return {}
    return {str(key): str(words) for key, words in found.items()} if isinstance(found, dict) else {}


Operation = Callable[[Config, Step, Host], None]
OPERATIONS: Mapping[str, Operation] = {
    "claim": claim,
    "write": _write,
    "start": _start,
    "reload": _reload,
    "set": _set,
    "stop": _stop,
    "remove": _remove,
}
