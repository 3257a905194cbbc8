"""Who listens here: address, port and the program's name, from /proc. Needs root for the names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Iterator, Tuple

from osvc_ha.doctor.facts import Socket
from osvc_ha.host import Host
from osvc_ha.listening import Listening, parse_sockets
from osvc_ha.planner.errors import ObserveError

PROC = Path("/proc")


def listening(host: Host) -> Tuple[Socket, ...]:
    """Every listening TCP socket of this network, sorted. ObserveError when the table cannot be read."""
    inodes = dict(_inodes(host))
    owners = _owners(set(inodes))
    return tuple(
        sorted({Socket(*where, owners.get(inode, "")) for inode, where in inodes.items()}, key=lambda one: (one.port, one.address))
    )


def _inodes(host: Host) -> Iterator[Tuple[str, Listening]]:
    tables = [host.read(PROC / "net" / name) for name in ("tcp", "tcp6")]
    if tables[0] is None:
        raise ObserveError(f"{PROC / 'net' / 'tcp'}: not there; which ports are taken cannot be told")
    for table in tables:
        yield from ((inode, where) for where, inode in parse_sockets(table or "") if inode)


def _owners(wanted: set[str]) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for process in PROC.glob("[0-9]*"):
        try:
            for handle in os.listdir(process / "fd"):
                target = os.readlink(process / "fd" / handle)
                inode = target[8:-1] if target.startswith("socket:[") else ""
                if inode in wanted:
                    found[inode] = (process / "comm").read_text().strip()
        except OSError:
            # It ended meanwhile, or is not ours to look at.
            continue
    return found
