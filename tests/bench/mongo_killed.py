"""SIGKILL of the primary's mongod, under a client with retryable writes. The set replaces it by itself; START brings it back."""

from __future__ import annotations

import signal
from dataclasses import replace

from mongo_stage import ELECTION_MILLISECONDS, absent, group, make_first
from stage import Say

from osvc_ha.drill.report import Case

LEAST_RUNS = 20
OUTAGE = Case("mongo: primary killed, outage beyond the election time-out", "s", (), 1.0)
LOST = Case("mongo: primary killed: acknowledged w:majority writes lost", "writes", (), 0, 0)
FIGURES = (OUTAGE, LOST)


def measure(runs: int, say: Say) -> list[Case]:
    """Each run kills n1, the primary, and starts it again when another is."""
    if absent(say):
        return []
    beyond: list[float] = []
    lost: list[int] = []
    with group(say) as made:
        for number in range(1, runs + 1):
            # n1 takes over again by its priority when it is back: an outage that is none of the kill's.
            make_first(made)
            with made.writer(f"kill{number}") as load:
                head = "n1"
                made.signal(head, signal.SIGKILL)
                load.progress()
            made.start(head)
            beyond.append(load.outage() - ELECTION_MILLISECONDS / 1000)
            lost.append(len(load.lost()))
            say(f"run {number}/{runs}: {head}: outage {load.outage():.2f} s, lost {lost[-1]}, failed {len(load.failed())}")
    return [replace(OUTAGE, runs=tuple(beyond)), replace(LOST, runs=tuple(lost))]
