"""OpenSVC stops the instance that holds the master, and starts it again, under load on every node's write port."""

from __future__ import annotations

from dataclasses import replace

from stage import Say, Seen, cluster, settle, writers

from osvc_ha.drill.load import wait_flowing
from osvc_ha.drill.report import Case

LEAST_RUNS = 20
LOST = Case("planned handover: acknowledged writes lost", "writes", (), 0, 0)
FAILED = Case("planned handover: failed operations of the worst client", "operations", (), 1, 1)
RECONNECTING = Case("planned handover: stall, reconnecting clients", "s", (), 0.35, 0.6)
PERSISTENT = Case("planned handover: stall, persistent clients", "s", (), 0.35, 0.6)
FIGURES = (LOST, FAILED, RECONNECTING, PERSISTENT)


def measure(runs: int, say: Say) -> list[Case]:
    """One handover and one return a run; the group is ready again before the next, since START returns only then."""
    seen: list[Seen] = []
    with cluster(say) as lab:
        for number in range(1, runs + 1):
            clients = writers(lab, f"move{number}")
            master = lab.await_master()
            wait_flowing(clients)
            lab.stop(master)
            lab.start(master)
            seen.append(settle(lab, clients))
            say(f"run {number}/{runs}: from {master}: {seen[-1].words()}")
    return [
        replace(LOST, runs=tuple(each.lost for each in seen)),
        replace(FAILED, runs=tuple(each.failed for each in seen)),
        replace(RECONNECTING, runs=tuple(each.outage(False) for each in seen)),
        replace(PERSISTENT, runs=tuple(each.outage(True) for each in seen)),
    ]
