"""Who listens here: address, port and the program's name, from /proc. Needs root for the names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, Iterator, Tuple

from osvc_ha.doctor.facts import Socket
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

PROC = Path("/proc")
LISTEN = "0A"


def listening(host: Host) -> Tuple[Socket, ...]:
    """Every listening TCP socket of this network, sorted. ObserveError when the table cannot be read."""
    inodes = dict(_inodes(host))
    owners = _owners(set(inodes))
    return tuple(
        sorted({Socket(*where, owners.get(inode, "")) for inode, where in inodes.items()}, key=lambda one: (one.port, one.address))
    )


def _inodes(host: Host) -> Iterator[Tuple[str, Tuple[str, int]]]:
    tables = [host.read(PROC / "net" / name) for name in ("tcp", "tcp6")]
    if tables[0] is None:
        raise ObserveError(f"{PROC / 'net' / 'tcp'}: not there; which ports are taken cannot be told")
    for table in tables:
        for line in (table or "").splitlines()[1:]:
            words = line.split()
            if len(words) > 9 and words[3] == LISTEN:
                where, _, port = words[1].partition(":")
                yield words[9], (_address(where), int(port, 16))


def _address(digits: str) -> str:
    """The kernel writes each 32-bit word as this machine's number: little-endian here."""
    if not digits.strip("0"):
        return "*"
    parts = [bytes.fromhex(digits[start : start + 8])[::-1] for start in range(0, len(digits), 8)]
    whole = b"".join(parts)
    if len(whole) == 4:
        return ".".join(map(str, whole))
    if whole[:12] == b"\0" * 10 + b"\xff\xff":
        return ".".join(map(str, whole[12:]))
    import ipaddress

    return str(ipaddress.IPv6Address(whole))


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
