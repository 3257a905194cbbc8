"""The processes named postgres on this machine, containers included."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.state.processes import Found, Process, sort_out

NAMES = ("postgres", "postmaster")
PROC = Path("/proc")


def processes(config: Config, host: Host) -> Tuple[Process, ...]:
    """All of them, with whether they work in the data directory."""
    here = _identity(config.directory)
    found = (_process(int(name), here, host) for name in host.names(PROC) if name.isdecimal())
    return tuple(one for one in found if one is not None)


def running(config: Config, host: Host, noted: int = 0) -> Found:
    """They, sorted out."""
    return sort_out(processes(config, host), config.directory, noted)


def _identity(path: str) -> Tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _process(pid: int, here: Tuple[int, int], host: Host) -> Optional[Process]:
    # What ends while we look is none, and a zombie has no command.
    with contextlib.suppress(ObserveError, IndexError):
        if (host.read(PROC / f"{pid}/comm", lossy=True) or "").strip() not in NAMES:
            return None
        command = tuple((host.read(PROC / f"{pid}/cmdline", lossy=True) or "").rstrip("\0").split("\0"))
        parent = (host.read(PROC / f"{pid}/stat", lossy=True) or "").rpartition(")")[2].split()[1]
        if command != ("",):
            return Process(pid, int(parent), command, here != (0, 0) and _identity(f"/proc/{pid}/cwd") == here)
    return None
