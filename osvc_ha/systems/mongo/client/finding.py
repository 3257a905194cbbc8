"""Which process is this node's mongod: by its pid file, else by the mongod.conf on its command line."""

from __future__ import annotations

import os
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.mongo.config import Config

PROC = Path("/proc")


def configuration(config: Config) -> Path:
    """mongod.conf."""
    return Path(config.directory) / "mongod.conf"


def find_process(config: Config, host: Host) -> int:
    """The mongod of our mongod.conf, whether or not it listens; 0 when none runs.

    A pid file outlives its process, and pids are used again. One that has just been launched, or is a script that will become mongod, has
    not written it yet; and what is in a container writes the container's own number.
    """
    words = (host.read(Path(config.directory) / "mongod.pid", lossy=True) or "").split()
    noted = int(words[0]) if words and words[0].isdecimal() else 0
    if noted and _has(noted, config, host):
        return noted
    every = (int(name) for name in host.names(PROC) if name.isdecimal())
    # Of a program and the one that it waits for, the latter.
    return max((pid for pid in every if _has(pid, config, host) and _among_us(pid, config)), default=0)


def _has(pid: int, config: Config, host: Host) -> bool:
    """Is that file its configuration? An editor that has it open is none of ours."""
    try:
        argv = (host.read(PROC / f"{pid}/cmdline", lossy=True) or "").rstrip("\0").split("\0")
    except ObserveError:
        return False
    file = str(configuration(config))
    named = any(option in ("--config", "-f") and value == file for option, value in zip(argv, argv[1:]))
    return (named or f"--config={file}" in argv) and host.alive(pid)


def _among_us(pid: int, config: Config) -> bool:
    """What osvc_ha launched sees the same files: in a machine within this one, that name is another file's. A container shares ours."""
    if not config.launch:
        return True
    try:
        return os.readlink(PROC / f"{pid}/ns/mnt") == os.readlink(PROC / "self/ns/mnt")
    except OSError:
        return False
