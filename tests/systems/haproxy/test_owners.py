"""Two services on one pair of paths: only one of them ever does anything."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.reconcile import judge
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.haproxy import SYSTEM
from osvc_ha.systems.haproxy.plan.ownership import mark_of, owner_in

FIRST, SECOND = "prod/svc/first", "prod/svc/second"
HERE, THERE = "0f4f1c4e-7d1f-4b57-a7f4-6d1f2f3b0c11", "5e0d7a55-1b7e-4f62-9b55-0c5a9d1f7e22"
OBJECTS = {path: {"labels": {"port": port}} for port, path in enumerate((FIRST, SECOND), 80)}
WHO = st.sampled_from((FIRST, SECOND))


@given(st.lists(st.tuples(WHO, st.sampled_from(Verb)), max_size=12))
def test_whoever_is_not_the_owner_does_nothing(make_world, turns) -> None:
    """Whatever two services are asked, in any order: while one has the paths, no verb of the other has a step that is taken."""
    world = make_world(OBJECTS, path=FIRST)
    for who, verb in turns:
        world.config = replace(world.config, path=who)
        had = {owner for owner in world.actual.owners.values() if owner}
        steps, before = world.plan(verb), world.actual
        if had - {who}:
            assert {step.do for step in steps} == ({"resolve"} if verb in (Verb.START, Verb.PROVISION) else set())
        else:
            world.converge(verb)
            assert world.plan(verb) == ()
        assert had <= {who} or world.actual == before


def test_what_cannot_start_is_down_and_says_whose_it_is(make_world) -> None:
    """The status of the second is down, not warn, with the sentence that its START is refused with; the first is up."""
    world = make_world(OBJECTS, path=FIRST)
    world.converge()
    assert judge(SYSTEM, world.config, world.cluster, world.actual).status is Status.UP
    second = replace(world.config, path=SECOND)
    health = judge(SYSTEM, second, world.cluster, world.actual)
    wanted = SYSTEM.desired(second, world.cluster, Verb.START)
    with pytest.raises(UnsafePlan) as refused:
        SYSTEM.guard(world.actual, wanted, SYSTEM.plan(world.actual, wanted))
    assert health.status is Status.DOWN
    assert str(refused.value) == f"haproxy paths: {health.lines[0]}"
    assert f"belong to {FIRST}" in health.lines[0]


@given(st.sampled_from(("ns1/svc/a", "root/svc/in.gress", FIRST)), st.sampled_from(("", HERE)), st.integers(0, 80))
def test_half_a_mark_names_nobody(service: str, cluster: str, size: int) -> None:
    """A mark that was cut short is none, rather than the mark of a service with a shorter name."""
    whole = mark_of(service, cluster)
    assert owner_in(whole, HERE) == service
    assert owner_in(whole[:size], HERE) == (service if size >= len(whole) else "")


GARBAGE = [
    None,
    "",
    "\n",
    "no path\n",
    "prod/svc/a\nmore\n",
    "\ufffd\x00\n",
    "a/b/c/d\n",
    "two ids prod/svc/a\n",
    " prod/svc/a\n",
    f"{HERE} a\n",
]


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_names_nobody(text: str) -> None:
    """What no version of osvc_ha writes binds nobody: START writes the mark anew."""
    assert owner_in(text, HERE) == ""


def test_the_same_path_in_another_cluster_is_another_service() -> None:
    """Two agents on one machine, or one that was taken from one cluster into another, may have services of one name."""
    assert owner_in(mark_of(FIRST, THERE), HERE) == f"{FIRST} of cluster {THERE}"
    assert owner_in(mark_of(FIRST, HERE), HERE) == FIRST


@pytest.mark.parametrize(("mark", "cluster"), [(f"{FIRST}\n", HERE), (f"{HERE} {FIRST}\n", ""), (mark_of(FIRST, ""), HERE)])
def test_a_mark_without_an_id_and_a_reader_without_one_know_only_the_path(mark: str, cluster: str) -> None:
    """An earlier version wrote the path alone: after an upgrade its paths are still its own."""
    assert owner_in(mark, cluster) == FIRST
