"""From wants to records, now that the zone was looked at. Pure; ``plan`` has the theory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Dict, List, Optional, Tuple

from osvc_ha.systems.dns.state import AUTOMATIC, LOAD_BALANCER, Actual, Listing, Record
from osvc_ha.systems.dns.state.names import is_below
from osvc_ha.systems.dns.state.wanted import Desired, Entry, Key, Want, key_of

from .addresses import publishable, type_of
from .turns import Memory, is_gone, is_settled

ADDRESS = "address"
Reasons = Tuple[Tuple[str, str], ...]


@dataclass
class Draft:
    """One plan in the making: what was looked at, and the entries and notes so far. ours: only what is below our domain."""

    actual: Actual
    desired: Desired
    memory: Memory
    listing: Listing
    entries: Dict[Key, Entry] = field(default_factory=dict)
    notes: List[str] = field(default_factory=list)
    ours: Dict[Key, List[Record]] = field(default_factory=dict)
    others: Dict[str, List[Record]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for record in self.listing.others:
            self.others.setdefault(record.name, []).append(record)
        for record in self.listing.ours:
            if is_below(record.name, self.desired.config.domain):
                self.ours.setdefault(key_of(record), []).append(record)

    def note(self, sentence: str) -> None:
        """Say it once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def add(self, entry: Entry) -> None:
        """The first entry of a key stays."""
        self.entries.setdefault((entry.name, entry.family), entry)

    def ttl(self, seconds: int) -> int:
        """Raised to the least that the zone takes."""
        if seconds == AUTOMATIC or seconds >= self.listing.lowest_ttl:
            return seconds
        self.note(f"a TTL of {seconds} s is asked for, and the zone takes {self.listing.lowest_ttl} s at least; that is used")
        return self.listing.lowest_ttl

    def held(self, key: Key) -> Tuple[Record, ...]:
        """Our records there, for a name that is kept and what copies it."""
        return tuple(self.ours.get(key, ()))

    def addresses(self, node: str) -> Optional[Tuple[str, ...]]:
        """A node's public addresses, None when they are not known.

        What our own records of the node say is better than nothing: it was right when it was written.
        """
        known = self.desired.publics.get(node)
        if known is None:
            return None
        if known.ask:
            found = publishable(self.actual.addresses, self.desired.config.allow_private)
            if found:
                return found
        if known.trouble:
            self.note(known.trouble)
        if known.known:
            return known.addresses
        own = next((want.name for want in self.desired.wants if want.node == node and not want.wildcard_of), "")
        return tuple(record.value for record in self.held((own, ADDRESS)) if record.type in ("A", "AAAA")) or None


def fill(draft: Draft) -> None:
    """An entry for every want."""
    for want in draft.desired.wants:
        draft.add(_entry(draft, want))


def _entry(draft: Draft, want: Want) -> Entry:
    config, now = draft.desired.config, draft.actual.now
    entry = Entry(want.name, ADDRESS, want.kind, whole=want.whole)
    if want.wildcard_of and is_gone(draft.memory, want.wildcard_of, now, config.grace):
        if not any(draft.desired.alive.values()):
            draft.note(f"{want.name}: no node is heard at all; its addresses stay")
            return replace(entry, keep=True)
        silent = f"{want.wildcard_of} has been silent for more than {config.grace:g} s"
        if config.dead_node == "withdraw":
            return replace(entry, withdrawn=True, whole=silent)
        want = replace(want, follows_ingress=True, nodes=(), empty=f"{silent}, and no ingress node is up ({config.ingress})")
    if want.fixed:
        reasons = tuple((address, "the VIP") for address in want.fixed)
        return replace(entry, records=_records(draft, want, reasons))
    if want.follows_ingress:
        chosen = _ingress(draft, want)
        nodes: Reasons = tuple((node, f"{node} is an ingress node") for node in chosen)
        entry = replace(entry, whole=f"the ingress nodes are {', '.join(chosen)}")
    else:
        nodes = want.nodes
    return _of_nodes(draft, want, entry, nodes)


def _of_nodes(draft: Draft, want: Want, entry: Entry, nodes: Reasons) -> Entry:
    found: List[Tuple[str, str, str]] = []
    unknown = False
    for node, why in nodes:
        addresses = draft.addresses(node)
        unknown = unknown or addresses is None
        found += [(node, address, why) for address in addresses or ()]
    if not nodes:
        stays = "its last address stays" if draft.held((want.name, ADDRESS)) else "it has no address until then"
        draft.note(f"{want.name}: {want.empty}; {stays}")
        return replace(entry, keep=True)
    if want.balanced:
        return replace(entry, records=_balancer(draft, want, found), keep=unknown)
    return replace(entry, records=_records(draft, want, tuple((address, why) for _, address, why in found)), keep=unknown)


def _ingress(draft: Draft, want: Want) -> Tuple[str, ...]:
    """The ingress nodes for this name: who came back just now waits, unless its address is still there or nobody else is left."""
    config, now = draft.desired.config, draft.actual.now
    settled = [node for node in draft.desired.ingress if is_settled(draft.memory, node, now, config.settle)]
    if len(settled) == len(draft.desired.ingress):
        return draft.desired.ingress
    there = {record.value for record in draft.held((want.name, ADDRESS))}
    waiting = {node: draft.addresses(node) for node in draft.desired.ingress if node not in settled}
    still = [node for node, addresses in waiting.items() if there & set(addresses or ())]
    if not settled and not still:
        return draft.desired.ingress
    # Of whom nothing is known stays among them, so that nothing is taken away either.
    chosen = {*settled, *still, *(node for node, addresses in waiting.items() if addresses is None)}
    return tuple(node for node in draft.desired.ingress if node in chosen)


def _records(draft: Draft, want: Want, reasons: Reasons) -> Tuple[Tuple[Record, str], ...]:
    ttl = AUTOMATIC if want.proxied else draft.ttl(want.ttl)
    found: Dict[Record, str] = {}
    for address, why in reasons:
        found.setdefault(Record(want.name, type_of(address), address, ttl, want.proxied), why)
    return tuple(sorted(found.items()))


def _balancer(draft: Draft, want: Want, found: List[Tuple[str, str, str]]) -> Tuple[Tuple[Record, str], ...]:
    """Cloudflare's load balancer: one origin for each address, and the monitor."""
    if not found:
        return ()
    origins = sorted(f"{node}-6={address}" if ":" in address else f"{node}={address}" for node, address, _ in found)
    value = " ".join([*origins, f"monitor={draft.desired.config.origin_check}"])
    ttl = AUTOMATIC if want.proxied else draft.ttl(want.ttl)
    return ((Record(want.name, LOAD_BALANCER, value, ttl, want.proxied), "the ingress nodes are its origins"),)


def effective(draft: Draft, key: Key) -> Tuple[Record, ...]:
    """The records that will be there, as far as this cluster has a say."""
    entry = draft.entries.get(key)
    if entry is None or entry.withdrawn:
        return ()
    wanted = [record for record, _ in entry.records]
    return tuple(wanted) + tuple(one for one in draft.held(key) if entry.keep and one not in wanted and not gives_way(one, entry))


def gives_way(held: Record, entry: Entry) -> bool:
    """Of what is kept, a CNAME goes all the same as soon as there is anything else: nothing may stand beside one."""
    return held.type == "CNAME" and any(record.type != "CNAME" for record, _ in entry.records)


def has_addresses(draft: Draft, name: str) -> bool:
    """Will an A or AAAA of ours be there?"""
    return any(record.type in ("A", "AAAA") for record in effective(draft, (name, ADDRESS)))
