"""Looks at the follower's process and what it wrote, starts and ends it. No decisions."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.seen import parse_seen
from osvc_ha.systems.follow.config import Config
from osvc_ha.systems.follow.state import Actual

END_SECONDS = 15.0
KILL_SECONDS = 5.0


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """The process by the pid in its file, and its last look."""
    seen = parse_seen(host.read(config.seen_file))
    argv = _argv(seen.pid, host) if seen.pid else ()
    ours = str(config.runtime_dir) in argv
    return Actual(seen.pid if ours else 0, _command(argv) if ours else (), max(0.0, host.now() - seen.looked_at), seen)


def _argv(pid: int, host: Host) -> Tuple[str, ...]:
    if not host.alive(pid):
        return ()
    return tuple((host.read(Path(f"/proc/{pid}/cmdline")) or "").split("\0")[:-1])


def _command(argv: Tuple[str, ...]) -> Tuple[str, ...]:
    """Without the interpreter that the first line of a script puts in front."""
    at = argv.index("watch") if "watch" in argv else 1
    return argv[max(0, at - 1) :]


def _launch(config: Config, step: Step, host: Host) -> None:
    host.remove(config.seen_file)
    pid = host.launch(config.argv, config.log_file)
    _await_look(config, host, pid)


def _await(config: Config, step: Step, host: Host) -> None:
    _await_look(config, host, parse_seen(host.read(config.seen_file)).pid)


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
    pid = parse_seen(host.read(config.seen_file)).pid
    host.kill(pid, signal.SIGTERM)
    if not host.wait(lambda: not host.alive(pid), END_SECONDS):
        # Killing it leaves nothing that the next one does not put right.
        host.kill(pid, signal.SIGKILL)
        if not host.wait(lambda: not host.alive(pid), KILL_SECONDS):
            raise ApplyError(f"process {pid} outlives SIGKILL: it waits for a device; see /proc/{pid}/stack")


def _last_words(config: Config, host: Host) -> str:
    lines = (host.read(config.log_file) or "").strip().splitlines()
    return " / ".join(lines[-3:]) or f"{config.log_file} is empty"


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"launch": _launch, "await": _await, "end": _end}


def apply(config: Config, step: Step, host: Host) -> None:
    """Do one step. ApplyError with the process' last words."""
    DO[step.do](config, step, host)
