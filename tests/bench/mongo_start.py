"""Three instances started at once on empty data, against three mongods and a replSetInitiate written by hand."""

from __future__ import annotations

import time
from dataclasses import replace

from mongo_stage import ELECTION_MILLISECONDS, absent, by_hand, group
from stage import Say

from osvc_ha.drill.report import Case
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 5
READY = Case("mongo: three started at once, until PRIMARY and all vote, against replSetInitiate by hand", "s", (), 1.5)
FIGURES = (READY,)


def measure(runs: int, say: Say) -> list[Case]:
    """Both ways in turn, each from the start of its mongods, with the same election time-out."""
    if absent(say):
        return []
    ours, hand = [], []
    for number in range(1, runs + 1):
        with by_hand() as mongods:
            began = time.monotonic()
            mongods.start()
            mongods.initiate(ELECTION_MILLISECONDS)
            mongods.await_settled()
            hand.append(time.monotonic() - began)
        with group(say, started=0) as made:
            made.placed = set(made.nodes)
            began = time.monotonic()
            made.start()
            made.eventually(made.settled, 60)
            ours.append(time.monotonic() - began)
            if made.votes() != dict.fromkeys(made.nodes, 1):
                raise ApplyError(f"votes are {made.votes()}")
        say(f"run {number}/{runs}: {ours[-1]:.2f} s, by hand {hand[-1]:.2f} s")
    return [replace(READY, runs=tuple(ours), baseline=tuple(hand))]
