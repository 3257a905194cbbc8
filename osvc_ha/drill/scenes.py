"""The scenes of the demo: each does one thing to the cluster under load, and says what the clients saw."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Optional, Tuple, TypeVar

from .lab import DOWN_AFTER, Lab
from .ledger import Ledger, Summary, summarise
from .load import Client, collect, start_client, survivors, wait_flowing
from .processes import wait_until
from .report import SceneResult

LabT = TypeVar("LabT", bound=Lab)
RATE = 100.0
READ_RATE = 25.0
SETTLE_SECONDS = 20.0
PAUSE_SECONDS = DOWN_AFTER / 1000 + 3.0
BAD_LABEL = "demo/svc/typo"
MANY = 1000


@dataclass(frozen=True)
class Limits:
    """What a scene may cost. outage: seconds. failed, failed_reads: operations of one writer, of one reader. No scene may lose a write.

    A reader with a persistent connection to an instance that ends, or changes its role, loses that connection.
    """

    outage: float = 0.5
    failed: int = 0
    failed_reads: int = 0


@dataclass(frozen=True)
class Scene(Generic[LabT]):
    """A name, what is done, and what it may cost."""

    name: str
    act: Callable[[LabT], None]
    limits: Limits


def play(lab: Lab, scene: Scene[Lab], number: int) -> SceneResult:
    """Run one scene under load on every node's ports, and judge it."""
    clients = list(_clients(lab, number))
    ledgers = run_under(clients, lambda: scene.act(lab))
    master = lab.await_master()
    held = survivors(clients, lab.addresses[master], lab.redis_port)
    writers = summarise([ledger for ledger in ledgers if ledger.writes], held)
    return judge(scene.name, scene.limits, writers, summarise([ledger for ledger in ledgers if not ledger.writes]))


def run_under(clients: Sequence[Client], act: Callable[[], None]) -> list[Ledger]:
    """Act while all of these work; what each of them saw, in the same order."""
    wait_flowing(clients)
    act()
    # Until everybody works again: the tail of an outage belongs to the scene that caused it.
    acted = time.time()
    wait_flowing(clients, since=acted, seconds=SETTLE_SECONDS)
    wait_until("a second of calm", lambda: time.time() > acted + 1.0)
    return collect(clients)


def _clients(lab: Lab, number: int) -> Iterator[Client]:
    for node, address in lab.addresses.items():
        for persistent in (False, True):
            sort = "persistent" if persistent else "reconnecting"
            name = f"{number}-{node}-{sort}"
            yield start_client(lab.run, f"{name}-writer", address, lab.write_port, persistent=persistent, rate=RATE)
            yield start_client(lab.run, f"{name}-reader", address, lab.read_port, writes=False, persistent=persistent, rate=READ_RATE)


def judge(name: str, limits: Limits, writers: Summary, readers: Optional[Summary] = None) -> SceneResult:
    """Was it within its limits, and is everything still there that was acknowledged?"""
    reasons = []
    if writers.lost:
        reasons.append(f"{writers.lost} acknowledged writes are gone")
    for what, seen, failed in (("writers", writers, limits.failed), ("readers", readers, limits.failed_reads)):
        if seen is None:
            continue
        outage = max(seen.outage_reconnecting or 0.0, seen.outage_persistent or 0.0)
        if outage > limits.outage:
            reasons.append(f"{what}: outage {outage:.2f} s, at most {limits.outage:g}")
        if seen.failed > failed:
            reasons.append(f"{what}: {seen.failed} operations of one client failed, at most {failed}")
    return SceneResult(name, writers, not reasons, "; ".join(reasons))


def calm(lab: Lab) -> None:
    """Nothing happens."""
    wait_until("two seconds", _after(2.0))


def stop_replica(lab: Lab) -> None:
    """OpenSVC stops an instance that is not the master, and starts it again."""
    replica = next(node for node in reversed(lab.nodes) if node != lab.await_master())
    lab.stop(replica)
    lab.start(replica)


def move_master(lab: Lab) -> None:
    """OpenSVC stops the instance that holds the master: it hands over first. Then it is started again, as a replica."""
    master = lab.await_master()
    lab.stop(master)
    lab.start(master)


def kill_master(lab: Lab) -> None:
    """The master's process is gone, without a word."""
    master = lab.await_master()
    lab.server(master).kill()
    lab.await_master(other_than=master)


def return_killed(lab: Lab) -> None:
    """OpenSVC starts what crashed."""
    lab.start(*(node for node in lab.nodes if not lab.role(node)))


def pause_master(lab: Lab) -> None:
    """The master stops answering for longer than Sentinel's patience, and comes back believing that it is the master."""
    master = lab.await_master()
    server = lab.server(master)
    server.pause()
    try:
        wait_until("the end of the pause", _after(PAUSE_SECONDS))
    finally:
        server.resume()
    wait_until(f"{master} to follow", lambda: lab.role(master) == "slave", SETTLE_SECONDS)


def bad_label(lab: Lab) -> None:
    """A service with a broken label appears, and one that wants a port that is taken: they harm only themselves."""
    env = {"osvc.l4.enable": "true", "osvc.l4.port": "70000\n    bind :1", "osvc.l4.twice.port": str(lab.write_port)}
    instances = {node: {"avail": "up"} for node in lab.nodes}
    lab.others[BAD_LABEL] = {"scope": list(lab.nodes), "topology": "flex", "config": {"env": env}, "instances": instances}
    lab.publish()
    wait_until("the followers to say so", lambda: all(BAD_LABEL in _said(lab, node) for node in lab.nodes))
    del lab.others[BAD_LABEL]
    lab.publish()


def _said(lab: Lab, node: str) -> str:
    log = lab.watchers[node].log
    return log.read_text(errors="replace") if log else ""


def _after(seconds: float) -> Callable[[], bool]:
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


SCENES: Tuple[Scene[Lab], ...] = (
    Scene("calm: nothing happens", calm, Limits()),
    Scene("OpenSVC stops and starts a replica's instance", stop_replica, Limits(failed_reads=2)),
    Scene("OpenSVC moves the master (planned)", move_master, Limits(outage=0.6, failed=1, failed_reads=4)),
    Scene("the master is killed (SIGKILL)", kill_master, Limits(DOWN_AFTER / 1000 + 2.0, MANY, MANY)),
    Scene("the killed one returns", return_killed, Limits()),
    # Half a second more: Sentinel pings once a second, and down-after counts from the first ping that stays unanswered.
    Scene(f"the master is paused {PAUSE_SECONDS:g} s (SIGSTOP), and returns", pause_master, Limits(DOWN_AFTER / 1000 + 2.5, MANY, MANY)),
    Scene("a bad label and a port clash appear", bad_label, Limits()),
)
