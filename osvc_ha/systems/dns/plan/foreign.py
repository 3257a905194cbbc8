"""Records that are not ours, where ours should be: named, left alone, and the rest proceeds. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Optional, Tuple

from osvc_ha.systems.dns.state import ADDRESS_TYPES, Owner, Record
from osvc_ha.systems.dns.state.wanted import Entry

from .entries import ADDRESS, Draft


def give_way(draft: Draft) -> None:
    """Take out of the entries what a record of somebody else is in the way of."""
    # Addresses first: whether a CNAME of ours makes way decides what may stand beside them.
    for key, entry in sorted(draft.entries.items(), key=lambda one: one[1].family != ADDRESS):
        draft.entries[key] = _allowed(draft, entry)


def _allowed(draft: Draft, entry: Entry) -> Entry:
    held = draft.held((entry.name, entry.family))
    cut = _cut_off(draft, entry.name) or _own_alias(draft, entry)
    allowed: List[Tuple[Record, str]] = []
    for record, why in entry.records:
        same = next((one for one in draft.others.get(entry.name, ()) if (one.type, one.value) == (record.type, record.value)), None)
        if same is not None:
            draft.note(f"{record} is there already, {_whose(same)}; it is left alone. Remove it, and it is written as ours")
            continue
        blocking = cut or _blocking(draft, record, held)
        if blocking is None or any((one.type, one.value) == (record.type, record.value) for one in held):
            allowed.append((record, why))
        else:
            draft.note(f"{record} is not written: {blocking} is in the way, {_whose(blocking)}; remove it, or choose another name")
    lost = len(allowed) < len(entry.records)
    # What stood for a record that cannot be written stays, rather than that the name loses both.
    return replace(entry, records=tuple(allowed), keep=entry.keep or (lost and not allowed))


def _blocking(draft: Draft, record: Record, held: Tuple[Record, ...]) -> Optional[Record]:
    """A record of somebody else beside which this one may not be, or which it would take over."""
    for other in draft.others.get(record.name, ()):
        alone = "CNAME" in (other.type, record.type)
        taken = other.type == record.type and all(one.type != record.type for one in held)
        mixed = other.type in ADDRESS_TYPES and record.type in ADDRESS_TYPES and not held
        if alone or taken or mixed:
            return other
    return None


def _cut_off(draft: Draft, name: str) -> Optional[Record]:
    """A delegation at or above the name, or a DNAME above it: what we wrote there, nobody would see."""
    zone, level = draft.desired.config.zone, name
    while level != zone and "." in level:
        for other in draft.others.get(level, ()):
            if other.type == "NS" or (other.type == "DNAME" and level != name):
                return other
        level = level.partition(".")[2]
    return None


def _own_alias(draft: Draft, entry: Entry) -> Optional[Record]:
    """A CNAME of ours from another time that no address is about to replace: nothing may stand beside it."""
    if entry.family == ADDRESS or _addresses_wanted(draft, entry.name):
        return None
    return next((one for one in draft.held((entry.name, ADDRESS)) if one.type == "CNAME"), None)


def _addresses_wanted(draft: Draft, name: str) -> int:
    """How many addresses are wanted there."""
    found = draft.entries.get((name, ADDRESS))
    return len(found.records) if found is not None else 0


def _whose(record: Record) -> str:
    return {Owner.OURS: "our own of another time", Owner.OTHER: "another cluster's"}.get(record.owner, "without our mark")
