"""Agent 2.1 provisions one instance, and the others when that is done: the one must not wait for the others."""

from dataclasses import replace
from typing import Optional

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo import SYSTEM
from osvc_ha.systems.mongo.plan import desired, plan
from osvc_ha.systems.mongo.plan.steps import group_args, recall


def seen(state: str, provisioned: Optional[bool], alive: bool = True) -> tuple[str, ...]:
    """Who waits, of n2 in such a state and n3 that runs."""
    instances = {
        "n1": Instance("n1", "down", state="provisioning", provisioned=False),
        "n2": Instance("n2", "down", state=state, provisioned=provisioned),
        "n3": Instance("n3", "up"),
    }
    nodes = {name: Node(name, name != "n2" or alive) for name in instances}
    cluster = Cluster("id", "lab", "n1", nodes, {"prod/svc/db": Object("prod/svc/db", ("n1", "n2", "n3"), instances)})
    cluster = replace(cluster, resolved={name: f"10.0.0.{name[1]}" for name in nodes})
    return desired(SYSTEM.parse({"path": "prod/svc/db"}), cluster, Verb.START).waiting


def test_m3_the_first_begins_when_the_others_wait_for_it(world):
    """OpenSVC says that n2 and n3 never had anything, and nothing runs there: n1 begins the set, and remembers it while it waits."""
    one = world(placed=("n1",), fresh=True)
    for node in ("n2", "n3"):
        one.kill(node)
    wanted = one.desired("n1", Verb.START)
    assert [step.do for step in plan(one.actual("n1"), wanted)] == ["wait-ready"]
    waiting = replace(wanted, waiting=("n2", "n3"))
    steps = plan(one.actual("n1"), waiting)
    assert [step.do for step in steps] == ["initiate", "wait-ready"]
    assert recall(wanted.config, steps[-1]) == waiting and dict(group_args(waiting))["waiting"] == "n2 n3"


def test_m3_who_runs_is_asked_whatever_opensvc_says_of_it(world):
    """n2 waits to be provisioned and holds data of an earlier life, or is in a set, or hangs: n1 begins nothing beside it."""
    for spoil in ({"has_data": True}, {"initiated": True, "set_name": "db"}, {"health": "silent"}, {"has_data": None}):
        one = world(placed=("n1",), fresh=True)
        one.mongods["n2"].running = True
        one.spoils["n2"] = spoil
        wanted = replace(one.desired("n1", Verb.START), waiting=("n2", "n3"))
        assert "initiate" not in [step.do for step in plan(one.actual("n1"), wanted)], spoil


def test_m3_waiting_ones_alone_found_no_set_without_the_first(world):
    """A node whose own data is unknown, or in a minority of the cluster, begins nothing, however many wait."""
    for spoil, majority in (({"has_data": True}, True), ({"has_data": None}, True), ({}, False)):
        one = world(placed=("n1",), fresh=True)
        one.spoils["n1"] = spoil
        wanted = replace(one.desired("n1", Verb.START), waiting=("n2", "n3"), majority=majority)
        assert "initiate" not in [step.do for step in plan(one.actual("n1"), wanted)], (spoil, majority)


@pytest.mark.parametrize(
    ("state", "provisioned", "alive", "waits"),
    (
        ("wait leader", False, True, ("n2",)),
        ("wait leader", True, True, ()),
        # Data of an earlier life: its mongo resource is provisioned, the others are not.
        ("wait leader", None, True, ()),
        ("idle", False, True, ()),
        ("wait leader", False, False, ()),
    ),
)
def test_m3_only_one_that_was_never_provisioned_and_is_alive_waits(state, provisioned, alive, waits):
    """An instance that may have data is asked itself, and one whose node is gone has shown nothing."""
    assert seen(state, provisioned, alive) == waits
