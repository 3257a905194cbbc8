"""Plans as cases, and what holds for every plan."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.guard import refuse_beyond
from osvc_ha.planner.types import Follows, Verb
from osvc_ha.systems.redis.plan import facts, guard, notes, plan


def test_case(world, case):
    """The case's steps, in order, with the sentence it promises."""
    made = world(case.get("local", "n1"), Verb(case["verb"]), **case.get("config", {}))
    made.change(case.get("servers", {}), case.get("sentinels", {}), **({"disk": case["disk"]} if "disk" in case else {}))
    made.want(**case.get("want", {}))
    steps = plan(made.actual, made.desired)
    assert [f"{step.do} {step.on}" for step in steps] == case["steps"], [step.why for step in steps]
    for words in case.get("says", []):
        assert any(words in step.why for step in steps), [step.why for step in steps]
    if case.get("refused"):
        with pytest.raises(UnsafePlan):
            guard(made.actual, made.desired, steps)


@pytest.mark.parametrize("local", ("n1", "n2", "n3"))
def test_a_healthy_group_needs_nothing(world, local):
    """The plan of the converged state is empty, for START and FOLLOW, on every node."""
    for verb in (Verb.START, Verb.FOLLOW):
        made = world(local, verb)
        assert plan(made.actual, made.desired) == ()


# The fixture is a class: every example makes its own World.
EACH_ITS_OWN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@pytest.mark.parametrize("named", ("n1", "n2"))
def test_r7_a_running_server_is_re_pointed_only_after_sentinels_majority(world, named):
    """A replica that follows the wrong node joins whom a majority names, and waits while there is no majority."""
    made = world("n3").change({named: {"role": "master", "master": ""}} if named != "n1" else {})
    made.change(sentinels={node: {"master": named, "epoch": 9} for node in ("n1", "n2", "n3")})
    joins = [step.why for step in plan(made.actual, made.desired) if step.do == "join"]
    assert (named == "n1") == (joins == [])
    made.change(sentinels={"n1": {"master": "n1"}, "n2": {"master": "n2"}, "n3": {"health": "absent", "monitors": False, "master": ""}})
    assert all("names" not in step.why or "no majority" in step.why for step in plan(made.actual, made.desired) if step.do == "join")


def spoiled(make, draw):
    """A World with some of its parts down, absent, drifted or new, as one START may find them on its own node."""
    made = make(draw(st.sampled_from(("n1", "n2", "n3"))), Verb.START)
    local = made.actual.local
    server = draw(st.sampled_from(({}, {"health": "absent"}, {"min_replicas": 2}, {"priority": 1}, {"announce": ""}, {"max_lag": 9})))
    watch = draw(
        st.sampled_from(
            (
                {},
                {"health": "absent", "monitors": False, "master": "", "epoch": -1},
                {"monitors": False, "master": ""},
                {"quorum": 9},
                {"down_after": 1},
                {"failover_timeout": 1},
            )
        )
    )
    disk = {"server_config": draw(st.booleans()), "remembers": draw(st.booleans()), "has_data": True}
    if server.get("health") and local == "n1":
        disk["has_data"] = True
    return made.change({local: server}, {local: watch}, disk=disk)


@EACH_ITS_OWN
@given(st.data())
def test_start_converges_in_one_pass(world, data):
    """Whatever was missing or wrong on this node, doing the plan once leaves nothing to do."""
    made = spoiled(world, data.draw)
    if made.actual.watcher.health.value == "absent" and made.actual.disk.remembers:
        # It comes back with what its file holds.
        made.change(sentinels={made.actual.local: {}})
        remembered = made.sentinel(made.actual.local, "n1")
    else:
        remembered = None
    for step in plan(made.actual, made.desired):
        made.do(step)
        if step.do == "launch-sentinel" and remembered is not None:
            made.actual = dataclasses.replace(made.actual, sentinels={**made.actual.sentinels, made.actual.local: remembered})
    assert plan(made.actual, made.desired) == ()


@EACH_ITS_OWN
@given(st.integers(0, 12))
def test_stop_of_the_master_converges_from_wherever_it_was_cut(world, cut):
    """Killed after any number of steps, the next plan finishes it."""
    made = world("n1", Verb.STOP)
    for step in plan(made.actual, made.desired)[:cut]:
        made.do(step)
    for step in plan(made.actual, made.desired):
        made.do(step)
    assert plan(made.actual, made.desired) == ()
    assert made.actual.masters() == ("n2",)


@EACH_ITS_OWN
@given(st.data())
def test_the_order_of_the_inputs_does_not_matter(world, data):
    """The same group listed in another order gives the same plan and the same status lines."""
    made = spoiled(world, data.draw)
    order = data.draw(st.permutations(("n1", "n2", "n3")))
    turned = dataclasses.replace(
        made.actual,
        servers={node: made.actual.servers[node] for node in order},
        sentinels={node: made.actual.sentinels[node] for node in order},
    )
    assert plan(turned, made.desired) == plan(made.actual, made.desired)
    assert notes(turned, made.desired) == notes(made.actual, made.desired)
    assert facts(turned, made.desired) == facts(made.actual, made.desired)


@EACH_ITS_OWN
@given(st.data())
def test_follow_never_changes_a_role(world, data):
    """Whatever it sees, FOLLOW plans membership and settings only."""
    made = spoiled(world, data.draw).want(verb=Verb.FOLLOW, first=True)
    steps = plan(made.actual, made.desired)
    refuse_beyond(Follows.MEMBERSHIP, Verb.FOLLOW, steps)
    assert {step.do for step in steps} <= {"set-server", "set-sentinel", "monitor", "reset", "resolve"}
