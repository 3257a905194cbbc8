"""Launching the server, and waiting until it takes writes."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.plan.telling import waiting
from osvc_ha.systems.postgres.state import Actual

from .account import as_owner, environment, give
from .asking import ask
from .directory import look, mounted, noted, progress, text_of
from .machine import command_of, lock_holder
from .scanning import running

POLL = 0.05
END_SECONDS = 60.0
TAIL_BYTES = 65536
MEGABYTE = 1024**2
# In these languages at least; else the last lines will do.
GRAVE = re.compile(r"FATAL:|PANIC:|ERROR:|HINT:|DETAIL:|CONTEXT:|LOG:  (?:could not|syntax error|unrecognized|invalid (?!record))")


def launch(config: Config, step: Step, host: Host) -> None:
    """Start the postmaster and wait. Its own interlocks judge once more."""
    log = Path(config.log)
    _folders(config)
    began = log.stat().st_size if log.exists() else 0
    argv = [f"{config.programs}/postgres", "-D", config.directory, "-p", str(config.port), "-k", config.socket_dir]
    argv += ["-c", f"listen_addresses={','.join(config.listen)}"]
    pid = host.launch([*as_owner(config), *argv], log, environment(config))
    _await(config, pid, host, began)


def wait(config: Config, step: Step, host: Host) -> None:
    """For one that somebody has started before."""
    log = Path(config.log)
    pid = running(config, host).postmaster
    _await(config, pid, host, log.stat().st_size if log.exists() else 0)


def _folders(config: Config) -> None:
    """Of log and socket. /run is empty after a boot."""
    try:
        Path(config.log).parent.mkdir(0o755, parents=True, exist_ok=True)
        if not os.path.isdir(config.socket_dir):
            os.makedirs(config.socket_dir, 0o755)
            give(config, config.socket_dir)
    except OSError as error:
        raise ApplyError(f"{error.filename}: cannot be made: {error.strerror}") from error


def _await(config: Config, pid: int, host: Host, began: int) -> None:
    give_up = host.monotonic() + config.ready_timeout
    actual = Actual("")
    while True:
        if not pid or not host.alive(pid):
            raise ApplyError(f"the server ended: {last_words(config, host, began)}")
        # Its own file first: psql costs 20 ms.
        if _phase(config, pid, host) in ("ready", "standby") or host.monotonic() >= give_up:
            actual = _look(config, pid, host)
            if actual.serves:
                return
        if host.monotonic() >= give_up:
            words = waiting(actual)
            raise ApplyError(f"not ready within {config.ready_timeout:g} s: {words}; it goes on, and ready_timeout may be raised")
        host.sleep(POLL)


def _phase(config: Config, pid: int, host: Host) -> str:
    told = noted(config, host)
    return told.phase if told.pid == pid else ""


def _look(config: Config, pid: int, host: Host) -> Actual:
    found = running(config, host, pid)
    return Actual("", look(config, host), postmaster=pid, answer=ask(config, host), progress=progress(config, found.children, host))


def last_words(config: Config, host: Host, began: int) -> str:
    """Why it ended, by its log since then; and whether the volume has room, which its words may not say plainly."""
    text = _tail(Path(config.log), began) or _collected(config, host)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    grave = [line for line in lines if GRAVE.search(line)]
    told = " / ".join((grave or lines)[-4:])[-1500:] or f"{config.log} is empty"
    found = look(config, host)
    full = f"; the volume is full ({found.free // MEGABYTE} MB free): make room, but delete nothing below {config.directory}"
    return told + (full if found.size and found.free < 32 * MEGABYTE else "")


def _tail(log: Path, began: int) -> str:
    try:
        with open(log, "rb") as source:
            size = source.seek(0, os.SEEK_END)
            # A log that was truncated meanwhile begins anew.
            source.seek(max(began if began <= size else 0, size - TAIL_BYTES))
            return source.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _collected(config: Config, host: Host) -> str:
    """The file of its own logging collector, if it has one."""
    names = text_of(f"{config.directory}/current_logfiles", host).split()
    return text_of(os.path.join(config.directory, names[1]), host)[-TAIL_BYTES:] if len(names) > 1 else ""


def await_end(config: Config, step: Step, host: Host) -> None:
    """One that is shutting down already."""
    if not host.wait(lambda: not running(config, host).postmaster, max(END_SECONDS, config.stop_timeout), POLL):
        raise ApplyError("it is still shutting down; stop the service, which ends it")


def remove_pid_file(config: Config, step: Step, host: Host) -> None:
    """Looks once more: not if any process works there, the file names another by now, or the volume is gone."""
    file = Path(config.directory) / "postmaster.pid"
    pid = noted(config, host).pid
    found = running(config, host, pid)
    if found.postmaster or found.orphans or str(pid) != step.arg("pid") or not mounted(config, host):
        raise ApplyError(f"{file}: the server was started meanwhile, or the volume is gone; nothing was removed")
    host.remove(file)


def remove_lock(config: Config, step: Step, host: Host) -> None:
    """Looks once more, at the holder."""
    file = Path(f"{config.socket}.lock")
    holder = lock_holder(config, host)
    if holder in running(config, host).others:
        raise ApplyError(f"{file}: is held by process {holder}, {command_of(holder, host)}")
    host.remove(file)


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {
    "launch": launch,
    "wait": wait,
    "await-end": await_end,
    "remove-pid-file": remove_pid_file,
    "remove-lock": remove_lock,
}
