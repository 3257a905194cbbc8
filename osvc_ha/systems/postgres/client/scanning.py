"""The processes named postgres on this machine, containers included."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import List, Optional, Tuple
from weakref import WeakSet

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.state.processes import Found, Process, sort_out

NAMES = ("postgres", "postmaster")
PROC = Path("/proc")
STAT_SECONDS = 2.0
# Where the volume hung once, it is not asked again by this process: each question may leave a child that cannot be killed.
HUNG: WeakSet[Host] = WeakSet()


def processes(config: Config, host: Host) -> Tuple[Process, ...]:
    """All of them, with whether they work in the data directory."""
    every = [_process(int(name), host) for name in host.names(PROC) if name.isdecimal()]
    found = [one for one in every if one is not None]
    here = _working_in(config.directory, [one.pid for one in found], host)
    return tuple(replace(one, here=one.pid in here) for one in found)


def running(config: Config, host: Host, noted: int = 0) -> Found:
    """They, sorted out."""
    return sort_out(processes(config, host), config.directory, noted)


def _process(pid: int, host: Host) -> Optional[Process]:
    # What ends while we look is none, and a zombie has no command.
    with contextlib.suppress(ObserveError, IndexError):
        if (host.read(PROC / f"{pid}/comm", lossy=True) or "").strip() not in NAMES:
            return None
        command = tuple((host.read(PROC / f"{pid}/cmdline", lossy=True) or "").rstrip("\0").split("\0"))
        parent = (host.read(PROC / f"{pid}/stat", lossy=True) or "").rpartition(")")[2].split()[1]
        if command != ("",):
            return Process(pid, int(parent), command)
    return None


def _working_in(directory: str, pids: List[int], host: Host) -> frozenset[int]:
    """By device and inode, so that one in a container counts. A program looks them up, for stat() waits for the disk.

    Where that hangs, by the path, which the kernel tells without the disk.
    """
    if not pids:
        return frozenset()
    try:
        if host in HUNG:
            return _by_path(directory, pids)
        done = host.run(["stat", "-L", "-c", "%d:%i %n", "--", directory, *(f"/proc/{pid}/cwd" for pid in pids)], STAT_SECONDS)
    except ApplyError:
        HUNG.add(host)
        return _by_path(directory, pids)
    # What has ended since is an error of one line, and the others are told all the same.
    numbers = {path: number for number, _, path in (line.partition(" ") for line in done.out.splitlines())}
    wanted = numbers.get(directory, "")
    return frozenset(pid for pid in pids if wanted and numbers.get(f"/proc/{pid}/cwd") == wanted)


def _by_path(directory: str, pids: Iterable[int]) -> frozenset[int]:
    found = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd") == directory:
                found.add(pid)
    return frozenset(found)
