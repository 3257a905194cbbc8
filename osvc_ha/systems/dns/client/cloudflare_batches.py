"""Many changes in few calls: one batch where it fits, smaller ones where it does not, single records where one is bad.

Cloudflare does a batch in one transaction, deletes before patches before creations, and returns "the first error it
encountered": which record that was, and how large a batch may be, has to be found out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

from osvc_ha.systems.dns.state import Change, Do, Record

from .cloudflare_calls import TRIES, Calls
from .cloudflare_errors import NO_SUCH_RECORD, NoAnswer, Refusal
from .cloudflare_records import batch_of, body, ident_of, record_of, still_to_do
from .cloudflare_zone import ZoneMemory

EDIT = "Zone.DNS:Edit"
# Halves that both pass after the whole was refused say that it was too large; below this it may have been chance.
LEAST_LEARNT = 50


class Batches:
    """One write. written: (what was done, the record as it is now); refused: (change, why)."""

    def __init__(self, calls: Calls, memory: ZoneMemory, mark: str, look: Callable[[], Sequence[Record]]) -> None:
        self.calls = calls
        self.memory = memory
        self.mark = mark
        self.look = look
        self.written: list[tuple[Do, Record]] = []
        self.refused: list[tuple[Change, str]] = []

    def write(self, changes: Sequence[Change]) -> None:
        """All of them. What one name loses and gains stays in one batch. Raises what Calls raises when nothing more can be done."""
        groups: dict[str, list[Change]] = {}
        for change in changes:
            groups.setdefault(change.record.name, []).append(change)
        self._groups(list(groups.values()))

    def _groups(self, groups: list[list[Change]]) -> None:
        if not groups:
            return
        limit = self.memory.zone().batch_limit
        size = sum(map(len, groups))
        if limit and size > limit and len(groups) > 1:
            first = _fitting(groups, limit)
            self._groups(groups[:first])
            self._groups(groups[first:])
            return
        try:
            self._batch([change for group in groups for change in group])
        except Refusal as refusal:
            if refusal.about_access or self._gone(refusal):
                raise
            self._smaller(groups, size, refusal)

    def _smaller(self, groups: list[list[Change]], size: int, refusal: Refusal) -> None:
        most = refusal.most(size)
        if most is not None:
            self.memory.learn_batch_limit(most)
            if len(groups) > 1:
                self._groups(groups)
                return
        if len(groups) == 1:
            self._one_name(groups[0], refusal)
            return
        before = len(self.refused)
        middle = len(groups) // 2
        halves = [groups[:middle], groups[middle:]]
        for half in halves:
            self._groups(half)
        largest = max(sum(map(len, half)) for half in halves)
        known = self.memory.zone().batch_limit
        if len(self.refused) == before and largest >= LEAST_LEARNT and (not known or known > largest):
            self.memory.learn_batch_limit(largest)

    def _one_name(self, changes: list[Change], refusal: Refusal) -> None:
        """Record by record. A name whose new record was refused keeps its old one."""
        if len(changes) == 1 and refusal.about_a_record:
            self._refuse(changes[0], refusal)
            return
        # A CNAME stands beside nothing, so what it replaces, or what replaces it, has to wait for its end.
        swap = len({change.record.type == "CNAME" for change in changes}) > 1
        order = [Do.DELETE, Do.UPDATE, Do.CREATE] if swap else [Do.UPDATE, Do.CREATE, Do.DELETE]
        failed = ""
        for change in sorted(changes, key=lambda change: order.index(change.do)):
            if change.do is Do.DELETE and failed:
                self.refused.append((change, f"stays, because {failed} was refused"))
                continue
            try:
                self._single(change)
            except Refusal as single:
                if single.about_access or self._gone(single):
                    raise
                self._refuse(change, single)
                failed = failed or str(change.record)

    def _refuse(self, change: Change, refusal: Refusal) -> None:
        if change.do is Do.DELETE and NO_SUCH_RECORD in refusal.codes:
            # Somebody else has taken it away: that was the wish.
            self.written.append((Do.DELETE, change.record))
            return
        self.refused.append((change, str(refusal)))

    def _gone(self, refusal: Refusal) -> bool:
        return refusal.status in (404, 400) and bool({1001, 7003} & set(refusal.codes))

    def _batch(self, changes: list[Change]) -> None:
        """One batch; after no answer, what a new look does not show as done is sent again."""
        left = changes
        for tried in range(1, TRIES + 1):
            try:
                self._sent(left)
                return
            except NoAnswer as lost:
                if tried == TRIES:
                    raise
                left = self._undone(left, tried, lost)
            if not left:
                return

    def _undone(self, changes: list[Change], tried: int, lost: NoAnswer) -> list[Change]:
        self.calls.pause(tried)
        there = self.look()
        left = still_to_do(changes, there)
        missing = [change for change in left if change.do is Do.UPDATE and ident_of(change) not in {record.ident for record in there}]
        for change in missing:
            self.refused.append((change, "is no longer there with our comment"))
        return [change for change in left if change not in missing]

    def _sent(self, changes: list[Change]) -> None:
        what = f"zone {self.memory.config.zone}: writing {len(changes)} records" if len(changes) > 1 else f"writing {changes[0].record}"
        given, zone = batch_of(changes, self.mark), self.memory.zone().ident

        def ask(client: Any) -> Any:
            # As the body itself: the SDK tries each record against 21 types, which takes it 1.5 ms a record.
            return client.dns.records.with_streaming_response.batch(zone_id=zone, extra_body=given)

        done = self.calls.send(what, EDIT, ask).get("result") or {}
        for part, do in (("deletes", Do.DELETE), ("patches", Do.UPDATE), ("posts", Do.CREATE)):
            self.written += [(do, record_of(row, self.mark)) for row in done.get(part) or ()]

    def _single(self, change: Change) -> None:
        """One record by its own call; after no answer, only what a new look shows as undone is sent again."""
        for tried in range(1, TRIES + 1):
            try:
                row = self._called(change)
                self.written.append((change.do, change.record if row is None else record_of(row, self.mark)))
                return
            except NoAnswer as lost:
                if tried == TRIES:
                    raise
                if not self._undone([change], tried, lost):
                    return

    def _called(self, change: Change) -> Optional[dict[str, Any]]:
        what, ident, zone = f"{change.do.value} {change.record}", ident_of(change), self.memory.zone().ident

        def ask(client: Any) -> Any:
            records = client.dns.records.with_streaming_response
            if change.do is Do.DELETE:
                return records.delete(ident, zone_id=zone)
            if change.do is Do.UPDATE:
                return records.edit(ident, zone_id=zone, **body(change.record))
            return records.create(zone_id=zone, **body(change.record), comment=self.mark)

        row: Optional[dict[str, Any]] = self.calls.send(what, EDIT, ask).get("result")
        return None if change.do is Do.DELETE else row


def _fitting(groups: list[list[Change]], limit: int) -> int:
    """How many groups one batch holds: at least one, however large."""
    size = 0
    for place, group in enumerate(groups):
        size += len(group)
        if size > limit:
            return max(place, 1)
    return len(groups)
