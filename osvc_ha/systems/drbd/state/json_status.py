"""``drbdsetup status --json`` of DRBD 9 as a Resource. Pure. Written from drbd-utils' own printing code (user/v9/drbdsetup.c)."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

from osvc_ha.planner.errors import ObserveError

from . import CONNECTIONS, DISKS, REPLICATIONS, ROLES, Peer, PeerVolume, Resource, Volume
from .events import word

SOURCE = "drbdsetup status --json"
# What drbdsetup prints when no speed is known yet.
NEVER = 987654321
SUSPENSIONS = {"suspended-user": "user", "suspended-no-data": "no-data", "suspended-fencing": "fencing", "suspended-quorum": "quorum"}


def parse_status(text: str, name: str) -> Optional[Resource]:
    """The resource, None when the kernel has none of that name. ObserveError for a text that is no such answer."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ObserveError(f"{SOURCE}: no JSON: {error}") from error
    if not isinstance(document, list):
        raise ObserveError(f"{SOURCE}: a list was expected, not {str(document)[:60]!r}")
    own = [one for one in document if isinstance(one, dict) and one.get("name") == name]
    if not own:
        return None
    found = own[0]
    return Resource(
        name,
        word(found, "role", ROLES, SOURCE),
        tuple(_volume(one) for one in _dicts(found, "devices")),
        tuple(_peer(one) for one in _dicts(found, "connections")),
        suspended=_suspended(found),
    )


def _suspended(found: Dict[str, Any]) -> str:
    if not found.get("suspended"):
        return ""
    return ",".join(name for key, name in SUSPENSIONS.items() if found.get(key)) or "user"


def _dicts(found: Dict[str, Any], key: str) -> List[Dict[str, Any]]:
    value = found.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ObserveError(f"{SOURCE}: {key} is {str(value)[:60]!r}, not a list of objects")
    return value


def _count(found: Dict[str, Any], key: str) -> int:
    value = found.get(key, 0)
    if not isinstance(value, int) or value < 0:
        raise ObserveError(f"{SOURCE}: {key} is {value!r}, not a number")
    return int(value)


def _told(found: Dict[str, Any], key: str) -> Optional[bool]:
    value = found.get(key)
    return value if isinstance(value, bool) else None


def _volume(found: Dict[str, Any]) -> Volume:
    disk = word(found, "disk-state", DISKS, SOURCE)
    return Volume(
        _count(found, "volume"), _count(found, "minor"), disk, _count(found, "size"), _told(found, "quorum"), _told(found, "open")
    )


def _peer(found: Dict[str, Any]) -> Peer:
    return Peer(
        str(found.get("name", "")),
        word(found, "connection-state", CONNECTIONS, SOURCE),
        word(found, "peer-role", ROLES, SOURCE),
        tuple(_peer_volume(one) for one in _dicts(found, "peer_devices")),
    )


def _peer_volume(found: Dict[str, Any]) -> PeerVolume:
    done, left = found.get("percent-resync-done"), found.get("estimated-seconds-to-finish")
    return PeerVolume(
        _count(found, "volume"),
        word(found, "peer-disk-state", DISKS, SOURCE),
        word(found, "replication-state", REPLICATIONS, SOURCE),
        float(done) if isinstance(done, (int, float)) else None,
        int(left) if isinstance(left, (int, float)) and 0 <= left < NEVER else None,
        _count(found, "out-of-sync"),
    )
