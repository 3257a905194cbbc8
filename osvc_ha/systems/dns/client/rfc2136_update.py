"""Changes of a plan -> edits of whole RRsets -> UPDATE messages, each with prerequisites on everything it was decided upon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Dict, List, Set, Tuple

from osvc_ha.systems.dns.state import Change, Do, Owner
from osvc_ha.systems.dns.state.canonical import canonical, txt
from osvc_ha.systems.dns.state.registry import Key, in_registry, mark, too_long

from .registry_zone import Zone

if TYPE_CHECKING:
    import dns.name
    import dns.rdata
    import dns.update

# Of the 65,535 bytes that a message has over TCP; the rest is for the header, the zone and the signature.
ROOM = 64_000
# Of each record: a pointer to the zone, the last dot, type, class, time to live, length.
FRAME = 14
# As long as a mark at most: the values of a TXT come in 255 characters.
MARK_BYTES = "-" * 60


@dataclass(frozen=True)
class Edit:
    """One RRset, as it was seen and as it shall be; no values: it is not there.

    marks: the values of its mark as seen. marked: shall it bear our mark? bare: nothing else may be at the name (a CNAME).
    With no values before nor after, it takes away a mark that was left behind.
    """

    key: Key
    mark_key: Key
    before: Tuple[str, ...]
    after: Tuple[str, ...]
    ttl: int
    marks: Tuple[str, ...]
    marked: bool
    bare: bool = False

    @property
    def orphaned(self) -> bool:
        """Is there no record that it is about?"""
        return not self.before and not self.after

    def done(self, zone: Zone, cluster_id: str) -> bool:
        """Is it so already?"""
        owned = zone.owner(self.key, cluster_id) is Owner.OURS if self.marked else not zone.values(self.mark_key)
        return owned and zone.canonical(self.key) == {canonical(self.key[1], value): self.ttl for value in self.after}

    def untouched(self, zone: Zone) -> bool:
        """Is everything that it was decided upon still so?"""
        return zone.values(self.key) == self.before and zone.values(self.mark_key) == self.marks


def edits_of(changes: Iterable[Change], zone: Zone, cluster_id: str) -> Tuple[List[Edit], List[str]]:
    """What is to be done, in the order of the plan but what goes last, and a sentence for each record that must not be touched."""
    grouped: Dict[Key, List[Change]] = {}
    edited: Dict[str, Set[str]] = {}
    for change in changes:
        grouped.setdefault((change.record.name, change.record.type), []).append(change)
        edited.setdefault(change.record.name, set()).add(change.record.type)
    edits: List[Edit] = []
    refused: List[str] = []
    for key, group in grouped.items():
        words = _refusal(key, group, zone, cluster_id, edited[key[0]])
        if words:
            refused.append(words)
            continue
        edit = _edit(key, group, zone)
        if not edit.done(zone, cluster_id):
            edits.append(edit)
    return sorted(edits, key=lambda edit: not edit.after), refused


def orphans_of(changes: Iterable[Change], zone: Zone, cluster_id: str) -> List[Edit]:
    """Our marks whose RRsets are gone, and are not about to come back: whoever takes such a name next shall keep it."""
    coming = {(change.record.name, change.record.type) for change in changes}
    left = [(key, zone.mark_of(key)) for key in zone.orphans(cluster_id) if key not in coming]
    return [Edit(key, mark_key, (), (), 0, zone.values(mark_key), marked=False) for key, mark_key in left]


def _edit(key: Key, group: Sequence[Change], zone: Zone) -> Edit:
    values = dict(zone.canonical(key))
    for change in group:
        if change.before is not None:
            values.pop(canonical(key[1], change.before.value), None)
        if change.do is Do.DELETE:
            values.pop(canonical(key[1], change.record.value), None)
    wanted = {canonical(key[1], change.record.value): change.record.ttl for change in group if change.do is not Do.DELETE}
    # An RRset has one time to live (RFC 2181 5.2).
    ttl = min(wanted.values()) if wanted else min(values.values(), default=0)
    mark_key = zone.mark_of(key)
    bare = key[1] == "CNAME" and bool(wanted) and not zone.types_at(key[0])
    after = tuple(sorted({**values, **wanted}))
    return Edit(key, mark_key, zone.values(key), after, ttl, zone.values(mark_key), bool(after), bare)


def somebody_wrote(edit: Edit, zone: Zone) -> str:
    """The sentence for an edit that was decided upon something that is no more."""
    now, was = ", ".join(zone.values(edit.key)) or "gone", ", ".join(edit.before) or "not there"
    whose = "" if zone.values(edit.mark_key) == edit.marks else f"; its mark is {', '.join(zone.values(edit.mark_key)) or 'gone'}"
    return f"{edit.key[1]} {edit.key[0]}: somebody else wrote it meanwhile: it is {now}, was {was}{whose}; planned anew next time"


def _refusal(key: Key, group: Sequence[Change], zone: Zone, cluster_id: str, edited: Set[str]) -> str:
    """Why this RRset must be left alone; "" when it is ours, or free."""
    name, type = key
    owner, there = zone.owner(key, cluster_id), ", ".join(zone.canonical(key))
    if name != zone.name and not name.endswith(f".{zone.name}"):
        return f"{type} {name}: is not in the zone {zone.name}"
    if in_registry(name, zone.name):
        return f"{type} {name}: is a name of the marks; choose another name"
    if too_long(name, type, zone.name):
        return f"{type} {name}: too long to have its mark beside it; shorten the name"
    if owner is Owner.OTHER:
        return f"{type} {name}: is marked as another cluster's; choose another name, or remove the mark {zone.mark_of(key)[0]} TXT"
    if owner is not Owner.OURS and (there or owner is Owner.FOREIGN):
        return f"{type} {name}: is there already and not ours ({there or 'its mark is'}); remove it or choose another name"
    others = zone.types_at(name) if type == "CNAME" else ("CNAME",) if (name, "CNAME") in zone.rrsets else ()
    blocking = [other for other in others if other not in edited]
    if blocking and type not in others and any(change.do is not Do.DELETE for change in group):
        return f"{type} {name}: cannot stand beside the {blocking[0]} that is there; remove that or choose another name"
    for change in group:
        before = change.before and canonical(type, change.before.value)
        if before and before not in zone.canonical(key) and canonical(type, change.record.value) not in zone.canonical(key):
            return f"{type} {name}: somebody else wrote it meanwhile: {there or 'it is gone'}, was {before}"
    return ""


def names_of(edits: Iterable[Edit]) -> Tuple[str, ...]:
    """The records, as sentences name them."""
    return tuple(f"{edit.key[1]} {edit.key[0]}" for edit in edits)


def by_name(edits: Iterable[Edit]) -> List[List[Edit]]:
    """The edits of one name go together, whole or not at all; in the order of their first."""
    found: Dict[str, List[Edit]] = {}
    for edit in edits:
        found.setdefault(edit.key[0], []).append(edit)
    return list(found.values())


def messages(groups: Sequence[List[Edit]], zone: str, cluster_id: str) -> Iterator[Tuple[List[Edit], dns.update.UpdateMessage]]:
    """As few UPDATE messages as hold them all: one, nearly always, for 64 KiB hold about 250 new records, or 350 changed ones."""
    edits: List[Edit] = []
    size = 0
    for group in groups:
        more = sum(_size(edit, zone) for edit in group)
        if edits and size + more > ROOM:
            yield edits, _message(edits, zone, cluster_id)
            edits, size = [], 0
        edits = edits + group
        size += more
    if edits:
        yield edits, _message(edits, zone, cluster_id)


def _size(edit: Edit, zone: str) -> int:
    """Bytes at most. Only the zone's own name is sure to be compressed: a pointer reaches no further than 16 KiB (RFC 1035 4.1.4)."""
    sets = ((edit.key, edit.before, edit.after), (edit.mark_key, edit.marks, (MARK_BYTES,) if edit.marked else ()))
    total = len(edit.key[0]) - len(zone) + FRAME
    for (name, _), before, after in sets:
        frame = len(name) - len(zone) + FRAME
        total += sum(frame + len(value) for value in (*before, *after)) + 2 * frame
    return total


def _message(edits: Sequence[Edit], zone: str, cluster_id: str) -> dns.update.UpdateMessage:
    import dns.name
    import dns.update

    message = dns.update.UpdateMessage(dns.name.from_text(zone))
    aliased = {edit.key[0] for edit in edits if edit.key[1] == "CNAME"}
    names = {name: dns.name.from_text(name) for edit in edits for name in (edit.key[0], edit.mark_key[0])}
    for edit in edits:
        _require(message, edit, names, edit.key[0] in aliased)
    # At one name a CNAME has to be gone before an address comes, and the other way round.
    for edit in edits:
        for key, values, keep in ((edit.key, edit.before, edit.after), (edit.mark_key, edit.marks, edit.marked)):
            if values and not keep:
                message.delete(names[key[0]], key[1])
    ours = txt(mark(cluster_id))
    for edit in edits:
        if edit.after:
            message.replace(names[edit.key[0]], edit.ttl, *_rdatas(edit.key[1], edit.after))
        if edit.marked and edit.marks != (ours,):
            message.replace(names[edit.mark_key[0]], edit.ttl, *_rdatas("TXT", (ours,)))
    return message


def _require(message: dns.update.UpdateMessage, edit: Edit, names: Mapping[str, dns.name.Name], aliased: bool) -> None:
    """Nobody wrote since we looked. A CNAME is asked after too: beside one, a server drops an address without a word (RFC 2136 3.4.2.2)."""
    for key, values in ((edit.key, edit.before), (edit.mark_key, edit.marks)):
        if values:
            message.present(names[key[0]], *_rdatas(key[1], values))
        else:
            message.absent(names[key[0]], key[1])
    if edit.bare:
        message.absent(names[edit.key[0]])
    elif edit.after and not edit.before and not aliased:
        message.absent(names[edit.key[0]], "CNAME")


def _rdatas(type: str, values: Iterable[str]) -> List[dns.rdata.Rdata]:
    import dns.name
    import dns.rdata

    return [dns.rdata.from_text("IN", type, value, origin=dns.name.root, relativize=False) for value in values]
