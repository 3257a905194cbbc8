"""Where the agent on this node listens, and which agent it is."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

from osvc_ha.planner.errors import ConfigError, ObserveError

ROOTS = ("/var/lib/opensvc", "/usr/share/opensvc/var")
CONNECT_SECONDS = 1.0


@dataclass(frozen=True)
class Door:
    """The socket to ask at; ``agent`` is "2.1" or "3"."""

    agent: str
    socket: Path


def find_door() -> Door:
    """The agent of this node. ConfigError when there is none, ObserveError when its daemon does not run.

    3 first: it leaves behind the socket of a 2.1 that it replaced. A 3 that was killed leaves its own behind, so where both
    are there, the one that does not listen is passed over.
    """
    directory = _directory()
    http, raw = directory / "http.sock", directory / "lsnr.sock"
    if http.is_socket() and not (raw.is_socket() and not _listens(http)):
        return Door("3", http)
    if raw.is_socket():
        return Door("2.1", raw)
    raise ObserveError(f"{directory}: no socket, so OpenSVC's daemon does not run; start it: om daemon start")


def moved(door: Door) -> bool:
    """Has agent 3 taken the place of the 2.1 that answered at this door? One stat: it may be asked often."""
    return door.agent == "2.1" and door.socket.with_name("http.sock").is_socket()


def local_name() -> str:
    """This node's name, as both agents make it: the host name in lower case, with its domain if it has one."""
    return socket.gethostname().lower()


def _directory() -> Path:
    """3 removes its sockets when it is stopped, 2.1 leaves them.

    Below OSVC_ROOT_PATH first. On 2.1 that names where its code is, and its sockets are there only if that is not the usual place.
    """
    named = os.environ.get("OSVC_ROOT_PATH", "")
    roots = (*((named + "/var",) if named else ()), *(ROOTS if named in ("", "/usr/share/opensvc") else ()))
    found = next((path for path in (Path(root, "lsnr") for root in roots) if path.is_dir()), None)
    if found is None:
        raise ConfigError(f"no OpenSVC agent on this node ({', '.join(roots)}); use --snapshot FILE to read a snapshot instead")
    if not os.access(found, os.X_OK):
        raise ConfigError(f"{found}: only root may ask the agent; use sudo, or --snapshot FILE to read a snapshot")
    return found


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(CONNECT_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
