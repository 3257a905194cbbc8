"""The zone at Cloudflare, by the official SDK."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, HaError, ObserveError
from osvc_ha.systems.dns.config import Config, Mode
from osvc_ha.systems.dns.state import LOAD_BALANCER, Change, Do, Listing, Owner, Record

from .cloudflare_balancer import Balancers
from .cloudflare_batches import Batches
from .cloudflare_calls import Calls
from .cloudflare_errors import Refusal
from .cloudflare_records import Reading, mark_of, undisturbed
from .cloudflare_zone import ZoneMemory
from .provider import Wanted, nothing

READ = "Zone.DNS:Edit"
# The most that one page may hold.
PAGE = 5000
# What the answer to a write said counts as a look for so long: the look that ends the same reconcile.
FRESH = 5.0
NAMED = 10
LOOKS = 3


class Cloudflare:
    """A Provider. A quiet look is one call for each 5,000 records; a write is one batch, and the look after it none."""

    def __init__(self, config: Config, cluster_id: str, host: Host) -> None:
        self.config = config
        self.host = host
        self.mark = mark_of(cluster_id)
        self.calls = Calls(config, host)
        self.reading = Reading(self.mark)
        self.memory = ZoneMemory(config, self.calls, host)
        self.balancers = Balancers(self.calls, self.memory, self.mark)
        self._seen: Optional[Listing] = None
        self._fresh_until = 0.0

    def listing(self, wanted: Wanted = nothing) -> Listing:
        """The whole zone. ObserveError says what was asked, what was answered, and the way out."""
        fresh, self._fresh_until = self._fresh_until, 0.0
        if self._seen is not None and self.host.now() <= fresh:
            return self._seen
        try:
            return self._look()
        except HaError as error:
            raise ObserveError(f"cloudflare: {error}") from error

    def write(self, changes: Sequence[Change]) -> None:
        """All of them, in one batch where it fits. ApplyError names each record that was refused, and why; the rest is written."""
        self._fresh_until = 0.0
        batches = Batches(self.calls, self.memory, self.mark, lambda: self._look().ours)
        try:
            refused = self._write(batches, changes)
        except HaError as failure:
            error = self._with_zone(failure)
            done = f"; {len(batches.written)} of {len(changes)} records were written before" if batches.written else ""
            raise ApplyError(f"cloudflare: {error}{done}") from error
        if refused:
            raise ApplyError("cloudflare: " + _named(refused, len(changes)))
        if not any(change.record.type == LOAD_BALANCER for change in changes):
            self._add(batches.written)

    def _write(self, batches: Batches, changes: Sequence[Change]) -> list[tuple[Change, str]]:
        """A load balancer goes before the records of its name, and may stand beside them: first what makes, at last what ends."""
        balanced = [change for change in changes if change.record.type == LOAD_BALANCER]
        if balanced:
            self.memory.learn_balanced()
        refused = self.balancers.write([change for change in balanced if change.do is not Do.DELETE])
        failed = {change.record.name for change, _ in refused}
        plain = [change for change in changes if change.record.type != LOAD_BALANCER]
        kept = [change for change in plain if change.do is Do.DELETE and change.record.name in failed]
        batches.write([change for change in plain if change not in kept])
        refused += [(change, "stays, because its load balancer was refused") for change in kept] + batches.refused
        failed = {change.record.name for change, _ in batches.refused}
        ended = [change for change in balanced if change.do is Do.DELETE and change.record.name not in failed]
        return refused + self.balancers.write(ended)

    def _balanced(self) -> bool:
        return self.memory.zone().balanced or any(one.mode is Mode.LOAD_BALANCER for one in self.config.global_names)

    def _look(self) -> Listing:
        with undisturbed():
            return self._looked()

    def _looked(self) -> Listing:
        """All pages. A zone that is not there under the id that is known is looked for by its name, once."""
        try:
            rows = self._rows(self.memory.zone().ident)
        except Refusal as refusal:
            known = self.memory.zone().ident
            if not refusal.about_the_zone:
                raise
            self.memory.forget()
            if self.memory.zone().ident == known:
                raise
            rows = self._rows(self.memory.zone().ident)
        ours, others = self.reading.split(rows)
        notes = self._unmarked(ours, others)
        for record in self.balancers.look() if self._balanced() else ():
            (ours if record.owner is Owner.OURS else others).append(record)
        self._seen = Listing(tuple(ours), tuple(others), self.memory.zone().lowest_ttl, notes)
        return self._seen

    def _with_zone(self, error: HaError) -> HaError:
        """The same error, or that there is no such zone any more."""
        if not isinstance(error, Refusal) or not error.about_the_zone:
            return error
        self.memory.forget()
        try:
            self.memory.zone()
        except ObserveError as gone:
            return gone
        except HaError:
            return error
        return error

    def _rows(self, zone: str) -> list[dict[str, Any]]:
        """Every record once. A zone that changes while its pages are read is read again: a record that moved would be missing."""
        for _ in range(LOOKS):
            rows: dict[str, dict[str, Any]] = {}
            page, totals = 1, [1]
            while (page - 1) * PAGE < totals[-1]:
                told = self.calls.get(f"zone {self.config.zone}: listing its records", READ, _page(zone, page))
                rows.update((row["id"], row) for row in told["result"])
                totals.append(int(told["result_info"]["total_count"]))
                page += 1
            if {len(rows)} == set(totals[1:]):
                return list(rows.values())
        raise ObserveError(f"zone {self.config.zone}: it changed each of the {LOOKS} times it was listed; {len(rows)} records seen")

    def _unmarked(self, ours: list[Record], others: list[Record]) -> tuple[str, ...]:
        """A record that was ours and is still there without our comment is no longer ours: it is left alone, and said."""
        known = set(self.memory.zone().ours)
        lost = [record for record in others if record.ident in known and record.owner is Owner.FOREIGN] if known else []
        self.memory.learn_ours({record.ident for record in ours} | {record.ident for record in lost})
        way = f"its comment {self.mark} was taken off; it is left alone. Put the comment back, or delete the record"
        return tuple(f"{record}: {way}" for record in lost)

    def _add(self, written: Sequence[tuple[Do, Record]]) -> None:
        """What Cloudflare answered, put into the last look."""
        if self._seen is None:
            return
        ours = {record.ident: record for record in self._seen.ours}
        for do, record in written:
            if do is Do.DELETE:
                ours.pop(record.ident, None)
            else:
                ours[record.ident] = record
        self._seen = Listing(tuple(ours.values()), self._seen.others, self._seen.lowest_ttl, self._seen.notes)
        self.memory.learn_ours({*ours, *(set(self.memory.zone().ours) & {record.ident for record in self._seen.others})})
        self._fresh_until = self.host.now() + FRESH


def _page(zone: str, page: int) -> Any:
    def ask(client: Any) -> Any:
        return client.dns.records.with_streaming_response.list(zone_id=zone, page=page, per_page=PAGE)

    return ask


def _named(refused: Sequence[tuple[Change, str]], total: int) -> str:
    shown = "; ".join(f"{change.do.value} {change.record}: {why}" for change, why in refused[:NAMED])
    more = f"; and {len(refused) - NAMED} more" if len(refused) > NAMED else ""
    return f"{len(refused)} of {total} records refused, the others are written: {shown}{more}"
