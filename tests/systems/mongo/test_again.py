"""A change that was decided a while ago: is it still to be made?"""

from __future__ import annotations

import pytest

from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo.plan.again import NotWantedError, decide_again


def decided(made, node, verb, do):
    """The step of that name which the node plans now."""
    return next(step for step in made.plan(node, verb) if step.do == do)


def again(made, step, node, verb):
    """What is decided about it now."""
    return decide_again(step, made.actual(node), made.desired(node, verb))


@pytest.fixture
def gone(world):
    """n3's instance and mongod are away for longer than the grace period."""
    made = world()
    made.placed.discard("n3")
    made.kill("n3")
    made.time += 400
    return made


def test_a_removal_is_off_when_the_member_is_back(gone):
    """As long as it is gone, it is to be removed, also while another change is not on a majority yet; then no more."""
    step = decided(gone, "n1", Verb.FOLLOW, "remove")
    gone.spoils["n1"] = {"committed": False}
    assert again(gone, step, "n1", Verb.FOLLOW)
    gone.revive("n3")
    with pytest.raises(NotWantedError, match="remove n3: what this was decided on has changed"):
        again(gone, step, "n1", Verb.FOLLOW)


def test_it_is_decided_under_a_persons_own_primary_too(gone):
    """One that runs on none of our nodes leads the set."""
    gone.document["members"].append({"_id": 9, "host": "far:27017", "priority": 200})
    gone.outside = {"far:27017": "PRIMARY"}
    gone.settle()
    assert gone.head == "far:27017"
    assert again(gone, decided(gone, "n1", Verb.FOLLOW, "remove"), "n1", Verb.FOLLOW)


def test_nobody_can_tell_without_a_primary(gone):
    """An election is no reason to give up, and none to go on."""
    step = decided(gone, "n1", Verb.FOLLOW, "remove")
    gone.spoils["n1"] = {"state": "SECONDARY"}
    assert not again(gone, step, "n1", Verb.FOLLOW)


def test_one_that_enters_does_so_a_while_later_too(world):
    """What was decided is the same, though the time that it notes is another."""
    made = world(placed=("n1", "n2"))
    made.revive("n3")
    step = decided(made, "n3", Verb.START, "add")
    made.time += 5
    assert again(made, step, "n3", Verb.START)


def test_one_that_leaves_stays_when_the_others_have_no_majority_any_more(world):
    """n2 dies while n3 waits for DNS: the refusal is the plan's own sentence."""
    made = world()
    made.placed.discard("n3")
    step = decided(made, "n3", Verb.UNPROVISION, "remove")
    assert again(made, step, "n3", Verb.UNPROVISION)
    made.kill("n2")
    with pytest.raises(ApplyError, match="n3 cannot be removed: .* bring the others back first"):
        again(made, step, "n3", Verb.UNPROVISION)


def test_m7_one_that_is_primary_again_is_not_removed_before_it_has_stepped_down(world):
    """It stepped down, was elected once more while it waited, and would be removed as the primary."""
    made = world()
    made.placed.discard("n1")
    step = decided(made, "n1", Verb.UNPROVISION, "remove")
    with pytest.raises(NotWantedError, match="n1 is the primary"):
        again(made, step, "n1", Verb.UNPROVISION)
    made.do(decided(made, "n1", Verb.UNPROVISION, "step-down"))
    assert again(made, step, "n1", Verb.UNPROVISION)


def test_m5_m6_a_vote_is_off_when_it_lags_or_would_make_the_number_even(world):
    """n4 is in sync and would be the third of three, for n3 is about to go; then n3 stays after all, or n4 falls behind."""
    made = world(4, placed=("n1", "n2", "n4"))
    made.document["members"][2].update(votes=0, priority=0)
    made.settle()
    step = decided(made, "n1", Verb.FOLLOW, "vote")
    assert again(made, step, "n1", Verb.FOLLOW)
    made.spoils["n4"] = {"optime": made.time - 100}
    made.peer_spoils["n4"] = {"optime": made.time - 100}
    with pytest.raises(NotWantedError, match="vote n4"):
        again(made, step, "n1", Verb.FOLLOW)
    made.spoils, made.peer_spoils = {}, {}
    made.placed.add("n3")
    made.mongods["n3"].running = True
    made.do(decided(made, "n3", Verb.START, "add"))
    made.sync("n3")
    made.do(decided(made, "n3", Verb.START, "vote"))
    with pytest.raises(NotWantedError, match="vote n4"):
        again(made, step, "n1", Verb.FOLLOW)
