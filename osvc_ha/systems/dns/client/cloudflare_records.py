"""Cloudflare's records as ours, and back. No calls.

Ownership is the comment: its first word is ``osvc-ha:<cluster id>``. What a person writes behind it stays.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Tuple

from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.dns.state import AUTOMATIC, Change, Do, Owner, Record, canonical

MARK = "osvc-ha:"
# The least of all plans (developers.cloudflare.com/dns/manage-dns-records/reference/record-attributes). Tags would be the
# natural mark, and a free zone takes none (error 9300).
LONGEST_COMMENT = 100
OURS, FOREIGN = Owner.OURS, Owner.FOREIGN
PROXIABLE = frozenset({"A", "AAAA", "CNAME"})


def mark_of(cluster: str) -> str:
    """The comment of a cluster's records. An id that no comment can hold is told by its hash."""
    found = MARK + "".join("-" if letter.isspace() else letter for letter in cluster)
    return found if len(found) <= LONGEST_COMMENT else MARK + hashlib.sha256(cluster.encode()).hexdigest()


def owner_of(comment: Any, mark: str) -> Owner:
    """Whose a record with this comment is."""
    if not comment or not comment.startswith(MARK):
        return FOREIGN
    return OURS if comment.partition(" ")[0] == mark else Owner.OTHER


def record_of(row: Mapping[str, Any], mark: str) -> Record:
    """One record as the API gives it."""
    type_ = row["type"]
    # The API has checked what it keeps, and an IPv4 address has one spelling.
    value = row["content"] if type_ == "A" else _value(type_, row)
    owner = owner_of(row.get("comment"), mark)
    return Record(row["name"].lower(), type_, value, int(row["ttl"]), row.get("proxied") is True, owner, row["id"])


class Reading:
    """Rows as records. One that was not modified since the last look is the same record: making 10,000 of them is most of a look."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        # By id: when it was last modified, its comment, the record.
        self._known: dict[str, Tuple[str, Any, Record]] = {}

    def split(self, rows: Iterable[Mapping[str, Any]]) -> Tuple[list[Record], list[Record]]:
        """(ours, all others)."""
        ours: list[Record] = []
        others: list[Record] = []
        kept: dict[str, Tuple[str, Any, Record]] = {}
        for row in rows:
            ident, modified, comment = row["id"], row.get("modified_on"), row.get("comment")
            known = self._known.get(ident)
            if known is None or not modified or known[0] != modified or known[1] != comment:
                known = (modified or "", comment, record_of(row, self.mark))
            kept[ident] = known
            (ours if known[2].owner is OURS else others).append(known[2])
        self._known = kept
        return ours, others


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Without Python's collector of reference cycles: it would go through all rows again and again while they are read, which
    takes a third of a look, and they have no cycles. The rows should be gone by the end.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _value(type_: str, row: Mapping[str, Any]) -> str:
    if type_ == "SRV" and row.get("data"):
        parts = row["data"]
        return canonical("SRV", f"{parts['priority']:.0f} {parts['weight']:.0f} {parts['port']:.0f} {parts['target']}")
    content = str(row.get("content") or "")
    try:
        return canonical(type_, content)
    except ConfigError:
        # Somebody's record that we only look at.
        return content


def body(record: Record) -> dict[str, Any]:
    """The fields of a record as the API takes them; without the comment, which an update leaves as it is."""
    made: dict[str, Any] = {"name": record.name, "type": record.type, "ttl": AUTOMATIC if record.proxied else record.ttl}
    if record.type == "SRV":
        priority, weight, port, target = record.value.split()
        made["data"] = {"priority": int(priority), "weight": int(weight), "port": int(port), "target": target}
    else:
        made["content"] = record.value
    # "This record type cannot be proxied" (9004) even for false would be odd; it is not sent where it means nothing.
    if record.type in PROXIABLE:
        made["proxied"] = record.proxied
    return made


def ident_of(change: Change) -> str:
    """Cloudflare's id of the record that a change alters or takes away."""
    return change.record.ident or (change.before.ident if change.before is not None else "")


def batch_of(changes: Iterable[Change], mark: str) -> dict[str, list[dict[str, Any]]]:
    """The body of one batch: the API does deletes, patches, posts in this order."""
    made: dict[str, list[dict[str, Any]]] = {}
    for change in changes:
        if change.do is Do.DELETE:
            made.setdefault("deletes", []).append({"id": ident_of(change)})
        elif change.do is Do.UPDATE:
            made.setdefault("patches", []).append({"id": ident_of(change), **body(change.record)})
        else:
            made.setdefault("posts", []).append({**body(change.record), "comment": mark})
    return made


def still_to_do(changes: Iterable[Change], ours: Iterable[Record]) -> list[Change]:
    """Which changes a new look does not show as done: for a call that was sent, and whose answer never came."""
    there = list(ours)
    alike = set(there)
    by_ident = {record.ident: record for record in there}
    left = []
    for change in changes:
        if change.do is Do.CREATE:
            done = change.record in alike
        elif change.do is Do.DELETE:
            done = ident_of(change) not in by_ident
        else:
            done = by_ident.get(ident_of(change)) == change.record
        if not done:
            left.append(change)
    return left
