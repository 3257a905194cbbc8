"""What this node has for a start: programs, account, and whoever stands in the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.state import Directory, Machine
from osvc_ha.systems.postgres.state.pidfile import PidFile, parse_pid_file
from osvc_ha.systems.postgres.state.processes import Found
from osvc_ha.systems.postgres.state.replies import parse_major

from .account import uid
from .directory import text_of


def machine(config: Config, directory: Directory, found: Found, host: Host) -> Machine:
    """Asked only while no server runs here. ObserveError when the kernel does not tell which ports are taken."""
    major, trouble = _programs(config, host)
    noted = directory.pid_file.pid if directory.pid_file is not None else 0
    holder = lock_holder(config, host)
    holder_is = command_of(holder, host)
    return Machine(
        major=major,
        trouble=trouble,
        uid=uid(config),
        rival=_rival(config, found, host),
        taken=command_of(noted, host),
        lock=f"names process {holder}, which is {holder_is} here" if holder_is and holder not in found.others else "",
    )


def _programs(config: Config, host: Host) -> Tuple[str, str]:
    """Their major version, or what is wrong with them."""
    program = f"{config.programs}/postgres"
    way = "install it (Debian: apt-get install postgresql), or name its directory by the keyword programs"
    try:
        told = host.run([program, "--version"])
    except ApplyError as error:
        return "", f"{error}; {way}"
    major = parse_major(told.out)
    return major, "" if major else f"{program} --version: {told.words}"


def lock_holder(config: Config, host: Host) -> int:
    """The pid in the lock file of its socket; 0 when there is none. PostgreSQL refuses while any process has it."""
    return parse_pid_file(host.read(Path(f"{config.socket}.lock"), lossy=True) or "").pid


def _rival(config: Config, found: Found, host: Host) -> str:
    wide = "*" in config.listen
    held = [where for where, port in sorted(host.listening()) if port == config.port and (wide or where == "*" or where in config.listen)]
    for pid in found.others:
        other = _pid_file_of(pid, host)
        # Two may have the same port if neither addresses nor sockets meet, and one in a container has its own network.
        if other.port == config.port and _beside_us(pid) and (held or other.socket_dir == config.socket_dir):
            return f"port {config.port} is held by the PostgreSQL of {other.directory}, process {pid}; end it, or choose another port"
    if held:
        who = f"`ss -ltnp sport = :{config.port}` shows it"
        return f"port {config.port} is held on {held[0]} by another program; {who}; end it, or choose another port"
    return ""


def _beside_us(pid: int) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/self/ns/net")
    except OSError:
        return False


def _pid_file_of(pid: int, host: Host) -> PidFile:
    # Its volume may hang, too.
    return parse_pid_file(text_of(f"/proc/{pid}/cwd/postmaster.pid", host))


def command_of(pid: int, host: Host) -> str:
    """What a process is, shortened; "" when there is none. A dead one that nobody reaps counts: PostgreSQL takes it for alive."""
    if not pid or not os.path.exists(f"/proc/{pid}"):
        return ""
    try:
        words = (host.read(Path(f"/proc/{pid}/cmdline"), lossy=True) or "").replace("\0", " ").strip()
        name = (host.read(Path(f"/proc/{pid}/comm"), lossy=True) or "").strip()
    except ObserveError:
        return ""
    return f"`{(words or name)[:80]}`" if host.alive(pid) else f"`{name}`, dead and not reaped,"
