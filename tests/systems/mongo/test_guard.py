"""What only a person can resolve, and what clients are told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.guard import refuse_beyond
from osvc_ha.planner.reconcile import judge
from osvc_ha.planner.types import Follows, Status, Verb
from osvc_ha.systems.mongo import SYSTEM
from osvc_ha.systems.mongo.plan import facts, guard, notes, plan, seedlist
from osvc_ha.systems.mongo.plan.steps import recall

VERBS = tuple(Verb)


def test_m3_two_sets_of_one_name_are_refused_on_every_node(world):
    """Should two nodes ever have begun a set each, nothing is changed, and the sentence names both."""
    made = world()
    config = made.now_config
    made.spoils = {"n3": {"config": replace(config, id="id2"), "state": "PRIMARY"}}
    for node in made.scope:
        steps = plan(made.actual(node), made.desired(node, Verb.START))
        assert "there are 2 replica sets named db (n1 has id1 and n3 has id2)" in steps[0].why or "n2 has id1" in steps[0].why
        with pytest.raises(UnsafePlan, match="2 replica sets named db"):
            guard(made.actual(node), made.desired(node, Verb.START), steps)


def test_m3_only_one_of_three_that_start_at_once_begins(world):
    """Each of them alone decides that it is to be the first of the scope."""
    made = world(fresh=True)
    assert [node for node in made.scope for step in made.plan(node, Verb.START) if step.do == "initiate"] == ["n1"]


@pytest.mark.parametrize("verb", VERBS)
def test_m2_no_plan_ever_forces(world, verb):
    """Whatever is lost, no step and no argument of one asks mongod to skip its checks."""
    for killed in ((), ("n2",), ("n2", "n3"), ("n1", "n3")):
        made = world()
        for node in killed:
            made.kill(node)
        made.time += 4000
        for node in made.scope:
            assert "force" not in str([(step.do, step.args) for step in made.plan(node, verb)])


def test_m7_the_primary_never_loses_its_vote_nor_its_membership(world, refused):
    """Not by FOLLOW, however odd the placement: the one that leads is neither removed nor made unelectable."""
    made = world(4)
    made.document["members"][3].update(votes=1, priority=97)
    made.document["members"][0].update(priority=1)
    made.placed.discard("n1")
    made.settle()
    for node in made.scope:
        for step in made.plan(node, Verb.FOLLOW):
            assert step.on != made.head
            if "change" in dict(step.args):
                made.do(step)


def test_m7_stop_of_the_primary_leaves_a_primary(world):
    """Another one leads when mongod ends, and the set takes writes."""
    made = world()
    for step in made.plan("n1", Verb.STOP):
        if step.do == "stop":
            assert made.head == "n2"
        made.do(step)
    assert made.head == "n2" and made.plan("n1", Verb.STOP) == ()


@pytest.mark.parametrize("node", ("n1", "n2", "n3"))
def test_a_healthy_set_needs_nothing(world, node):
    """Every member is up, on every node, and a look at it has no warning."""
    made = world()
    for verb in (Verb.START, Verb.FOLLOW, Verb.PROVISION):
        assert made.plan(node, verb) == ()
    assert notes(made.actual(node), made.desired(node, Verb.START)) == ()


@pytest.mark.parametrize("process", (True, False))
def test_nothing_is_purged_under_a_mongod_that_does_not_listen(world, process):
    """A service whose members have no usable names goes without mending that, but only where nothing runs and nothing is left."""
    made = world(fresh=True)
    made.kill("n1")
    made.happen("empty", "n1")
    made.disk_spoil = {"process": process}
    steps = plan(made.actual("n1"), replace(made.desired("n1", Verb.UNPROVISION), misnamed="n1 has no name"))
    assert [step.do for step in steps] == (["resolve"] if process else [])


def test_up_down_and_warn(world):
    """In sync is up, nothing there is down, and a majority that is lost is a warning, never down."""
    made = world()

    def judged(local):
        nodes = {node: Node(node, True, labels={"osvc_ha_address": made.host(node).partition(":")[0]}) for node in made.scope}
        service = Object(made.config.path, made.scope, {node: Instance(node, "up") for node in made.scope}, "flex")
        return judge(SYSTEM, made.config, Cluster("id", "c", local, nodes, {service.path: service}), made.actual(local))

    assert judged("n2").status is Status.UP
    made.kill("n2")
    assert judged("n2").status is Status.DOWN and judged("n3").status is Status.UP
    made.kill("n1")
    assert judged("n3").status is Status.WARN and "majority lost: 1 of 3" in judged("n3").lines[0]
    assert SYSTEM.follows is Follows.MEMBERSHIP


def test_an_event_changes_members_and_never_a_primary(world):
    """FOLLOW may remove, vote and set priorities; stepping down and ending are OpenSVC's."""
    made = world(5)
    made.kill("n5")
    made.placed.discard("n5")
    made.time += 4000
    refuse_beyond(Follows.MEMBERSHIP, Verb.FOLLOW, made.plan("n1", Verb.FOLLOW))
    with pytest.raises(UnsafePlan):
        refuse_beyond(Follows.MEMBERSHIP, Verb.FOLLOW, made.plan("n1", Verb.STOP))


@pytest.mark.parametrize("verb", VERBS)
def test_a_step_carries_all_that_is_needed_to_decide_again(world, verb):
    """While it waits, whoever does it plans anew from what the step itself says."""
    made = world(4)
    made.kill("n4")
    for step in made.plan("n4", Verb.START):
        assert recall(made.config, step) == made.desired("n4", Verb.START)
    for step in made.plan("n2", verb):
        assert step.do != "resolve"
        assert recall(made.config, step).verb is verb


def test_the_order_of_the_inputs_does_not_matter(world):
    """The same set listed in another order gives the same plan, notes and facts."""
    made = world(4)
    made.kill("n2")
    actual, desired = made.actual("n4"), made.desired("n4", Verb.START)
    turned = replace(actual, views=dict(reversed(list(actual.views.items()))))
    assert (plan(turned, desired), notes(turned, desired), facts(turned, desired)) == (
        plan(actual, desired),
        notes(actual, desired),
        facts(actual, desired),
    )


def test_m15_clients_are_told_of_members_that_have_the_data(world):
    """No arbiter, no hidden one, none that copies, and none that is about to leave."""
    made = world(6)
    made.document["members"].append({"_id": 9, "host": "arb:27017", "arbiterOnly": True, "priority": 0})
    made.outside = {"arb:27017": "ARBITER", "far:27017": "SECONDARY"}
    made.document["members"].append({"_id": 10, "host": "far:27017", "votes": 0, "priority": 0})
    made.document["members"][1].update(hidden=True, priority=0)
    made.mongods["n3"].synced = False
    made.placed.discard("n4")
    made.settle()
    seeds = seedlist(made.actual("n1"), made.desired("n1", Verb.FOLLOW), "db")
    assert [host for host, _ in seeds.members] == ["n1.db", "n5.db", "n6.db", "far"]
    assert seeds.options == "replicaSet=db"
    assert "arb" not in dict(facts(made.actual("n1"), made.desired("n1", Verb.START)))["uri"]


def test_m15_without_a_configuration_nobody_is_named(world):
    """Whoever publishes keeps what was there."""
    made = world(fresh=True, keyfile="/k", username="ha", password_file="/p")
    seeds = seedlist(made.actual("n1"), made.desired("n1", Verb.FOLLOW), "db")
    assert seeds.members == () and seeds.options == "authSource=admin&replicaSet=db"
