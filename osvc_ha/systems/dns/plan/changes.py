"""Entries and what is ours in the zone -> changes, in an order in which no name goes dark. Pure.

The order: what has to give way to be replaced at all (a CNAME by addresses, or the other way round: delete, then create, side
by side); then everything new or altered, addresses before what points to them, short names before long ones, so that a name
has its address before one below it takes the wildcard away from it; then what goes, the other way round. A name and the
wildcard below it stand side by side, to be in one batch: the first of them to exist ends what a wildcard above lent the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, List, Tuple

from osvc_ha.systems.dns.state import AUTOMATIC, Change, Do, Record
from osvc_ha.systems.dns.state.names import is_wildcard
from osvc_ha.systems.dns.state.wanted import Entry, Key, Kind

from .entries import ADDRESS, Draft, gives_way

Reasoned = Tuple[Change, str]
RANK = {ADDRESS: 0, "TXT": 1, "SRV": 2}


@dataclass
class _Lists:
    swaps: List[Reasoned] = field(default_factory=list)
    makes: List[Reasoned] = field(default_factory=list)
    ends: List[Reasoned] = field(default_factory=list)

    def ordered(self) -> Tuple[Reasoned, ...]:
        makes = sorted(self.makes, key=_place)
        ends = sorted(self.ends, key=_place, reverse=True)
        return (*self.swaps, *makes, *ends)


def _place(reasoned: Reasoned) -> Tuple[int, int, str, bool, str, str]:
    record = reasoned[0].record
    bare = record.name[2:] if is_wildcard(record.name) else record.name
    return RANK.get(record.type, 0), bare.count("."), bare, bare != record.name, record.type, record.value


def changes_of(draft: Draft) -> Tuple[Reasoned, ...]:
    """Every change with its reason. Names that nothing asks for are left, or go, as ``policy`` says."""
    lists = _Lists()
    for key in sorted(draft.entries):
        _compare(draft, draft.entries[key], list(draft.held(key)), lists)
    for key in sorted(set(draft.ours) - set(draft.entries)):
        _unasked(draft, key, lists)
    return lists.ordered()


def _unasked(draft: Draft, key: Key, lists: _Lists) -> None:
    config, name = draft.desired.config, key[0]
    what = f"{name} {'/'.join(sorted({one.type for one in draft.held(key)}))}: nothing asks for it any more"
    if config.policy != "sync":
        draft.note(f"{what}; it stays (policy=sync would remove it)")
    elif draft.desired.unsure:
        draft.note(f"{what}, but not every label can be read; it stays until they can")
    else:
        lists.ends += [(Change(Do.DELETE, record), f"{record} is removed: nothing asks for it any more") for record in draft.held(key)]


def _compare(draft: Draft, entry: Entry, held: List[Record], lists: _Lists) -> None:
    """One name: what is there by its value; the rest of the same type is altered in place, as far as it goes."""
    wanted: Dict[Tuple[str, str], Tuple[Record, str]] = {(one.type, one.value): (one, why) for one, why in entry.records}
    spare: List[Record] = []
    for record in sorted(held):
        found = wanted.pop((record.type, record.value), None)
        if found is None:
            spare.append(record)
        elif normal(record) != normal(found[0]):
            shall = replace(found[0], ident=record.ident)
            lists.makes.append((Change(Do.UPDATE, shall, record), f"{shall}: {_settings(shall)} instead of {_settings(record)}"))
    if entry.keep:
        spare = [one for one in spare if gives_way(one, entry)]
    for key, (record, why) in sorted(wanted.items()):
        old = next((one for one in spare if one.type == record.type), None)
        if old is not None:
            spare.remove(old)
            del wanted[key]
            change = Change(Do.UPDATE, replace(record, ident=old.ident), old)
            lists.makes.append((change, f"{record} instead of {old.value}: {why}"))
    new = [(Change(Do.CREATE, record), f"{record}: {why}") for record, why in wanted.values()]
    gone = [(Change(Do.DELETE, record), f"{record} is removed: {entry.whole or 'it is not wanted'}") for record in spare]
    if new and "CNAME" in {one.type for one in [*spare, *(one.record for one, _ in new)]}:
        lists.swaps += [*gone, *new]
    else:
        lists.makes += new
        lists.ends += _but_the_last(draft, entry, held, gone, bool(entry.records))


def _but_the_last(draft: Draft, entry: Entry, held: List[Record], gone: List[Reasoned], replaced: bool) -> List[Reasoned]:
    """Nothing of a name goes when it would be left with nothing, unless that is meant."""
    if not gone or replaced or entry.withdrawn or len(gone) < len(held):
        return gone
    if entry.kind is Kind.BELOW:
        return gone
    draft.note(f"{entry.name}: nothing would be left of it; its last records stay")
    return []


def normal(record: Record) -> Record:
    """As it is compared: a proxied record has no TTL of its own (kubernetes-sigs/external-dns#1463)."""
    return replace(record, ttl=AUTOMATIC) if record.proxied else record


def _settings(record: Record) -> str:
    if record.proxied:
        return "proxied"
    return "TTL automatic" if record.ttl == AUTOMATIC else f"TTL {record.ttl}"
