"""What the dns system sees and wants: Record, Change, Actual, Desired. Pure.

Names are absolute, lower case, ASCII (IDNA A-labels), without the last dot; a wildcard starts with ``*.``.
Values are in presentation format, in the one canonical form of ``canonical``, so that comparing is ``==``.

A Cloudflare load balancer is a record here too, of the type ``LB``: its value is its origins, ``<origin>=<address>`` sorted
and separated by spaces, and at last ``monitor=<keyword origin_check>``. A provider without load balancers never sees one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, Optional, Tuple

from osvc_ha.cluster.seedlist import Seedlist
from osvc_ha.planner.types import Step

from .canonical import canonical, txt, txt_text

__all__ = [
    "ADDRESS_TYPES",
    "AUTOMATIC",
    "LOAD_BALANCER",
    "Actual",
    "Change",
    "Do",
    "Listing",
    "Owner",
    "Record",
    "Turn",
    "canonical",
    "change_of",
    "origin_of",
    "to_step",
    "txt",
    "txt_text",
]

AUTOMATIC = 1  # Cloudflare's "TTL 1": it chooses; proxied records have no other.
LOAD_BALANCER = "LB"
# What answers for a name that is asked for its address.
ADDRESS_TYPES = ("A", "AAAA", "CNAME", LOAD_BALANCER)


class Owner(Enum):
    """Whose a record is. OTHER: marked by another cluster's osvc_ha. FOREIGN: not marked at all."""

    OURS = "ours"
    OTHER = "another cluster"
    FOREIGN = "foreign"


@dataclass(frozen=True, order=True)
class Record:
    """One resource record. ``ident``: the provider's own name for it, "" before it exists; never compared."""

    name: str
    type: str
    value: str
    ttl: int
    proxied: bool = False
    owner: Owner = field(default=Owner.OURS, compare=False)
    ident: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.name} {self.type} {self.value}"


class Do(Enum):
    """What is done to one record."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """One record made, altered or taken away. ``record``: as it shall be (DELETE: as it is). ``before``: UPDATE's old form."""

    do: Do
    record: Record
    before: Optional[Record] = None


@dataclass(frozen=True)
class Listing:
    """What the zone holds, as one provider listed it.

    ours: every record marked as this cluster's. others: all the rest, which the plan looks at and never touches.
    lowest_ttl: the least the zone takes, in seconds. notes: what a person should read (a mark that was taken off a record of ours).
    """

    ours: Tuple[Record, ...]
    others: Tuple[Record, ...] = ()
    lowest_ttl: int = 1
    notes: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """Since when something is as it is: a node alive or gone, an ingress node in or out. ``since``: seconds since the epoch."""

    well: bool
    since: float


@dataclass(frozen=True)
class Actual:
    """One look. listing: None when nobody asked the provider, or it could not be read: then ``trouble`` says why.

    holds: this node has the writer's mark. addresses: this machine's own, on the interface of its default route.
    memory: ``node:<name>`` and ``ingress:<name>`` -> Turn. written: which write of this node the look came after.
    told: service -> its replica set, of those that told of it on this node.
    """

    holds: bool = False
    listing: Optional[Listing] = None
    trouble: str = ""
    now: float = 0.0
    addresses: Tuple[str, ...] = ()
    memory: Mapping[str, Turn] = field(default_factory=dict)
    written: str = ""
    told: Mapping[str, Seedlist] = field(default_factory=dict)


def to_step(change: Change, why: str, cluster: str = "", written: str = "") -> Step:
    """One change as the line that people read, and as what ``change_of`` gets it back from.

    cluster: the id of the one whose records these are. written: of the look that this follows from.
    """
    record = change.record
    args = [("value", record.value), ("ttl", str(record.ttl)), ("proxied", str(record.proxied).lower())]
    if change.before is not None:
        args.append(("before", change.before.value))
    payload = {"cluster": cluster, "written": written, "record": _packed(record), "before": change.before and _packed(change.before)}
    return Step(change.do.value, f"{record.type} {record.name}", why, tuple(args), json.dumps(payload, sort_keys=True))


def change_of(step: Step) -> Change:
    """The change that a step stands for. ValueError for a step that is none."""
    told = json.loads(step.payload)
    return Change(Do(step.do), _unpacked(told["record"]), told["before"] and _unpacked(told["before"]))


def origin_of(step: Step) -> Tuple[str, str]:
    """The id of the cluster whose records a step is about, and ``written`` of the look that it follows from."""
    told = json.loads(step.payload)
    return str(told["cluster"]), str(told["written"])


def _packed(record: Record) -> dict[str, Any]:
    return {**asdict(record), "owner": record.owner.value}


def _unpacked(told: Mapping[str, Any]) -> Record:
    return Record(**{**told, "owner": Owner(told["owner"])})
