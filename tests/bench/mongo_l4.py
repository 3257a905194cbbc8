"""OpenSVC stops the instance that is primary, under a client that knows nothing but HAProxy's mongo-primary port."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from mongo_stage import MongoGroup, Writer, absent, group, make_first
from stage import Say

from osvc_ha.cluster.types import Cluster
from osvc_ha.drill.processes import listening, wait_until
from osvc_ha.drill.report import Case
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb
from osvc_ha.systems.haproxy import SYSTEM

LEAST_RUNS = 20
# As `osvc_ha/systems/haproxy/config.py` has it, which is the keyword's default.
CHECK_INTERVAL = 200
OUTAGE = Case("mongo: planned move of the primary, outage through the L4 port", "s", (), 0.5)
LOST = Case("mongo: planned move through the L4 port: acknowledged w:majority writes lost", "writes", (), 0, 0)
FAILED = Case("mongo: planned move through the L4 port: failed writes", "writes", ())
FIGURES = (OUTAGE, LOST, FAILED)


def measure(runs: int, say: Say) -> list[Case]:
    """A STOP and a START of n1, the primary, again and again."""
    if absent(say):
        return []
    done: list[Writer] = []
    lost: list[int] = []
    with group(say) as made, front(made) as port:
        for number in range(1, runs + 1):
            make_first(made)
            with made.writer(f"port{number}", through=(made.addresses["n1"], port)) as load:
                made.stop("n1")
                load.progress()
            done.append(load)
            lost.append(len(load.lost()))
            made.placed.add("n1")
            made.start("n1")
            say(f"run {number}/{runs}: {load.outage():.3f} s, lost {lost[-1]}, failed {len(load.failed())}")
        return [
            replace(OUTAGE, runs=tuple(each.outage() for each in done)),
            replace(LOST, runs=tuple(lost)),
            replace(FAILED, runs=tuple(len(each.failed()) for each in done)),
        ]


@contextlib.contextmanager
def front(made: MongoGroup) -> Iterator[int]:
    """A real HAProxy on n1's address with the set's listener; its port."""
    home, port = made.directory / "front", made.port + 1
    config = SYSTEM.parse(
        {
            "config_file": str(home / "haproxy.cfg"),
            "runtime_dir": str(home / "run"),
            "credentials_dir": str(home / "credentials"),
            "bind": made.addresses["n1"],
            "check_interval": str(CHECK_INTERVAL),
            "maxconn": "200",
        }
    )
    env = {
        "osvc.l4.enable": "true",
        "osvc.l4.port": str(port),
        "osvc.l4.check": "mongo-primary",
        "osvc.l4.target_port": str(made.port),
    }
    seen = made.cluster("n1")
    objects = {path: replace(each, config={"env": env}) for path, each in seen.objects.items()}
    cluster: Cluster = replace(seen, objects=objects)
    reconcile(SYSTEM, config, cluster, Verb.START, made.host)
    try:
        wait_until("HAProxy listens", lambda: listening(made.addresses["n1"], port), 10)
        yield port
    finally:
        reconcile(SYSTEM, config, cluster, Verb.STOP, made.host)
