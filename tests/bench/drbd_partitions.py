"""Networks break at random moments while a program writes with fsync to real DRBD: with our fence handler, and without any.

The nodes are User-Mode-Linux kernels (osvc_ha/drill/uml). In OpenSVC's place, the bench starts the service on the other node when
that one does not hear the writer's node any more but the third one: what a cluster with a majority does.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from stage import Say

from osvc_ha.drill.report import Case
from osvc_ha.drill.uml.drbd import HANDLERS, NO_FENCE, DrbdLab
from osvc_ha.drill.uml.lab import missing
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 50
SEED = 8
# Three times in five it is the writer that is cut off, once its peer, once DRBD's link alone.
CUTS = ("writer", "writer", "writer", "peer", "link")
# A number is told from another run's, and from the other side's, by its size.
RUN_NUMBERS, SIDE_NUMBERS = 1_000_000, 500_000
PROMOTION_SECONDS = 60.0
WRITE_SECONDS = 30.0

WRITERS = Case("partition: runs with two writers", "runs", (), 0, 0)
LOST = Case("partition: acknowledged writes lost", "writes", (), 0, 0)
SPLIT = Case("partition: split brains", "split brains", (), 0, 0)
OUTAGE = Case("partition: outage of the writer", "s", ())
WITHOUT = tuple(
    replace(case, name=case.name.replace("partition:", "partition without a handler:"), limit=None, worst_limit=None)
    for case in (WRITERS, LOST, SPLIT, OUTAGE)
)
FIGURES = (WRITERS, LOST, SPLIT, OUTAGE, *WITHOUT)


@dataclass(frozen=True)
class Row:
    """What one partition cost."""

    writers: int
    lost: int
    split: int
    outage: float


def measure(runs: int, say: Say) -> list[Case]:
    """The same cuts at the same moments, twice."""
    if missing():
        say(f"needs {' '.join(missing())}: not measured")
        return []
    ours = list(_all(runs, say, DrbdLab(HANDLERS)))
    theirs = list(_all(runs, lambda line: say(f"without a handler: {line}"), DrbdLab(NO_FENCE, fencing="dont-care")))
    rows = [*zip(*((row.writers, row.lost, row.split, row.outage) for row in ours))]
    rows += [*zip(*((row.writers, row.lost, row.split, row.outage) for row in theirs))]
    return [replace(case, runs=tuple(map(float, row))) for case, row in zip(FIGURES, rows)]


def _all(runs: int, say: Say, context: DrbdLab) -> Iterator[Row]:
    chance = random.Random(SEED)
    with context as lab:
        lab.make()
        writer, other = "n1", "n2"
        for number in range(1, runs + 1):
            sort = chance.choice(CUTS)
            row, moved = Partition(lab, writer, other, number, sort).run(chance.uniform(0.0, 2.0), chance.uniform(0.5, 2.0))
            say(
                f"run {number}/{runs}: cut {sort}: writers {1 + row.writers}, lost {row.lost}, split brains {row.split}, {row.outage:.1f} s"
            )
            if moved:
                writer, other = other, writer
            yield row


class Partition:
    """One of them, on a lab whose r0 is connected and good on both nodes, and Primary on ``writer`` at most."""

    def __init__(self, lab: DrbdLab, writer: str, other: str, number: int, sort: str) -> None:
        self._lab = lab
        self._writer = writer
        self._other = other
        self._cable = {"writer": writer, "peer": other, "link": "n1:n2:7788"}[sort]
        self._moves = sort == "writer"
        self._first = number * RUN_NUMBERS

    def run(self, before: float, after: float) -> tuple[Row, bool]:
        """Write, cut, go on somewhere, heal, and compare. after: seconds of writing before the cable is mended."""
        lab = self._lab
        self._begin()
        time.sleep(before)
        # A moment of the experiment, not a condition that is waited for.
        lab.cut(self._cable)
        cut = time.monotonic()
        active = self._other if self._moves else self._writer
        if self._moves:
            self._take_over()
        else:
            lab.await_told(active, "cstate", "WFConnection")
        was = self._acked(self._writer) if self._moves else frozenset()
        self._await_write(active)
        outage = time.monotonic() - cut
        time.sleep(after)
        writers = bool(self._moves and self._acked(self._writer) - was)
        split = self._heal(active)
        acknowledged = self._acked("n1") | self._acked("n2")
        lost = len(acknowledged - lab.held(active))
        self._end(active)
        return Row(int(writers), lost, split, outage), self._moves

    def _begin(self) -> None:
        lab = self._lab
        done = lab.promote(self._writer)
        if done.code:
            raise ApplyError(f"{self._writer}: not promoted with its peer connected: {done.words}")
        lab.start_writer(self._writer, self._first)

    def _acked(self, name: str) -> frozenset[int]:
        return frozenset(number for number in self._lab.acknowledged(name) if number >= self._first)

    def _take_over(self) -> None:
        """As OpenSVC: again and again, once this node and the third are a majority without the writer's."""
        lab = self._lab
        lab.await_alive(self._other, self._other, "n3")
        give_up = time.monotonic() + PROMOTION_SECONDS
        while (done := lab.promote(self._other)).code:
            if time.monotonic() > give_up:
                raise ApplyError(f"{self._other}: not promoted within {PROMOTION_SECONDS:g} s: {done.words}")
        lab.start_writer(self._other, self._first + SIDE_NUMBERS)

    def _await_write(self, active: str) -> None:
        """Until one more is acknowledged than there were when it was asked."""
        count = len(self._acked(active))
        self._lab.until(f"{active}: writes", lambda: len(self._acked(active)), lambda found: int(str(found)) > count, WRITE_SECONDS)

    def _heal(self, active: str) -> int:
        """Mend the cable, bring the other side back, and say how many split brains DRBD saw."""
        lab = self._lab
        passive = self._writer if self._moves else self._other
        for name in ("n1", "n2"):
            lab.nodes[name].must("dmesg --clear")
        lab.heal()
        if self._moves:
            lab.await_parted()
            lab.bring_back(passive, "--discard-my-data" if self._split() else "")
        lab.await_good(60)
        return int(self._split())

    def _split(self) -> bool:
        """Has DRBD said so on either side, since the cable was mended?"""
        return any("Split-Brain detected" in self._lab.nodes[name].must("dmesg") for name in ("n1", "n2"))

    def _end(self, active: str) -> None:
        self._lab.demote(active)
        for name in self._lab.names:
            self._lab.await_alive(name, *self._lab.names)
