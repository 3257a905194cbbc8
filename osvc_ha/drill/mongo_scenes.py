"""The scenes of the demo with a MongoDB replica set, under one writer."""

from __future__ import annotations

from typing import Tuple

from .ledger import summarise
from .mongo_lab import ELECTION_TIMEOUT, MongoLab
from .report import SceneResult
from .scenes import RATE, Limits, Scene, judge, run_under


def play(lab: MongoLab, scene: Scene[MongoLab], number: int) -> SceneResult:
    """Run one scene under a writer, and judge it."""
    client = lab.client(f"mongo{number}", RATE)
    ledgers = run_under([client], lambda: scene.act(lab))
    return judge(scene.name, scene.limits, summarise(ledgers, {client.name: lab.kept(client)}))


def move_primary(lab: MongoLab) -> None:
    """OpenSVC stops the instance that is primary: it steps down first. Then it is started again."""
    primary = lab.await_master()
    lab.stop(primary)
    lab.start(primary)
    lab.await_complete()


def kill_primary(lab: MongoLab) -> None:
    """The primary's process is gone, without a word; OpenSVC starts it again."""
    primary = lab.await_master()
    lab.server(primary).kill()
    lab.await_master(other_than=primary)
    lab.start(primary)
    lab.await_complete()


MONGO_SCENES: Tuple[Scene[MongoLab], ...] = (
    # Writes wait for a majority, and who copied from the old primary looks for another source when that one ends.
    Scene("MongoDB: OpenSVC moves the primary (planned)", move_primary, Limits(outage=1.5)),
    # One write is repeated by the driver, once; what meets a second change meanwhile fails.
    Scene("MongoDB: the primary is killed (SIGKILL)", kill_primary, Limits(outage=ELECTION_TIMEOUT / 1000 + 1.5, failed=1)),
)
