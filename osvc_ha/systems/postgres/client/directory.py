"""What is on the volume."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.state import Directory, Folder
from osvc_ha.systems.postgres.state.pidfile import parse_pid_file
from osvc_ha.systems.postgres.state.processes import Process, progress_of, recovering
from osvc_ha.systems.postgres.state.replies import parse_mounts

LIST_SECONDS = 5.0
SHOWN = 3


def look(config: Config, host: Host) -> Directory:
    """The data directory. What cannot be read is UNKNOWN with the reason, no error: a stop does not need it."""
    if not mounted(config, host):
        return Directory(Folder.UNKNOWN, False)
    try:
        # By a child, for a disk that hangs would hang us too. The answer to whether it can be read at all.
        listed = host.run(["/bin/ls", "-A", "--", config.directory], LIST_SECONDS, env={"LC_ALL": "C"})
    except ApplyError as error:
        return Directory(Folder.UNKNOWN, trouble=str(error))
    if listed.code and not os.path.lexists(config.directory):
        return _with_space(Directory(Folder.ABSENT), os.path.dirname(config.directory))
    if listed.code:
        return Directory(Folder.UNKNOWN, trouble=listed.words)
    names = listed.out.splitlines()
    if not names:
        return _with_space(Directory(Folder.EMPTY), config.directory)
    if "PG_VERSION" not in names:
        return Directory(Folder.FOREIGN, trouble=" ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else ""))
    try:
        return _cluster(config, names, host)
    except (ObserveError, OSError) as error:
        return Directory(Folder.UNKNOWN, trouble=str(error))


def mounted(config: Config, host: Host) -> bool:
    """Is the volume there? True when no keyword names it."""
    return not config.mount or os.path.realpath(config.mount) in parse_mounts(host.read(Path("/proc/self/mountinfo"), lossy=True) or "")


def _cluster(config: Config, names: Iterable[str], host: Host) -> Directory:
    directory = Path(config.directory)
    pid_file = host.read(directory / "postmaster.pid", lossy=True)
    found = Directory(
        Folder.CLUSTER,
        major=(host.read(directory / "PG_VERSION", lossy=True) or "").strip(),
        owner=os.stat(directory).st_uid,
        standby="standby.signal" in names,
        recovery="recovery.signal" in names,
        pid_file=parse_pid_file(pid_file) if pid_file is not None else None,
    )
    return _with_space(found, config.directory)


def _with_space(found: Directory, path: str) -> Directory:
    with contextlib.suppress(OSError):
        space = os.statvfs(path)
        return replace(found, free=space.f_bavail * space.f_frsize, size=space.f_blocks * space.f_frsize)
    return found


def progress(config: Config, children: Iterable[Process], host: Host) -> str:
    """How far a recovery is, "" when there is none."""
    segment = recovering(children)
    if not segment:
        return ""
    try:
        return progress_of(segment, host.names(Path(config.directory) / "pg_wal"))
    except ObserveError:
        return progress_of(segment, ())
