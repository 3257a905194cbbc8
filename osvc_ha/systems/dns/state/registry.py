"""Whose an RRset is, on servers that keep no comments: one TXT record per RRset, in a subtree of its own. Pure.

The RRset ``redis.example.com A`` of the zone example.com is marked by the TXT ``a.redis._osvc-ha.example.com``; a wildcard's
``*`` is written ``_any``. Not beside the record, for three reasons: a name that exists in any type takes no more part in
the wildcard above it (RFC 4592 4.1); a second TXT beside a MongoDB SRV makes every driver refuse the seed list; and a
CNAME bears no neighbour.

An RRset is owned whole: it has one time to live and is answered as one, so a value that somebody adds to an RRset of ours
is an edit of ours, and is put back. An RRset that was there before, and is not marked, is never taken over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional, Tuple

from . import Owner

SUBTREE = "_osvc-ha"
MARK = "osvc-ha:"
ANY = "_any"
# In bytes of a name on the wire, RFC 1035 3.1.
LONGEST_NAME = 255

Key = Tuple[str, str]


def mark(cluster_id: str) -> str:
    """What the TXT of an RRset of ours says."""
    return f"{MARK}{cluster_id}"


def registry_name(name: str, type: str, zone: str) -> str:
    """The name of the TXT that marks the RRset ``name type``."""
    inside = name[: -len(zone)].rstrip(".") if name != zone else ""
    labels = [type.lower(), *(_hidden(label) for label in inside.split(".") if label), SUBTREE, zone]
    return ".".join(labels)


def registered(name: str, type: str, zone: str) -> Optional[Key]:
    """The (name, type) that an RRset of the registry marks; None when it marks nothing, or is none of the registry."""
    inside = name[: -len(f".{SUBTREE}.{zone}")]
    if type != "TXT" or not in_registry(name, zone) or not inside:
        return None
    type, *labels = inside.split(".")
    return ".".join([*(_plain(label) for label in labels), zone]), type.upper()


def in_registry(name: str, zone: str) -> bool:
    """Is this a name of the registry itself?"""
    return name == f"{SUBTREE}.{zone}" or name.endswith(f".{SUBTREE}.{zone}")


def owner_of(texts: Iterable[str], cluster_id: str) -> Owner:
    """Whose the mark is that consists of these TXT values (without quotes); two marks at once are never ours."""
    found = set(texts)
    if found == {mark(cluster_id)}:
        return Owner.OURS
    return Owner.OTHER if any(text.startswith(MARK) for text in found) else Owner.FOREIGN


def too_long(name: str, type: str, zone: str) -> bool:
    """Is there no room left in this name for that of its mark?"""
    return max(len(name), len(registry_name(name, type, zone))) + 2 > LONGEST_NAME


def _hidden(label: str) -> str:
    # A label that is really called _any, or _any_, gets one _ more, so that each name has a mark of its own.
    if label == "*":
        return ANY
    return f"{label}_" if label.rstrip("_") == ANY else label


def _plain(label: str) -> str:
    if label == ANY:
        return "*"
    return label[:-1] if label.rstrip("_") == ANY else label
