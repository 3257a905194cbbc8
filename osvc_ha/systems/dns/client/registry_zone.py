"""A zone as it was last seen on its server, and the marks in it: transfers and answers in, a Listing out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Dict, List, NamedTuple, Optional, Tuple

from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.dns.state import Listing, Owner, Record
from osvc_ha.systems.dns.state.canonical import canonical, txt_text
from osvc_ha.systems.dns.state.registry import Key, in_registry, owner_of, registered, registry_name

if TYPE_CHECKING:
    import dns.message

# What a server makes itself when it signs a zone: no record of anybody's.
SIGNING = frozenset(("RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "TYPE65534"))
SOA = "SOA"
# Differences of serials, modulo 2**32, that mean an older one (RFC 1982 3.2).
OLDER = range(2**31, 2**32)


@dataclass(frozen=True)
class Line:
    """One record as it was transferred. value: in the server's own form, which a prerequisite has to repeat."""

    name: str
    type: str
    ttl: int
    value: str


class Told(NamedTuple):
    """The records that one RRset became in a listing, and the two RRsets they came from: while those are the same, so are these."""

    values: Dict[str, int]
    mark_key: Key
    mark: Optional[Dict[str, int]]
    owner: Owner
    records: Tuple[Record, ...]


@dataclass
class Zone:
    """rrsets: (name, type) -> value -> ttl, each replaced and never altered. complete: the whole zone, not just the names asked for.

    told: what the last listing was made of, so that the next one after a small change of a large zone costs little.
    """

    name: str
    serial: int = 0
    rrsets: Dict[Key, Dict[str, int]] = field(default_factory=dict)
    complete: bool = True
    notes: Tuple[str, ...] = ()
    told: Dict[Key, Told] = field(default_factory=dict)

    def values(self, key: Key) -> Tuple[str, ...]:
        """Of one RRset, as the server spells them; none when there is no such RRset."""
        return tuple(sorted(self.rrsets.get(key, ())))

    def canonical(self, key: Key) -> Dict[str, int]:
        """The same as the plan spells them, with their time to live."""
        return {_canonical(key[1], value): ttl for value, ttl in self.rrsets.get(key, {}).items()}

    def owner(self, key: Key, cluster_id: str) -> Optional[Owner]:
        """Whose mark the RRset bears, whether it is there or not; None when it bears none."""
        texts = self.values(self.mark_of(key))
        return owner_of(map(txt_text, texts), cluster_id) if texts else None

    def mark_of(self, key: Key) -> Key:
        """The RRset that marks this one."""
        return registry_name(*key, self.name), "TXT"

    def types_at(self, name: str) -> Tuple[str, ...]:
        """The types there, sorted."""
        return tuple(sorted(type for at, type in self.rrsets if at == name))

    def listing(self, cluster_id: str) -> Listing:
        """Every record, by owner."""
        ours: List[Record] = []
        others: List[Record] = []
        for key in sorted(self.rrsets):
            if not in_registry(key[0], self.name):
                told = self._tell(key, cluster_id)
                (ours if told.owner is Owner.OURS else others).extend(told.records)
        return Listing(tuple(ours), tuple(others), notes=(*self.notes, *self._left(cluster_id)))

    def _tell(self, key: Key, cluster_id: str) -> Told:
        values, told = self.rrsets[key], self.told.get(key)
        if told is None or told.values is not values or told.mark is not self.rrsets.get(told.mark_key):
            owner, mark_key = self.owner(key, cluster_id) or Owner.FOREIGN, self.mark_of(key)
            records = tuple(Record(*key, value, ttl, owner=owner) for value, ttl in sorted(self.canonical(key).items()))
            told = self.told[key] = Told(values, mark_key, self.rrsets.get(mark_key), owner, records)
        return told

    def orphans(self, cluster_id: str) -> Tuple[Key, ...]:
        """The RRsets that our mark outlived, for somebody deleted them by hand. Told only of a whole zone."""
        found = (registered(*key, self.name) for key in self.rrsets) if self.complete else ()
        return tuple(sorted(key for key in found if key and key not in self.rrsets and self.owner(key, cluster_id) is Owner.OURS))

    def _left(self, cluster_id: str) -> Iterator[str]:
        for key in self.orphans(cluster_id):
            mark = self.mark_of(key)[0]
            yield f"{key[1]} {key[0]}: is gone, and its mark {mark} TXT is left; it goes with the next write"

    def transferred(self, lines: List[Line]) -> Zone:
        """The zone after a transfer, whole (AXFR), by changes (IXFR, RFC 1995 4), or none at all because nothing changed."""
        newest = serial_of(lines[0])
        if len(lines) == 1:
            return self
        if not is_incremental(lines):
            made = Zone(self.name, newest)
            for line in lines[:-1]:
                made._add(line)
            return made
        made = Zone(self.name, newest, dict(self.rrsets), told=self.told)
        adding = True
        for line in lines[1:-1]:
            if line.type == SOA:
                adding = not adding
            (made._add if adding else made._take)(line)
        return made

    def _add(self, line: Line) -> None:
        if line.type not in SIGNING:
            key = line.name, line.type
            self.rrsets[key] = {**self.rrsets.get(key, {}), line.value: line.ttl}

    def _take(self, line: Line) -> None:
        key = line.name, line.type
        left = {value: ttl for value, ttl in self.rrsets.pop(key, {}).items() if value != line.value}
        if left:
            self.rrsets[key] = left


def serial_of(line: Line) -> int:
    """The serial in an SOA."""
    return int(line.value.split()[2])


def is_incremental(lines: List[Line]) -> bool:
    """Does an IXFR's answer tell changes? Its second line is the SOA that they begin from."""
    return len(lines) > 2 and lines[1].type == SOA


def ends(lines: List[Line], since: Optional[int]) -> bool:
    """Is this all of a transfer? since: the serial that an IXFR asked from, None for an AXFR."""
    newest = serial_of(lines[0])
    if len(lines) == 1:
        # RFC 1995 2: nothing newer than what was asked from. RFC 1982: serials wrap.
        return since is not None and (newest == since or (newest - since) % 2**32 in OLDER)
    if lines[-1].type != SOA or serial_of(lines[-1]) != newest:
        return False
    # The newest SOA comes three times in changes: first, before what the last change added, and last.
    return not is_incremental(lines) or sum(line.type == SOA and serial_of(line) == newest for line in lines) == 3


def lines_of(message: dns.message.Message) -> Iterator[Line]:
    """The answer section, record by record; names absolute, lower case, without the last dot."""
    import dns.rdatatype

    for rrset in message.answer:
        name, type = rrset.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(rrset.rdtype)
        for rdata in rrset:
            yield Line(name, type, rrset.ttl, rdata.to_text())


def of_answers(zone: str, answered: Mapping[Key, Iterable[Line]]) -> Dict[Key, Dict[str, int]]:
    """The RRsets out of answers to questions."""
    made = Zone(zone)
    for lines in answered.values():
        for line in lines:
            made._add(line)
    return made.rrsets


def _canonical(type: str, value: str) -> str:
    if type == "A":
        return value
    try:
        return canonical(type, value)
    except ConfigError:
        # Somebody else's, of a form we never write.
        return value
