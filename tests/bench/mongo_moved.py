"""OpenSVC stops the instance that is primary, against a bare replSetStepDown of the same set, under a client with retryable writes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from mongo_stage import MongoGroup, Writer, absent, group, make_first
from stage import Say

from osvc_ha.drill.report import Case

LEAST_RUNS = 20
CATCH_UP, STEP_DOWN = 10, 11
OUTAGE = Case("mongo: planned move of the primary, outage, against replSetStepDown", "s", (), 1.2)
LOST = Case("mongo: planned move: acknowledged w:majority writes lost", "writes", (), 0, 0)
FAILED = Case("mongo: planned move: failed writes", "writes", (), 0, 0)
FIGURES = (OUTAGE, LOST, FAILED)


def measure(runs: int, say: Say) -> list[Case]:
    """In turn: a bare step-down, then a STOP and a START of whoever is primary."""
    if absent(say):
        return []
    ours: list[Writer] = []
    bare: list[Writer] = []
    with group(say) as made:
        for number in range(1, runs + 1):
            with _settled_writer(made, f"bare{number}") as load:
                made.ask(made.await_primary(), "replSetStepDown", STEP_DOWN, secondaryCatchUpPeriodSecs=CATCH_UP, seconds=30)
                load.progress()
            bare.append(load)
            with _settled_writer(made, f"move{number}") as load:
                head = made.await_primary()
                made.stop(head)
                load.progress()
            ours.append(load)
            made.placed.add(head)
            made.start(head)
            say(f"run {number}/{runs}: {head}: {ours[-1].outage():.3f} s, bare {bare[-1].outage():.3f} s, lost {len(load.lost())}")
        return [
            replace(OUTAGE, runs=tuple(each.outage() for each in ours), baseline=tuple(each.outage() for each in bare)),
            replace(LOST, runs=tuple(len(each.lost()) for each in ours)),
            replace(FAILED, runs=tuple(len(each.failed()) for each in ours)),
        ]


@contextlib.contextmanager
def _settled_writer(made: MongoGroup, tag: str) -> Iterator[Writer]:
    make_first(made)
    with made.writer(tag) as load:
        yield load
