"""For how long a member has been gone: who tells, by which clock, and who is given time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo.plan import plan
from osvc_ha.systems.mongo.state.documents import Change, changed, parse_config


def dead_third(world):
    """n3 was killed and its instance is not placed, long ago."""
    made = world()
    made.kill("n3")
    made.placed.discard("n3")
    made.time += 4000
    return made


def follow(made, **said):
    """What n1's follower does when each node's mongod says this of n3."""
    actual = made.actual("n1")
    views = dict(actual.views)
    for node, words in said.items():
        views[node] = replace(views[node], peers=tuple(replace(one, **(words if one.where == "n3" else {})) for one in views[node].peers))
    return [step.do for step in plan(replace(actual, views=views), made.desired("n1", Verb.FOLLOW))]


def test_a_member_that_nobody_has_heard_for_the_grace_period_goes(world):
    """All of them say so, each by its own clock."""
    assert follow(dead_third(world)) == ["remove", "settle"]


@pytest.mark.parametrize("teller", ("n1", "n2"))
def test_a_clock_that_jumps_shortens_no_grace(world, teller):
    """The primary's clock, or another's, went forward by an hour: who kept the time heard n3 20 s ago, and it stays."""
    assert follow(dead_third(world), **{teller: {"silent_for": 20.0}}) == []


def test_a_member_that_anybody_hears_stays(world):
    """n3 runs, and is cut off from the primary alone."""
    assert follow(dead_third(world), n2={"healthy": True, "silent_for": 0.0}) == []


def test_one_that_has_just_started_and_never_heard_it_does_not_keep_it(world):
    """n2 starts again and again: n1, which heard n3 last an hour ago, knows better."""
    assert follow(dead_third(world), n2={"heard": False, "silent_for": 5.0}) == ["remove", "settle"]


def test_after_a_restart_of_all_the_grace_begins_with_the_one_that_started_last(world):
    """Nobody that runs has ever heard n3: it may be on its way."""
    assert follow(dead_third(world), n1={"heard": False, "silent_for": 400.0}, n2={"heard": False, "silent_for": 200.0}) == []


def test_a_member_that_enters_says_when_by_the_primarys_clock(world):
    """MongoDB does not tell since when a member is one; a decision that is repeated later is the same all the same."""
    made = world(placed=("n1", "n2"))
    made.revive("n3")
    made.spoils["n1"] = {"clock": made.time + 7}
    changes = []
    for _ in range(2):
        step = made.plan("n3", Verb.START)[0]
        changes.append(Change.parse(step.arg("change")))
        made.time += 1
    assert changes[0] == changes[1] and changes[0].now == int(made.time - 2 + 7)
    entered = parse_config(changed(made.document, changes[0])).at("n3.db:27017")
    assert entered.added == changes[0].now and entered.ours
