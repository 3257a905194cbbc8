"""What an operator does to a cluster that serves: nobody loses an acknowledged write."""

from __future__ import annotations

import time

import pytest
from agreement import agree
from ha_lab import REDIS, SERVICES, HaLab
from writers import Writers, unhurt

pytestmark = [pytest.mark.agent, pytest.mark.timeout(300)]
# Seconds without a successful write, at most.
PLANNED = 5.0
UNNOTICED = 1.0


def test_stopping_the_masters_instance_moves_the_master(serving: HaLab) -> None:
    """It hands over before it goes; started again, it follows the new one."""
    first = serving.master()
    left = serving.others(first)
    with Writers(serving.machines, *serving.names) as writers:
        serving.order(first, "stop", path=REDIS, seconds=60)
        agree(serving, *serving.names, members=left)
        assert serving.master() in left
        serving.order(first, "start", path=REDIS, seconds=90)
        agree(serving)
        writers.flowing(time.time())
    unhurt(writers, PLANNED)
    serving.order(first, "thaw", path=REDIS)


def test_a_frozen_service_goes_on(serving: HaLab) -> None:
    """Frozen by an operator, its instances are left alone, and its clients notice nothing."""
    with Writers(serving.machines, "n1") as writers:
        for path in SERVICES:
            serving.order("n1", "freeze", path=path)
        serving.wait("both frozen", lambda: _frozen(serving, serving.names))
        agree(serving)
        for path in SERVICES:
            serving.order("n1", "unfreeze", path=path)
        serving.wait("both thawed", lambda: _frozen(serving, ()))
        agree(serving)
    unhurt(writers, UNNOTICED)


def test_a_drained_node_leaves_in_good_order(serving: HaLab) -> None:
    """Its Redis hands over, its door closes, and the others serve; thawed, it is a member again."""
    gone = serving.master()
    left = serving.others(gone)
    with Writers(serving.machines, *left) as writers:
        serving.order(gone, "drain", seconds=90)
        serving.wait(f"nothing up on {gone}", lambda: all(serving.avail(gone, path, left[0]) == "down" for path in SERVICES))
        agree(serving, *left)
        serving.order(gone, "thaw_node")
        agree(serving)
        writers.flowing(time.time())
    unhurt(writers, PLANNED)


def test_a_daemon_restarts_under_load(serving: HaLab) -> None:
    """The one beside the master, then another: what they started goes on, and no client notices."""
    first = serving.master()
    with Writers(serving.machines, *serving.names) as writers:
        for name in (first, serving.others(first)[0]):
            serving.order(name, "daemon_restart", seconds=60)
            serving.wait(f"an agent on {name}", lambda name=name: serving.serves(name))
            serving.wait_complete()
        agree(serving)
        writers.flowing(time.time())
    unhurt(writers, UNNOTICED)


def _frozen(lab: HaLab, where: tuple[str, ...]) -> bool:
    objects = [lab.cluster("n2").object(path) for path in SERVICES]
    return all(tuple(sorted(one.node for one in found.instances.values() if one.frozen)) == where for found in objects)
