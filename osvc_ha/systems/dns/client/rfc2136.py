"""The provider for servers that take dynamic updates (RFC 2136): Knot, BIND, PowerDNS.

To look is a zone transfer: whole the first time, and only what changed since (IXFR) after that. To write is one signed UPDATE
message, whose prerequisites repeat all that it was decided upon: of two writers one finds that the world has changed, and says
so, and neither ever mixes its values with the other's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Dict, List, Optional, Set, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, HaError, ObserveError
from osvc_ha.systems.dns.config import Config
from osvc_ha.systems.dns.state import Change, Listing
from osvc_ha.systems.dns.state.registry import Key
from osvc_ha.systems.dns.state.servers import parse_servers

from .provider import Wanted, nothing
from .registry_zone import Line, Zone, ends, lines_of, of_answers, serial_of
from .rfc2136_key import read_key
from .rfc2136_link import Link, Wire
from .rfc2136_update import Edit, by_name, edits_of, messages, names_of, orphans_of, somebody_wrote
from .rfc2136_words import Answered

if TYPE_CHECKING:
    import dns.message

# Together, together again without what somebody else wrote, and then each name alone.
ROUNDS = 3
# A zone edited by hand without a new serial shows only in a whole transfer.
WHOLE_SECONDS = 600.0
# With these, no other message fares better. BADKEY is not among them: so Knot calls what its acl does not allow.
HOPELESS = frozenset(("BADSIG", "BADTIME", "UNSIGNED", "NOTIMP"))
NO_TRANSFER = frozenset(("REFUSED", "NOTAUTH", "BADKEY", "NOTIMP", "FORMERR"))
NOT_WHOLE = (
    "{zone}: the server lets {key} transfer no zone, so records that nothing asks for any more are not found, and stay; "
    "allow it (Knot: action: [update, transfer] in the acl; BIND: allow-transfer)"
)


class Rfc2136:
    """One zone on its primary, for one cluster. Keep it from one look to the next: it remembers the zone, and asks for changes only."""

    def __init__(self, config: Config, cluster_id: str, host: Host) -> None:
        key = read_key(Path(config.tsig_key_file), host) if config.tsig_key_file else None
        # What to ask after where the server refuses transfers.
        self._names: Set[Key] = set()
        self._wanted: Wanted = nothing
        self._zone_name = config.zone
        self._cluster_id = cluster_id
        self._link = Link(parse_servers(config.server), key, config.zone, config.timeout)
        self._zone: Optional[Zone] = None
        self._whole_at = 0.0
        self._current = False

    def listing(self, wanted: Wanted = nothing) -> Listing:
        """The whole zone, with the marks turned into owners. ObserveError with the server's words, and the way out."""
        self._current = False
        self._wanted = wanted
        self._look()
        self._current = True
        assert self._zone is not None
        return self._zone.listing(self._cluster_id)

    def write(self, changes: Sequence[Change]) -> None:
        """All of them in one message. Where somebody else wrote, or a record is refused, the others are written, and ApplyError
        names those that were not.
        """
        try:
            refused = self._write(changes)
        except ObserveError as error:
            raise ApplyError(str(error)) from error
        finally:
            self._current = False
        if refused:
            raise ApplyError("; ".join(refused))

    def _write(self, changes: Sequence[Change]) -> List[str]:
        self._names |= {(change.record.name, change.record.type) for change in changes}
        zone = self._zone if self._zone is not None and self._current and self._zone.complete else self._look()
        edits, refused = edits_of(changes, zone, self._cluster_id)
        edits += orphans_of(changes, zone, self._cluster_id)
        alone = False
        denials: Dict[str, List[Edit]] = {}
        for turn in range(ROUNDS):
            failed = self._send(by_name(edits), alone)
            if not failed:
                break
            zone, edits, last = self._look(), [], alone or turn == ROUNDS - 1
            for batch, error in failed:
                left = self._left(batch, zone, refused)
                denied = isinstance(error, Answered) and not error.somebody_wrote
                if left and (last or (denied and len(by_name(batch)) == 1)):
                    denials.setdefault(str(error), []).extend(left)
                elif left:
                    keys = {edit.key for edit in left}
                    again, words = edits_of((one for one in changes if (one.record.name, one.record.type) in keys), zone, self._cluster_id)
                    edits += again
                    refused += words
                    alone = alone or denied or turn == ROUNDS - 2
        return [*refused, *(f"{', '.join(names_of(left))}: {words}" for words, left in denials.items())]

    def _left(self, edits: Iterable[Edit], zone: Zone, refused: List[str]) -> List[Edit]:
        """Those not done, and still to be done as they are."""
        todo = [edit for edit in edits if not edit.orphaned and not edit.done(zone, self._cluster_id)]
        refused += [somebody_wrote(edit, zone) for edit in todo if not edit.untouched(zone)]
        return [edit for edit in todo if edit.untouched(zone)]

    def _send(self, groups: List[List[Edit]], alone: bool) -> List[Tuple[List[Edit], HaError]]:
        """What was not done, or perhaps not, and why. After a silence nothing more is sent."""

        def work(wire: Wire) -> List[Tuple[List[Edit], HaError]]:
            failed: List[Tuple[List[Edit], HaError]] = []
            silence: Optional[HaError] = None
            for batch in ([group] for group in groups) if alone else [groups]:
                for edits, message in messages(batch, self._zone_name, self._cluster_id):
                    if silence is None:
                        try:
                            wire.ask(message, f"update {self._zone_name}")
                            continue
                        except Answered as error:
                            if error.code in HOPELESS:
                                raise
                            failed.append((edits, error))
                            continue
                        except ObserveError as error:
                            silence = error
                    failed.append((edits, silence))
            return failed

        return self._link.writing(work) if groups else []

    def _look(self) -> Zone:
        now = time.monotonic()
        known = self._zone if self._zone is not None and self._zone.complete and now - self._whole_at < WHOLE_SECONDS else None
        zone = self._link.reading(lambda wire: self._read(wire, known))
        if zone.complete and known is None:
            self._whole_at = now
        self._zone = zone
        self._names |= {key for key in zone.rrsets if not zone.complete}
        return zone

    def _read(self, wire: Wire, known: Optional[Zone]) -> Zone:
        if known is not None:
            # Not every server knows IXFR; what else is wrong shows again.
            with contextlib.suppress(Answered):
                lines = self._transfer(wire, known.serial)
                # A server that lost what it had, or another one: ours is no beginning for its changes.
                if len(lines) > 1 or serial_of(lines[0]) == known.serial:
                    return known.transferred(lines)
        try:
            return Zone(self._zone_name).transferred(self._transfer(wire, None))
        except Answered as error:
            if error.code not in NO_TRANSFER or not self._has_zone(wire):
                raise
            return self._questions(wire)

    def _transfer(self, wire: Wire, since: Optional[int]) -> List[Line]:
        import dns.message
        import dns.name
        import dns.rrset

        zone = dns.name.from_text(self._zone_name)
        query = dns.message.make_query(zone, "AXFR" if since is None else "IXFR")
        if since is not None:
            query.authority.append(dns.rrset.from_text(zone, 0, "IN", "SOA", f". . {since} 0 0 0 0"))
        lines: List[Line] = []

        def last(answer: dns.message.Message) -> bool:
            lines.extend(lines_of(answer))
            if not lines or lines[0].type != "SOA":
                raise Answered("FORMERR", f"{wire.where}: transferred {self._zone_name} without its SOA record; check server and zone")
            return ends(lines, since)

        for _ in wire.stream(query, f"transfer {self._zone_name}", last):
            pass
        return lines

    def _has_zone(self, wire: Wire) -> bool:
        """Is it only the transfer that is refused?"""
        import dns.flags

        try:
            answer = self._ask(wire, (self._zone_name, "SOA"))
        except Answered:
            return False
        return bool(answer.flags & dns.flags.AA) and bool(answer.answer)

    def _questions(self, wire: Wire) -> Zone:
        """The names we know of, one by one. What a wildcard lends them is not theirs: only a prerequisite can tell."""
        zone = Zone(self._zone_name, complete=False, notes=(NOT_WHOLE.format(zone=self._zone_name, key=self._link.key_words),))
        self._names |= set(self._wanted())
        marks = {zone.mark_of(key) for key in self._names}
        answered: Dict[Key, List[Line]] = {}
        for key in sorted(self._names | marks):
            lines = [line for line in lines_of(self._ask(wire, key)) if line.name == key[0]]
            if lines:
                answered[key] = lines
        if answered and not self._really_there(wire, answered):
            answered = {key: lines for key, lines in answered.items() if self._really_there(wire, {key: lines})}
        zone.rrsets = of_answers(self._zone_name, answered)
        return zone

    def _ask(self, wire: Wire, key: Key) -> dns.message.Message:
        import dns.message

        return wire.ask(dns.message.make_query(f"{key[0]}.", key[1]), f"tell {key[1]} {key[0]}", ("NOERROR", "NXDOMAIN"))

    def _really_there(self, wire: Wire, answered: Dict[Key, List[Line]]) -> bool:
        """An UPDATE that only asks: do these RRsets exist?"""
        import dns.name
        import dns.update

        question = dns.update.UpdateMessage(dns.name.from_text(self._zone_name))
        for name, type in {(line.name, line.type) for lines in answered.values() for line in lines}:
            question.present(f"{name}.", type)
        try:
            wire.ask(question, f"update {self._zone_name}")
        except Answered as error:
            if error.somebody_wrote:
                return False
            raise
        return True
