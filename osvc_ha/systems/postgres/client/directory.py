"""What is on the volume, by programs of their own: a disk that hangs would hang us too."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.state import Directory, Folder
from osvc_ha.systems.postgres.state.pidfile import PidFile, parse_pid_file
from osvc_ha.systems.postgres.state.processes import Process, progress_of, recovering
from osvc_ha.systems.postgres.state.replies import parse_mounts, parse_peek

PEEK_SECONDS = 5.0
READ_SECONDS = 2.0
PLAIN = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def look(config: Config, host: Host) -> Directory:
    """The data directory. What cannot be read is UNKNOWN with the reason, no error: a stop does not need it."""
    if not mounted(config, host):
        return Directory(Folder.UNKNOWN, False)
    peek = [sys.executable, "-I", "-S", str(Path(__file__).with_name("peek.py")), config.directory]
    try:
        # It answers also to whether the disk can be read at all.
        done = host.run(peek, PEEK_SECONDS)
        return Directory(Folder.UNKNOWN, trouble=done.words) if done.code else parse_peek(done.out)
    except ApplyError:
        return Directory(Folder.UNKNOWN, trouble=f"{config.directory}: no answer within {PEEK_SECONDS:g} s: the volume hangs", hangs=True)
    except ObserveError as error:
        return Directory(Folder.UNKNOWN, trouble=str(error))


def mounted(config: Config, host: Host) -> bool:
    """Is the volume there? True when no keyword names it."""
    if not config.mount:
        return True
    points = parse_mounts(host.read(Path("/proc/self/mountinfo"), lossy=True) or "")
    # The last part is looked at only where nothing is mounted: what is may hang.
    place = os.path.join(os.path.realpath(os.path.dirname(config.mount)), os.path.basename(config.mount))
    return place in points or os.path.realpath(place) in points


def text_of(path: str, host: Host) -> str:
    """A small file on the volume; "" when there is none, or it cannot be read in time."""
    try:
        done = host.run(["cat", "--", path], READ_SECONDS, env=PLAIN)
    except ApplyError:
        return ""
    return "" if done.code else done.out


def noted(config: Config, host: Host) -> PidFile:
    """What postmaster.pid says."""
    return parse_pid_file(text_of(f"{config.directory}/postmaster.pid", host))


def progress(config: Config, children: Iterable[Process], host: Host) -> str:
    """How far a recovery is, "" when there is none."""
    segment = recovering(children)
    if not segment:
        return ""
    try:
        names = host.run(["ls", "--", f"{config.directory}/pg_wal"], READ_SECONDS, env=PLAIN).out.split()
    except ApplyError:
        names = []
    return progress_of(segment, names)
