"""A resource of 8.4 out of /proc/drbd alone, while nothing moves: what ``drbdsetup events2`` would say of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Dict, List, Optional, Tuple

from . import DISKS, ROLES, Configured, Peer, PeerVolume, Resource, Volume
from .naming import NAMELESS

# No resync or verify runs, no I/O is suspended for whatever reason (the six flags), and there is a peer or one is waited for.
AT_REST = re.compile(r"^ *([0-9]{1,7}): cs:(Connected|WFConnection) ro:(\w+)/(\w+) ds:(\w+)/(\w+) [ABC] r-----$", re.MULTILINE)
MINOR = re.compile(r" *[0-9]{1,7}: ")
OUT_OF_SYNC = re.compile(r" .* oos:([0-9]{1,18})$")
# In the words of events2: the connection, and what replication over it does then.
STATES = {"Connected": ("Connected", "Established"), "WFConnection": ("Connecting", "Off")}
# (number, minor, size in KiB) of each volume.
Shape = Tuple[Tuple[int, int, int], ...]
Row = Tuple[str, str, str, str, str, int]


def shape_of(shown: Configured, sizes: Mapping[int, int]) -> Optional[Shape]:
    """Which minors the kernel has under this name, from ``drbdsetup show``. None unless it has one peer, and each size is told."""
    here = shown.hosts[0] if len(shown.hosts) == 1 else None
    if here is None or shown.remotes != 1 or not here.minors or len(here.numbers) != len(here.minors):
        return None
    if any(sizes.get(minor, 0) <= 0 for minor in here.minors):
        return None
    return tuple((number, minor, sizes[minor]) for number, minor in zip(here.numbers, here.minors))


def same_shape(resource: Resource) -> Optional[Shape]:
    """The same, from what events2 told. None unless it has one peer."""
    return tuple((one.number, one.minor, one.size) for one in resource.volumes) or None if len(resource.peers) == 1 else None


def resting(proc: str, name: str, shape: Shape) -> Optional[Resource]:
    """The resource. None unless each of its minors is there, at rest, and in the same role and connection as the others."""
    rows = _rows(proc)
    found = [rows[minor] for _, minor, _ in shape if minor in rows]
    if len(found) != len(shape) or len({row[:3] for row in found}) != 1:
        return None
    connection, ours, theirs = found[0][:3]
    if {ours, theirs} - set(ROLES) or {disk for row in found for disk in row[3:5]} - set(DISKS):
        return None
    told, replication = STATES[connection]
    peers = tuple(PeerVolume(number, row[4], replication, out_of_sync=row[5]) for (number, _, _), row in zip(shape, found))
    volumes = tuple(Volume(number, minor, row[3], size) for (number, minor, size), row in zip(shape, found))
    return Resource(name, ours, volumes, (Peer(NAMELESS[0], told, theirs, peers),))


def _rows(proc: str) -> Dict[int, Row]:
    """Of each minor at rest: connection, both roles, both disks, what is out of sync. A line that is not understood makes it none."""
    found: Dict[int, Row] = {}
    lines: List[str] = proc.splitlines()
    for line, following in zip(lines, lines[1:]):
        rest, differing = AT_REST.match(line), OUT_OF_SYNC.match(following)
        if rest and differing and not MINOR.match(following):
            minor, connection, ours, theirs, disk, there = rest.groups()
            found[int(minor)] = (connection, ours, theirs, disk, there, int(differing.group(1)))
    return found
