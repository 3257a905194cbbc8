"""HAProxy is reloaded again and again under load, while the master is the last in scope order: the worst place for a server to be.

Every client asks ROLE on the connection it writes on. The usual ways to reload (a config without the
server state carried over) sent 37 % of such connections to a replica.
"""

from __future__ import annotations

import copy
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml
from stage import Say, cluster

from osvc_ha.cluster.snapshot import cluster_from_snapshot
from osvc_ha.cluster.types import Cluster
from osvc_ha.drill.lab import Lab
from osvc_ha.drill.ledger import Outcome, summarise
from osvc_ha.drill.load import collect, start_client, wait_flowing
from osvc_ha.drill.report import Case
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb
from osvc_ha.systems.haproxy import SYSTEM

LEAST_RUNS = 1
RELOADS = 100
CLIENTS = 4
RATE = 150.0
OTHER = "demo/svc/other"

REFUSED = Case("100 reloads: connections refused", "operations", (), 0, 0)
RESET = Case("100 reloads: connections reset", "operations", (), 0, 0)
REPLICA = Case("100 reloads: operations answered by a replica", "operations", (), 0, 0)
FAILED = Case("100 reloads: operations that failed in another way", "operations", (), 0, 0)
STALL = Case("100 reloads: longest time without a success", "s", ())
FIGURES = (REFUSED, RESET, REPLICA, FAILED, STALL)


def measure(runs: int, say: Say) -> list[Case]:
    """A run is 100 reloads: a listener comes, a listener goes."""
    seen = []
    with cluster(say, {"reload_interval": "0"}, first="n3") as lab:
        if lab.await_master() != lab.nodes[-1]:
            raise ApplyError(f"the master is on {lab.await_master()}, and must be on the last node, {lab.nodes[-1]}")
        # It would take the listener away again, on its own clock.
        lab.watchers["n1"].kill()
        for number in range(1, runs + 1):
            seen.append(_reloads(lab, number, say))
    return [
        replace(REFUSED, runs=tuple(each[Outcome.REFUSED.value] for each in seen)),
        replace(RESET, runs=tuple(each[Outcome.RESET.value] for each in seen)),
        replace(REPLICA, runs=tuple(each["replica"] for each in seen)),
        replace(FAILED, runs=tuple(each["other"] for each in seen)),
        replace(STALL, runs=tuple(each["stall"] for each in seen)),
    ]


def _reloads(lab: Lab, number: int, say: Say) -> dict[str, float]:
    address = lab.addresses["n1"]
    clients = [
        start_client(lab.run, f"reloads{number}-{client}", address, lab.write_port, rate=RATE, ask_role=True) for client in range(CLIENTS)
    ]
    wait_flowing(clients)
    began = time.monotonic()
    config = SYSTEM.parse(yaml.safe_load((lab.directory("n1") / "settings.yaml").read_text())["haproxy"])
    for count, seen_cluster in zip(range(RELOADS), _alternating(lab)):
        outcome = reconcile(SYSTEM, config, seen_cluster, Verb.FOLLOW, lab.host)
        if "reload" not in [step.do for step in outcome.steps]:
            raise ApplyError(f"reload {count + 1} was none: {[step.do for step in outcome.steps]}")
    took = time.monotonic() - began
    wait_flowing(clients, since=time.time())
    ledgers = collect(clients)
    total = summarise(ledgers)
    kinds = Counter(total.outcomes)
    say(f"run {number}: {RELOADS} reloads in {took:.0f} s, {sum(kinds.values())} operations: {dict(kinds)}, {total.misrouted} by a replica")
    named = {kind: kinds[kind] for kind in (Outcome.OK.value, Outcome.REFUSED.value, Outcome.RESET.value)}
    other = sum(kinds.values()) - sum(named.values())
    return {**named, "other": other, "replica": total.misrouted, "stall": max(each.outage for each in ledgers)}


def _alternating(lab: Lab) -> Iterator[Cluster]:
    """The cluster with one more service, and without it."""
    less: dict[str, Any] = json.loads(lab.snapshot.read_text())
    more = copy.deepcopy(less)
    env = {"osvc.l4.enable": "true", "osvc.l4.port": str(lab.spare_ports[0]), "osvc.l4.check": "tcp"}
    instances = {node: {"avail": "up"} for node in lab.nodes}
    more["objects"][OTHER] = {"scope": list(lab.nodes), "topology": "flex", "config": {"env": env}, "instances": instances}
    while True:
        yield cluster_from_snapshot(more)
        yield cluster_from_snapshot(less)
