"""What is refused, whatever the plan says. Pure; the second look at what ``plan`` promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Dict, List

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.guard import refuse_empty_source, refuse_last, refuse_mass_removal, refuse_without_majority
from osvc_ha.planner.types import Plan
from osvc_ha.systems.dns.state import Actual, Change, Do, Owner, Record, change_of
from osvc_ha.systems.dns.state.names import is_below
from osvc_ha.systems.dns.state.wanted import Desired, Entry, Key, Kind, key_of

CHANGES = frozenset(one.value for one in Do)
OVERRIDE = "allow_mass_change=true"


def guard_changes(actual: Actual, desired: Desired, plan: Plan, entries: Callable[[], Mapping[Key, Entry]]) -> None:
    """UnsafePlan naming what is refused, and the way out. The mark and the memory are this node's own: never refused."""
    changes = [change_of(step) for step in plan if step.do in CHANGES]
    if not changes:
        return
    what = f"dns {desired.config.domain}"
    refuse_without_majority(what, desired.present, desired.total)
    for change in changes:
        _refuse_strangers(desired, change)
    before = _by_key(actual)
    after = _after(before, changes)
    wanted = entries()
    if not desired.config.allow_mass_change:
        existing = sum(len(records) for records in before.values())
        if any(change.do is Do.DELETE for change in changes):
            refuse_empty_source(what, len(wanted), existing, OVERRIDE)
        refuse_mass_removal(what, _unexplained(before, after, wanted, changes), existing, OVERRIDE)
    for key, records in before.items():
        entry = wanted.get(key)
        if entry is not None and not entry.withdrawn and entry.kind is not Kind.BELOW:
            refuse_last(what, len(after[key]), [str(record) for record in records])


def _refuse_strangers(desired: Desired, change: Change) -> None:
    for record in (change.record, change.before):
        if record is None:
            continue
        if not is_below(record.name, desired.config.domain) or not is_below(record.name, desired.config.zone):
            raise UnsafePlan(f"{record}: outside of {desired.config.domain}, whose names these are; nothing is changed")
        if record.owner is not Owner.OURS:
            raise UnsafePlan(f"{record}: not ours; nothing is changed")


def _by_key(actual: Actual) -> Dict[Key, List[Record]]:
    found: Dict[Key, List[Record]] = {}
    for record in actual.listing.ours if actual.listing is not None else ():
        found.setdefault(key_of(record), []).append(record)
    return found


def _after(before: Mapping[Key, List[Record]], changes: List[Change]) -> Dict[Key, List[Record]]:
    found = {key: list(records) for key, records in before.items()}
    for change in changes:
        at = found.setdefault(key_of(change.record), [])
        gone = change.record if change.do is Do.DELETE else change.before
        if gone in at:
            at.remove(gone)
        if change.do is not Do.DELETE:
            at.append(change.record)
    return found


def _unexplained(
    before: Mapping[Key, List[Record]], after: Mapping[Key, List[Record]], wanted: Mapping[Key, Entry], changes: List[Change]
) -> int:
    """Records that vanish with their name, and nodes' own addresses that are others now: no placement explains that."""
    vanished = sum(len(records) for key, records in before.items() if not after[key])
    moved = [one for one in changes if one.do is Do.UPDATE and one.before is not None and one.before.value != one.record.value]
    nodes = {key for key, entry in wanted.items() if entry.kind is Kind.NODE}
    return vanished + sum(1 for one in moved if key_of(one.record) in nodes)
