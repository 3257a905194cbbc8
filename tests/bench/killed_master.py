"""SIGKILL of the master, in a group that is ready: how long until HAProxy's clients write again, with the fast path and without.

A redis-py client that asks the Sentinels itself writes in the very same failovers, for comparison.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from promotions import Promotions
from stage import Say, Seen, cluster, make_ready, outages_over, settle, sleep_until, writers

from osvc_ha.drill.lab import GROUP, Lab
from osvc_ha.drill.ledger import Ledger
from osvc_ha.drill.load import KEY_PREFIX, Client, survivors, wait_flowing
from osvc_ha.drill.report import Case
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 10
RATE = 200.0
BASELINE = "redis-py"
# Sentinel's leader ends a failover a second after +promoted-slave; what a new master that looks down sets off comes later still.
CALM_SECONDS = 5.0
OUTAGE_SECONDS = 0.5
DRAIN_SECONDS = 0.1
LOST = Case("master killed: replicated writes lost", "writes", (), 0, 0)
NEVER = Case("master killed: acknowledged writes that no replica had", "writes", ())
OUTAGES = Case("master killed: outages over 0.5 s of the worst client", "outages", (), 1, 1)
FIRST = Case("master killed: first write after +promoted-slave, each node", "s", (), 0.15, 0.4)
OUTAGE = Case("master killed: outage, against a redis-py Sentinel client's", "s", (), 1.1)
LOST_ALONE = Case("master killed, HAProxy alone: replicated writes lost", "writes", (), 0, 0)
OUTAGES_ALONE = Case("master killed, HAProxy alone: outages over 0.5 s of the worst client", "outages", (), 1, 1)
FIRST_ALONE = Case("master killed, HAProxy alone: first write after +promoted-slave, each node", "s", (), 0.4, 0.8)
OUTAGE_ALONE = Case("master killed, HAProxy alone: outage", "s", ())
FIGURES = (LOST, NEVER, OUTAGES, FIRST, OUTAGE, LOST_ALONE, OUTAGES_ALONE, FIRST_ALONE, OUTAGE_ALONE)


@dataclass(frozen=True)
class Failover:
    """One of them. first: seconds from the event to the first write that each node's reconnecting client had accepted.

    never: acknowledged writes that were on no replica when the master died: no failover can bring them back.
    """

    seen: Seen
    never: int
    first: tuple[float, ...]
    outage: float
    baseline: float

    @property
    def lost(self) -> int:
        """Acknowledged writes that were on a replica, or written to the new master, and are gone."""
        return self.seen.lost - self.never

    @property
    def outages(self) -> int:
        """How often the unluckiest client was without a success for long."""
        return max(outages_over(each, OUTAGE_SECONDS) for each in self.seen.ledgers)

    def words(self) -> str:
        """One line of progress."""
        firsts = ", ".join(f"{seconds:.3f}" for seconds in self.first)
        ours = f"outage {self.outage:.3f} s, redis-py {self.baseline:.3f} s, {self.outages} outages, {self.never} on no replica"
        return f"first write after {firsts} s; {ours}; {self.seen.words()}"


def measure(runs: int, say: Say) -> list[Case]:
    """First with every watcher at work, then with every watcher killed."""
    with cluster(say) as lab:
        hurried = list(_failovers(lab, "fast", runs, say))
        for watcher in lab.watchers.values():
            watcher.kill()
        alone = list(_failovers(lab, "alone", runs, say))
    return [
        replace(LOST, runs=tuple(each.lost for each in hurried)),
        replace(NEVER, runs=tuple(each.never for each in (*hurried, *alone))),
        replace(OUTAGES, runs=tuple(each.outages for each in hurried)),
        replace(FIRST, runs=tuple(chain.from_iterable(each.first for each in hurried))),
        replace(OUTAGE, runs=tuple(each.outage for each in hurried), baseline=tuple(each.baseline for each in hurried)),
        replace(LOST_ALONE, runs=tuple(each.lost for each in alone)),
        replace(OUTAGES_ALONE, runs=tuple(each.outages for each in alone)),
        replace(FIRST_ALONE, runs=tuple(chain.from_iterable(each.first for each in alone))),
        replace(OUTAGE_ALONE, runs=tuple(each.outage for each in alone), baseline=tuple(each.baseline for each in alone)),
    ]


def _failovers(lab: Lab, tag: str, runs: int, say: Say) -> Iterator[Failover]:
    for number in range(1, runs + 1):
        failover = _failover(lab, f"{tag}{number}")
        say(f"{tag} {number}/{runs}: {failover.words()}")
        yield failover


def _failover(lab: Lab, tag: str) -> Failover:
    clients = [*writers(lab, tag, RATE), _sentinel_client(lab, f"{tag}-{BASELINE}")]
    wait_flowing(clients)
    master = lab.await_master()
    with Promotions(lab) as promotions:
        lab.server(master).kill()
        killed = time.time()
        replicated = _on_replicas(lab, clients, master)
        lab.await_master(other_than=master)
        seen = settle(lab, clients, CALM_SECONDS)
    make_ready(lab, master)
    never = 0
    for each, gone in zip(seen.ledgers, seen.missing):
        before = {op.number for op in each.ops if op.at < killed}
        never += len((gone & before) - replicated[each.client])
    *ours, baseline = seen.ledgers
    reconnecting = [each for each in ours if not each.persistent]
    first = tuple(_first_after(each, killed) - promotions.first() for each in reconnecting)
    return Failover(replace(seen, ledgers=tuple(ours)), never, first, max(each.outage for each in reconnecting), baseline.outage)


def _on_replicas(lab: Lab, clients: list[Client], master: str) -> dict[str, frozenset[int]]:
    """What at least one replica holds, per client. Replicas have had time to read what the dead master had sent."""
    sleep_until(time.time() + DRAIN_SECONDS)
    held = [survivors(clients, address, lab.redis_port) for node, address in lab.addresses.items() if node != master]
    return {client.name: frozenset().union(*(each[client.name] for each in held)) for client in clients}


def _first_after(ledger: Ledger, killed: float) -> float:
    """When the first write that began after the old master was gone was answered: only the new one can have."""
    moment = ledger.first_ok_after(killed)
    if moment is None:
        raise ApplyError(f"{ledger.client}: never wrote again")
    return moment


def _sentinel_client(lab: Lab, name: str) -> Client:
    records = lab.run.directory / f"client-{name}.ops"
    records.touch()
    key = KEY_PREFIX + name
    peers = [f"{address}:{lab.sentinel_port}" for address in lab.addresses.values()]
    program = Path(__file__).with_name("sentinel_writer.py")
    argv = [sys.executable, str(program), str(records), key, GROUP, str(RATE), *peers]
    return Client(name, True, True, key, records, lab.run.start(f"client {name}", argv, held=True))
