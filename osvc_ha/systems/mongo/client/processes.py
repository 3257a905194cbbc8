"""Starting and ending this node's mongod, its configuration and its directory."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from osvc_ha.cluster.seedlist import seedlist_file, told_seedlist
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan.steps import recall
from osvc_ha.systems.mongo.state import Disk
from osvc_ha.systems.mongo.state.firstconfig import render_mongod

from .finding import configuration, find_process
from .link import Fault, Peer, Trouble, listens, session, unreached
from .logs import log_size
from .peers import own_peer, peer_at
from .secrets import secret_trouble

# A clean start takes one; a start after a crash reads the journal first, as long as that takes: no start may kill it meanwhile.
LAUNCH_SECONDS = 10.0
# One that somebody else runs, and that has ended: whoever runs it may start it again by himself, and else has to hear of it.
ENDED_SECONDS, ENDED_POLL = 15.0, 0.2
# By itself mongod waits 15 s before it ends, so that clients go elsewhere (quiesce mode, 5.0). Those of a primary that stepped down have
# gone, and until it ends the members that copy from it look for no other source: w:majority waits for them.
QUIESCE_SECONDS = 0
# On SIGTERM it takes those 15 s, and more to write its last checkpoint.
END_SECONDS = 60.0
TERMINATE_AFTER_SECONDS = 20.0
# One whose port is closed serves nobody: it has not begun to, or writes its last checkpoint. What that lacks is in the journal.
CLOSED_SECONDS, KILL_SECONDS = 30.0, 5.0
OWN_FILES = ("mongod.conf", "mongod.log", "mongod.log.1", "mongod.pid", "launch.log", "initiate.lock")


def disk(config: Config, name: str, listens_here: bool, host: Host) -> Disk:
    """What is there of an earlier life, or of one that begins or ends. name: this node's member's, without port.

    A mongod.conf of other keywords is none.
    """
    return Disk(
        config=host.read(configuration(config), lossy=True) == render_mongod(config, name),
        has_data=any(name.startswith("WiredTiger") or name == "storage.bson" for name in host.names(Path(config.data))),
        secret_trouble=secret_trouble(config, host),
        log=log_size(config),
        told=told_seedlist(host.read(seedlist_file(Path(config.seedlists), config.path), lossy=True)),
        process=not listens_here and find_process(config, host) > 0,
    )


def write_config(config: Config, step: Step, host: Host) -> None:
    """mongod.conf, and the data directory, for nobody else to enter."""
    name, _, _ = step.arg("host").rpartition(":")
    host.replace(configuration(config), render_mongod(config, name.strip("[]")), 0o600, 0o700)
    host.make_directory(Path(config.data), 0o700)


def launch(config: Config, step: Step, host: Host) -> None:
    """Start mongod, or wait for the one that is still reading its journal, until it accepts connections."""
    log = Path(config.directory) / "launch.log"
    peer = peer_at(config, step.arg("host"), host)
    give_up = host.monotonic() + max(LAUNCH_SECONDS, config.ready_timeout)
    pid = find_process(config, host)
    if not pid or not _opens(pid, peer, give_up, host):
        # What was there had closed its port to end, and has ended.
        pid = host.launch([config.mongod, "--config", str(configuration(config))], log)
        if not _opens(pid, peer, give_up, host):
            raise ApplyError(f"{config.mongod}: it ended at once: {_last_words(config, log, host)}")
    trouble = unreached(peer)
    if trouble is not None:
        raise ApplyError(f"{config.mongod}: process {pid} runs and does not listen yet ({trouble.words}); {config.log} says why")


def _opens(pid: int, peer: Peer, give_up: float, host: Host) -> bool:
    """Wait until it listens, or has ended. Does it live?"""
    host.wait(lambda: not host.alive(pid) or listens(peer), give_up - host.monotonic(), 0.05)
    return host.alive(pid)


def _last_words(config: Config, log: Path, host: Host) -> str:
    """What it printed; else the last errors of its log (JSON lines since 4.4: severity E or F)."""
    texts = [host.read(path, lossy=True) or "" for path in (log, Path(config.log))]
    printed = [line for line in texts[0].splitlines() if line.strip()]
    logged = [line for line in texts[1].splitlines()[-200:] if '"s":"E"' in line or '"s":"F"' in line]
    return " / ".join((logged or printed)[-3:])[-1500:] or f"see {config.log}"


def wait_process(config: Config, step: Step, host: Host) -> None:
    """Wait for a mongod that somebody else starts: it may read its journal first. Not when it has ended: OpenSVC has to hear so."""
    peer = peer_at(config, step.arg("host"), host)
    give_up, seen = host.monotonic() + config.ready_timeout, float("inf")
    while not listens(peer):
        now = host.monotonic()
        seen = now if find_process(config, host) else seen
        if now - seen >= ENDED_SECONDS:
            raise ApplyError(
                f"{peer}: the mongod that ran has ended {now - seen:.0f} s ago; {config.log} says why, and its container or app"
            )
        if now >= give_up:
            words = f"nothing answers on {peer} after {config.ready_timeout:g} s"
            raise ApplyError(f"{words}; with launch=false its container or app has to run")
        host.sleep(ENDED_POLL)


def stop(config: Config, step: Step, host: Host) -> None:
    """The shutdown command; where it cannot be given, SIGTERM; then wait for the end.

    A primary whose place nobody can take refuses the command, unless the override keyword is set or nobody is to stay.
    """
    at = peer_at(config, step.arg("host"), host)
    pid = find_process(config, host)
    if not pid:
        raise ApplyError(f"{at}: no process here has {configuration(config)}, nor does mongod.pid tell it; end it by hand on {step.on}")
    force = config.allow_stop_without_handover or not recall(config, step).staying
    if not _shut_down(own_peer(config, step.arg("host"), host), config.catch_up + 5.0, force):
        host.kill(pid, signal.SIGTERM)
        if not listens(at):
            _end_closed(pid, host)
    if not host.wait(lambda: not host.alive(pid), TERMINATE_AFTER_SECONDS):
        host.kill(pid, signal.SIGTERM)
    if not host.wait(lambda: not host.alive(pid) and not listens(at), END_SECONDS):
        raise ApplyError(f"{at}: process {pid} still runs {END_SECONDS:g} s after SIGTERM; see {config.log}")


def _end_closed(pid: int, host: Host) -> None:
    """One that could not be asked, and whose port is closed: SIGTERM has its time, then SIGKILL. mongod takes that for a crash."""
    if not host.wait(lambda: not host.alive(pid), CLOSED_SECONDS):
        host.kill(pid, signal.SIGKILL)
        if not host.wait(lambda: not host.alive(pid), KILL_SECONDS):
            raise ApplyError(f"process {pid} outlives SIGKILL: it waits for a device; see /proc/{pid}/stack")


def _shut_down(peer: Peer, seconds: float, force: bool) -> bool:
    """False when it could not be asked. ApplyError when it refused, being a primary without a successor."""
    try:
        with session(peer, seconds) as talk:
            talk.ask("shutdown", timeoutSecs=QUIESCE_SECONDS, force=force)
    except Trouble as trouble:
        if trouble.fault is Fault.COMMAND and not trouble.denied:
            raise ApplyError(trouble.words) from trouble
        # It hangs up instead of an answer.
        return trouble.fault is Fault.SILENT
    return True


def remove_directory(config: Config, step: Step, host: Host) -> None:
    """Data, configuration, log, socket and pid file; whatever else is in ``directory`` is not ours."""
    host.remove_tree(Path(config.data))
    for name in (*OWN_FILES, Path(config.socket).name):
        host.remove(Path(config.directory) / name)
    host.remove_directory(Path(config.directory))


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {
    "write-config": write_config,
    "launch": launch,
    "wait": wait_process,
    "stop": stop,
    "remove-directory": remove_directory,
}
