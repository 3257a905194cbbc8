"""What keeps a wildcard answering for names that came to exist below it. Pure.

RFC 4592, 2.2.2 and 4.1: a wildcard answers only for names that do not exist, in any type, and a name exists as soon as one
below it does. ``_mongodb._tcp.x.example.com`` makes ``x.example.com`` exist, and ``*.example.com`` is silent for it from
then on; so is it for ``x.example.com`` when only a TXT stands there. Each such name gets the wildcard's addresses.

Not names with a label that begins with an underscore: they are no hosts, nobody asks for their address, and BIND refuses
one there (check-names).
"""

from __future__ import annotations

from typing import Iterator, Optional

from osvc_ha.systems.dns.state import Record
from osvc_ha.systems.dns.state.names import is_wildcard, parents
from osvc_ha.systems.dns.state.wanted import Entry, Key, Kind

from .entries import ADDRESS, Draft, effective


def fill_below(draft: Draft) -> None:
    """Entries for the names that exist without an address, below one of our wildcards."""
    domain = draft.desired.config.domain
    existing = {name for (name, _), entry in draft.entries.items() if effective(draft, (name, entry.family))}
    levels = {level for name in existing for level in (name, *parents(name, domain)) if _is_bare(draft, level)}
    for level in sorted(levels, key=lambda one: (one.count("."), one)):
        wildcard = _covering(draft, level, existing)
        if wildcard is not None:
            draft.add(_copy(draft, wildcard, level))


def _is_bare(draft: Draft, name: str) -> bool:
    """Could a host be called that, and is nobody's address there?"""
    inside = name[: -len(draft.desired.config.domain)]
    if not inside or is_wildcard(name) or any(label.startswith("_") for label in inside.split(".")):
        return False
    return (name, ADDRESS) not in draft.entries and not draft.others.get(name)


def _covering(draft: Draft, level: str, existing: set[str]) -> Optional[Key]:
    """The wildcard that would answer for it: that of the nearest name above which exists anyway."""
    for above in _above(draft, level):
        if (f"*.{above}", ADDRESS) in draft.entries:
            return f"*.{above}", ADDRESS
        if above in existing or draft.others.get(above):
            return None
    return None


def _above(draft: Draft, level: str) -> Iterator[str]:
    return parents(level, draft.desired.config.domain)


def _copy(draft: Draft, wildcard: Key, level: str) -> Entry:
    entry = draft.entries[wildcard]
    why = f"the same as {wildcard[0]}, which does not answer for a name that exists (RFC 4592)"
    found = [one for one in effective(draft, wildcard) if one.type in ("A", "AAAA")]
    records = tuple((Record(level, one.type, one.value, one.ttl, one.proxied), why) for one in found)
    return Entry(level, ADDRESS, Kind.BELOW, records, entry.whole or why, entry.keep, entry.withdrawn)
