"""SIGSTOP of the master until somebody else is promoted, then SIGCONT: it comes back believing that it is the master.

Twice: back long after the failover, and back at the nasty moment, when a majority of the Sentinels still names it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from stage import DOWN_AFTER, SETTLE_SECONDS, Say, Seen, cluster, make_ready, outages_over, settle, sleep_until, writers

from osvc_ha.drill.lab import Lab
from osvc_ha.drill.load import wait_flowing
from osvc_ha.drill.processes import wait_until
from osvc_ha.drill.report import Case

LEAST_RUNS = 10
LONG_SECONDS = DOWN_AFTER / 1000 + 3.0
EARLIEST, LATEST = 0.05, 0.5
OUTAGE_SECONDS = 0.5
MOST = DOWN_AFTER / 1000 + 2.0

LOST = Case("master paused: acknowledged writes lost", "writes", (), 0, 0)
OUTAGES = Case("master paused: outages over 0.5 s of the worst client", "outages", (), 1, 1)
OUTAGE = Case("master paused: outage of the worst client", "s", (), MOST, MOST)
LOST_EARLY = Case("master paused until just after the promotion: acknowledged writes lost", "writes", (), 0, 0)
OUTAGES_EARLY = Case("master paused until just after the promotion: outages over 0.5 s of the worst client", "outages", (), 1, 1)
OUTAGE_EARLY = Case("master paused until just after the promotion: outage of the worst client", "s", (), MOST, MOST)
FIGURES = (LOST, OUTAGES, OUTAGE, LOST_EARLY, OUTAGES_EARLY, OUTAGE_EARLY)

Pause = Callable[[Lab, str], None]


def measure(runs: int, say: Say) -> list[Case]:
    """Both ways on one cluster, in turn: made ready again by START before each."""
    long: list[Seen] = []
    early: list[Seen] = []
    with cluster(say) as lab:
        for number in range(1, runs + 1):
            long.append(_paused(lab, f"long{number}", _a_while))
            say(f"long {number}/{runs}: {_words(long[-1])}")
            delay = EARLIEST + (LATEST - EARLIEST) * (number - 1) / max(1, runs - 1)
            early.append(_paused(lab, f"early{number}", _promoted_since(delay)))
            say(f"resumed {delay:.2f} s after the promotion {number}/{runs}: {_words(early[-1])}")
    return [*_cases((LOST, OUTAGES, OUTAGE), long), *_cases((LOST_EARLY, OUTAGES_EARLY, OUTAGE_EARLY), early)]


def _paused(lab: Lab, tag: str, pause: Pause) -> Seen:
    clients = writers(lab, tag)
    wait_flowing(clients)
    master = lab.await_master()
    server = lab.server(master)
    server.pause()
    try:
        pause(lab, master)
    finally:
        server.resume()
    wait_until(f"{master} to follow the new master", lambda: lab.role(master) == "slave", SETTLE_SECONDS)
    seen = settle(lab, clients)
    make_ready(lab, master)
    return seen


def _a_while(lab: Lab, master: str) -> None:
    sleep_until(time.time() + LONG_SECONDS)


def _promoted_since(delay: float) -> Pause:
    def pause(lab: Lab, master: str) -> None:
        others = [node for node in lab.nodes if node != master]
        wait_until("a promotion", lambda: any(lab.role(node) == "master" for node in others), SETTLE_SECONDS, every=0.005)
        sleep_until(time.time() + delay)

    return pause


def _words(seen: Seen) -> str:
    return f"{_outages(seen)} outages of the worst client; {seen.words()}"


def _outages(seen: Seen) -> int:
    return max(outages_over(each, OUTAGE_SECONDS) for each in seen.ledgers)


def _cases(figures: tuple[Case, Case, Case], seen: list[Seen]) -> list[Case]:
    lost, outages, outage = figures
    return [
        replace(lost, runs=tuple(each.lost for each in seen)),
        replace(outages, runs=tuple(_outages(each) for each in seen)),
        replace(outage, runs=tuple(each.outage() for each in seen)),
    ]
