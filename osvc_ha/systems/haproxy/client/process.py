"""Which process is our HAProxy, and what its sockets say."""

from __future__ import annotations

import contextlib
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.haproxy.config import Config

PROCESSES = "show proc\nquit\n"
ASKED_SECONDS = 3.0


def master_pid(config: Config, host: Host) -> int:
    """Pid of our master process as the pid file says, 0 when it does not run. A pid that another program got since is not ours."""
    text = (host.read(config.pid_file) or "").split()
    pid = int(text[0]) if text and text[0].isdecimal() else 0
    return pid if pid and host.alive(pid) and _is_ours(config, host, pid) else 0


def _is_ours(config: Config, host: Host, pid: int) -> bool:
    return f"\0-f\0{config.config_file}\0" in (host.read(Path(f"/proc/{pid}/cmdline")) or "")


def stray_master(config: Config, host: Host) -> int:
    """A master that a killed run launched and did not live to note, 0 when there is none. A second one would share its ports."""
    ours = set()
    for pid in map(int, filter(str.isdecimal, host.names(Path("/proc")))):
        # What ends while we look is none.
        with contextlib.suppress(ObserveError):
            if host.alive(pid) and _is_ours(config, host, pid):
                ours.add(pid)
    parents = {pid: (host.read(Path(f"/proc/{pid}/stat")) or "").rpartition(")")[2].split() for pid in ours}
    return next((pid for pid, words in sorted(parents.items()) if words and int(words[1]) not in ours), 0)


def living_master(config: Config, host: Host) -> int:
    """Pid of our master process, never 0: signals to 0 reach ourselves. Raises ObserveError or ApplyError."""
    pid = master_pid(config, host)
    # Its socket is closed for a moment in a reload.
    if not pid and host.wait(lambda: bool(said(host, config.master_socket, PROCESSES)), ASKED_SECONDS):
        rows = (row.split() for row in said(host, config.master_socket, PROCESSES).splitlines())
        pid = next((int(row[0]) for row in rows if row[1:2] == ["master"] and row[0].isdecimal()), 0)
    if not pid:
        raise ApplyError(f"{config.master_socket}: names no master process; is this HAProxy another one's?")
    return pid


def said(host: Host, socket: Path, words: str) -> str:
    """What a socket answers, empty while it does not."""
    with contextlib.suppress(ObserveError):
        return host.exchange(str(socket), words)
    return ""
