"""What clients saw, and what it adds up to. Pure: no clock, no I/O.

An operation ends in one of three ways, and the difference is what "lost" means. Acknowledged: the
server said so, and losing it later is data loss. Unknown: it was sent and no answer came (reset,
time-out); it may or may not be there, and neither is a loss. Refused: it was never sent, or the
server said no.

Outage is counted from the *start* of the last success to the *end* of the next one. The server
acted somewhere inside each of the two, so this is the upper bound of what a client can have missed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import Enum
from typing import Optional, Tuple

from osvc_ha.planner.errors import ConfigError


class Outcome(Enum):
    """How one operation ended."""

    OK = "ok"
    REFUSED = "refused"
    RESET = "reset"
    TIMEOUT = "timeout"
    READONLY = "readonly"
    NOREPLICAS = "noreplicas"
    ERROR = "error"


@dataclass(frozen=True)
class Op:
    """One operation. ``at``: seconds since the epoch at its start; ``latency``: seconds, connecting included.

    number: the value a writer wrote, unique and rising per client.
    unknown: it was sent and never answered, so only the server knows whether it was done.
    role: what ROLE answered on that connection (``master``, ``slave``), empty when it was not asked.
    """

    number: int
    at: float
    latency: float
    outcome: Outcome
    unknown: bool = False
    role: str = ""

    @property
    def end(self) -> float:
        """Seconds since the epoch when the answer, or the error, arrived."""
        return self.at + self.latency

    @property
    def ok(self) -> bool:
        """The server did it and said so."""
        return self.outcome is Outcome.OK

    def line(self) -> str:
        """One line of a client's file."""
        return f"{self.number} {self.at:.6f} {self.latency:.6f} {self.outcome.value} {int(self.unknown)} {self.role or '-'}\n"


def parse_ops(text: str) -> Tuple[Op, ...]:
    """The operations of a client's file. A last line still being written is left for the next reading."""
    return tuple(_parse(line) for line in text.splitlines(keepends=True) if line.endswith("\n"))


def _parse(line: str) -> Op:
    try:
        number, at, latency, outcome, unknown, role = line.split()
        return Op(int(number), float(at), float(latency), Outcome(outcome), unknown == "1", "" if role == "-" else role)
    except ValueError as error:
        raise ConfigError(f"client record {line.strip()!r}: not an operation; the file is not one of a drill client") from error


@dataclass(frozen=True)
class Ledger:
    """One client's operations in order of start, over ``since``..``until`` (seconds since the epoch)."""

    client: str
    ops: Tuple[Op, ...]
    since: float
    until: float
    writes: bool = True
    persistent: bool = False

    @classmethod
    def of(cls, client: str, ops: Iterable[Op], writes: bool = True, persistent: bool = False) -> Ledger:
        """A whole run: it begins with its first operation and ends with its last."""
        ordered = tuple(sorted(ops, key=lambda op: (op.at, op.number)))
        since = ordered[0].at if ordered else 0.0
        return cls(client, ordered, since, max((op.end for op in ordered), default=since), writes, persistent)

    def window(self, since: float, until: float) -> Ledger:
        """The operations that began in [since, until): windows side by side share none and drop none."""
        return replace(self, ops=tuple(op for op in self.ops if since <= op.at < until), since=since, until=until)

    @property
    def acked(self) -> frozenset[int]:
        """Numbers of the writes the server acknowledged; empty for a reader."""
        return frozenset(op.number for op in self.ops if op.ok and self.writes)

    @property
    def unknown(self) -> frozenset[int]:
        """Numbers of the writes that were sent and never answered; empty for a reader."""
        return frozenset(op.number for op in self.ops if op.unknown and self.writes)

    @property
    def failed(self) -> Tuple[Op, ...]:
        """Every operation that did not succeed, the unknown ones included: what the client's user noticed."""
        return tuple(op for op in self.ops if not op.ok)

    @property
    def misrouted(self) -> int:
        """Operations that were answered by a replica; 0 as well when ROLE was not asked."""
        return sum(op.role == "slave" for op in self.ops)

    @property
    def stall(self) -> float:
        """Seconds that the slowest successful operation took."""
        return max((op.latency for op in self.ops if op.ok), default=0.0)

    @property
    def outage(self) -> float:
        """Seconds of the longest interval without a success; the edges of the window count as its ends."""
        longest, last = 0.0, self.since
        for op in self.ops:
            if op.ok:
                longest = max(longest, op.end - last)
                last = op.at
        return max(longest, self.until - last)

    def first_ok_after(self, moment: float) -> Optional[float]:
        """When the first success that began at or after ``moment`` was answered, None if there was none."""
        return next((op.end for op in self.ops if op.ok and op.at >= moment), None)


def lost(acked: AbstractSet[int], survivors: AbstractSet[int]) -> frozenset[int]:
    """Acknowledged writes that the final master does not hold."""
    return frozenset(acked - survivors)


@dataclass(frozen=True)
class Summary:
    """Several clients over the same time. Outages and stalls are those of the worst client, in seconds.

    failed: failed operations of the worst client. lost: None when nobody looked at the final master.
    An outage is None when no client of that sort ran.
    """

    clients: int
    outage_reconnecting: Optional[float]
    outage_persistent: Optional[float]
    stall: float
    failed: int
    acked: int
    unknown: int
    lost: Optional[int]
    misrouted: int
    outcomes: Mapping[str, int]


def summarise(ledgers: Sequence[Ledger], survivors: Optional[Mapping[str, AbstractSet[int]]] = None) -> Summary:
    """Add up clients. ``survivors``: per client, the numbers that the final master holds.

    ConfigError when a writer is missing from ``survivors``: silence would count as no loss.
    """
    return Summary(
        clients=len(ledgers),
        outage_reconnecting=max((each.outage for each in ledgers if not each.persistent), default=None),
        outage_persistent=max((each.outage for each in ledgers if each.persistent), default=None),
        stall=max((each.stall for each in ledgers), default=0.0),
        failed=max((len(each.failed) for each in ledgers), default=0),
        acked=sum(len(each.acked) for each in ledgers),
        unknown=sum(len(each.unknown) for each in ledgers),
        lost=None if survivors is None else sum(len(lost(each.acked, _of(survivors, each))) for each in ledgers if each.writes),
        misrouted=sum(each.misrouted for each in ledgers),
        outcomes=dict(sorted(Counter(op.outcome.value for each in ledgers for op in each.ops).items())),
    )


def _of(survivors: Mapping[str, AbstractSet[int]], ledger: Ledger) -> AbstractSet[int]:
    if ledger.client not in survivors:
        raise ConfigError(f"client {ledger.client}: its writes were not read back; pass its set to summarise()")
    return survivors[ledger.client]
