"""Looks at the follower's process and what it wrote, starts and ends it. No decisions."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Step
from osvc_ha.seen import parse_seen
from osvc_ha.systems.follow.config import Config
from osvc_ha.systems.follow.state import Actual
from osvc_ha.wakers import poke

END_SECONDS = 15.0
KILL_SECONDS = 5.0


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """The process, and its last look."""
    seen = parse_seen(host.read(config.seen_file))
    pid = _find(config, host, seen.pid)
    command = _command(_argv(pid, host)) if pid else ()
    return Actual(pid, command, max(0.0, host.now() - seen.looked_at), seen)


def _find(config: Config, host: Host, noted: int) -> int:
    """Pid of our follower, 0 when it does not run.

    ``noted``, as its file says; else whoever runs as it: the file may be lost, and a start that was killed may have
    launched one which has not written there yet. It would come up after a stop that looked only there.
    """
    if noted and _is_ours(config, host, noted):
        return noted
    return next((pid for pid in map(int, filter(str.isdecimal, host.names(Path("/proc")))) if _is_ours(config, host, pid)), 0)


def _is_ours(config: Config, host: Host, pid: int) -> bool:
    argv = _argv(pid, host)
    return "watch" in argv and ("--runtime-dir", str(config.runtime_dir)) in zip(argv, argv[1:])


def _argv(pid: int, host: Host) -> Tuple[str, ...]:
    # What ends while we look is none.
    with contextlib.suppress(ObserveError):
        if host.alive(pid):
            return tuple((host.read(Path(f"/proc/{pid}/cmdline")) or "").split("\0")[:-1])
    return ()


def _command(argv: Tuple[str, ...]) -> Tuple[str, ...]:
    """Without the interpreter that the first line of a script puts in front."""
    at = argv.index("watch") if "watch" in argv else 1
    return argv[max(0, at - 1) :]


def _launch(config: Config, step: Step, host: Host) -> None:
    host.remove(config.seen_file)
    pid = host.launch(config.argv, config.log_file)
    _await_look(config, host, pid)


def _await(config: Config, step: Step, host: Host) -> None:
    """For one that was launched before. It has had its time by then: one that hangs makes way for the next start."""
    _poke(config)
    try:
        _await_look(config, host, _find(config, host, parse_seen(host.read(config.seen_file)).pid))
    except ApplyError as error:
        _end(config, step, host)
        raise ApplyError(f"{error}; it was ended, start it anew") from error


def _poke(config: Config) -> None:
    """It may have looked, and its file be lost: then it has no reason to look before its resync."""
    poke(config.runtime_dir / "watch.sock")


def _await_look(config: Config, host: Host, pid: int) -> None:
    def looked() -> bool:
        seen = parse_seen(host.read(config.seen_file))
        return seen.pid == pid and seen.looked_at > 0

    host.wait(lambda: looked() or not host.alive(pid), config.start_timeout, 0.05)
    if not host.alive(pid):
        raise ApplyError(f"{config.program}: it ended at once: {_last_words(config, host)}")
    if not looked():
        raise ApplyError(f"process {pid} has not looked within {config.start_timeout} s: {_last_words(config, host)}")


def _end(config: Config, step: Step, host: Host) -> None:
    pid = _find(config, host, parse_seen(host.read(config.seen_file)).pid)
    if pid:
        host.kill(pid, signal.SIGTERM)
        if not host.wait(lambda: not host.alive(pid), END_SECONDS):
            # Killing it leaves nothing that the next one does not put right.
            host.kill(pid, signal.SIGKILL)
            if not host.wait(lambda: not host.alive(pid), KILL_SECONDS):
                raise ApplyError(f"process {pid} outlives SIGKILL: it waits for a device; see /proc/{pid}/stack")
    host.remove(config.seen_file)


def _last_words(config: Config, host: Host) -> str:
    lines = (host.read(config.log_file, lossy=True) or "").strip().splitlines()
    return " / ".join(lines[-3:]) or f"{config.log_file} is empty"


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"launch": _launch, "await": _await, "end": _end}


def apply(config: Config, step: Step, host: Host) -> None:
    """Do one step. ApplyError with the process' last words."""
    DO[step.do](config, step, host)
