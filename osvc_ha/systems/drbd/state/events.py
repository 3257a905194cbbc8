"""``drbdsetup events2 --now --statistics RES`` (8.4 and 9) as a Resource. Pure."""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from osvc_ha.planner.errors import ObserveError

from . import CONNECTIONS, DISKS, REPLICATIONS, ROLES, Peer, PeerVolume, Resource, Volume

SOURCE = "drbdsetup events2"
Fields = Dict[str, str]


def parse_events(text: str, name: str) -> Optional[Resource]:
    """The resource, None when the kernel has none of that name. ObserveError for a text that is cut, or a state nobody knows.

    With 8.4 its only peer is called ``peer``, or "" while StandAlone.
    """
    found: Dict[str, List[Fields]] = {"resource": [], "connection": [], "device": [], "peer-device": []}
    ended = False
    for line in text.splitlines():
        words = line.split()
        if words[:2] == ["exists", "-"]:
            ended = True
        elif words[:1] == ["exists"] and len(words) > 2:
            found.get(words[1], []).append(_fields(words[2:]))
        elif words:
            raise ObserveError(f"{SOURCE}: {line!r} was not expected; which DRBD version is this?")
    if not ended:
        raise ObserveError(f"{SOURCE}: its answer is cut: {text[-80:]!r}")
    own = {kind: [one for one in lines if one.get("name") == name] for kind, lines in found.items()}
    if not own["resource"]:
        return None
    return Resource(
        name,
        word(own["resource"][0], "role", ROLES, SOURCE),
        tuple(sorted((_volume(one) for one in own["device"]), key=lambda volume: volume.number)),
        tuple(_peer(one, own["peer-device"]) for one in own["connection"]),
        suspended="" if own["resource"][0].get("suspended", "no") == "no" else own["resource"][0]["suspended"],
    )


def _fields(words: List[str]) -> Fields:
    return {key: value for key, _, value in (word.partition(":") for word in words)}


def word(fields: Fields, key: str, known: Tuple[str, ...], source: str) -> str:
    """A state word. ObserveError when it is missing or none that DRBD has: acting on half an answer is worse than on none."""
    value = fields.get(key, "")
    if value not in known:
        raise ObserveError(f"{source}: {key} is {value!r}, not one of {' '.join(known)}")
    return value


def count(fields: Fields, key: str, missing: int = 0) -> int:
    """A number that may be left out. ObserveError when it is no number."""
    value = fields.get(key, str(missing))
    if not (value.isascii() and value.isdigit() and len(value) < 20):
        raise ObserveError(f"{SOURCE}: {key} is {value!r}, not a number")
    return int(value)


def _told(fields: Fields, key: str) -> Optional[bool]:
    return {"yes": True, "no": False}.get(fields.get(key, ""))


def _volume(fields: Fields) -> Volume:
    return Volume(
        count(fields, "volume"),
        count(fields, "minor"),
        word(fields, "disk", DISKS, SOURCE),
        count(fields, "size"),
        _told(fields, "quorum"),
        _told(fields, "open"),
    )


def _peer(fields: Fields, volumes: List[Fields]) -> Peer:
    number = fields.get("peer-node-id", "")
    own = [one for one in volumes if one.get("peer-node-id", "") == number]
    return Peer(
        fields.get("conn-name", ""),
        word(fields, "connection", CONNECTIONS, SOURCE),
        word(fields, "role", ROLES, SOURCE),
        tuple(sorted((_peer_volume(one) for one in own), key=lambda volume: volume.number)),
        address=fields.get("peer", "").partition(":")[2],
    )


def _peer_volume(fields: Fields) -> PeerVolume:
    return PeerVolume(
        count(fields, "volume"),
        word(fields, "peer-disk", DISKS, SOURCE),
        word(fields, "replication", REPLICATIONS, SOURCE),
        out_of_sync=count(fields, "out-of-sync"),
    )
