"""Members that come, go, and move: votes one at a time, and never an even number where an odd one is possible."""

import signal

import pytest

from osvc_ha.planner.errors import HaError
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


@pytest.fixture
def four(make_group):
    """Four nodes in the scope, of which OpenSVC runs the first three."""
    group = make_group(4, grace="2")
    group.placed = {"n1", "n2", "n3"}
    group.start("n1", "n2", "n3")
    group.eventually(lambda: group.primary() == "n1")
    return group


def voters_seen(group, node, verb, **keywords):
    """How many votes there were after each step of a reconcile."""
    seen = []
    group.reconcile(node, verb, lambda step: seen.append(sum(group.votes().values())), **keywords)
    return seen


def test_m6_a_fourth_enters_without_a_vote_and_takes_over_that_of_a_third_that_went(four):
    """An instance moves from n3 to n4: n4 has the data before n3 is removed, and there are three votes before and after."""
    four.placed.add("n4")
    assert set(voters_seen(four, "n4", Verb.START)) == {3}
    assert four.votes() == {"n1": 1, "n2": 1, "n3": 1, "n4": 0}
    assert four.status("n4").status is Status.UP
    four.stop("n3")
    four.eventually(lambda: four.plan("n1", Verb.FOLLOW) != ())
    assert four.votes()["n3"] == 1, "not before the grace period"
    four.reconcile("n1", Verb.FOLLOW)
    assert four.votes() == {"n1": 1, "n2": 1, "n4": 1}
    assert four.plan("n1", Verb.FOLLOW) == ()


def test_m4_a_member_that_left_and_comes_again_gets_a_number_of_its_own(four):
    """UNPROVISION of n3 takes it out of the set and its data away; n4, which enters after that, is no second n3."""
    four.leaving.add("n3")
    four.reconcile("n3", Verb.UNPROVISION)
    four.placed.discard("n3")
    assert not (four.directory / "n3" / "data").exists()
    assert set(four.votes()) == {"n1", "n2"}
    four.placed.add("n4")
    four.start("n4")
    members = four.ask("n1", "replSetGetConfig")["config"]["members"]
    assert len({member["_id"] for member in members}) == 3
    assert four.votes() == {"n1": 1, "n2": 1, "n4": 1}


def test_what_a_person_made_special_stays_so(running):
    """n3 was made hidden with priority 0 by hand: neither START nor FOLLOW gives it its priority back."""
    config = running.ask("n1", "replSetGetConfig")["config"]
    config["version"] += 1
    config["members"][2].update(hidden=True, priority=0)
    running.ask("n1", "replSetReconfig", config, seconds=20)
    running.reconcile("n1", Verb.FOLLOW)
    special = running.ask("n1", "replSetGetConfig")["config"]["members"][2]
    assert (special["hidden"], special["priority"], special["votes"]) == (True, 0, 1)
    host = special["host"].partition(":")[0]
    assert running.status(next(node for node, at in running.addresses.items() if at == host)).status is Status.UP


def change_tags(group):
    """A person's change, which reaches a majority a moment later."""
    config = group.ask("n1", "replSetGetConfig")["config"]
    config["version"] += 1
    config["members"][0].setdefault("tags", {})["person"] = "here"
    group.ask("n1", "replSetReconfig", config, seconds=20)


def heard(group, node):
    """Does n1 hear that member?"""
    return any(peer.where == node and peer.healthy for peer in group.look("n1").views["n1"].peers)


def test_a_member_that_returns_while_its_removal_is_under_way_stays(make_group):
    """FOLLOW has decided to remove n3; then a person changes the configuration and n3 is back: it is looked again, and n3 stays."""
    group = make_group(grace="2")
    group.start()
    group.eventually(lambda: group.primary() == "n1")
    group.stop("n3")
    group.eventually(lambda: any(step.do == "remove" for step in group.plan("n1", Verb.FOLLOW)))

    def returns(step):
        if step.do == "remove":
            group.start("n3")
            change_tags(group)
            group.eventually(lambda: heard(group, "n3"))

    with pytest.raises(HaError, match="remove n3: what this was decided on has changed, and it is not done"):
        group.reconcile("n1", Verb.FOLLOW, returns)
    assert group.votes() == {"n1": 1, "n2": 1, "n3": 1}
    group.placed.add("n3")
    assert [step.do for step in group.plan("n1", Verb.FOLLOW)] == ["tell"]


def test_one_that_leaves_stays_a_member_when_the_others_lose_their_majority_meanwhile(running):
    """n3 is to go and n2 dies before it has: the sentence says what is missing, and n3's mongod and data stay."""
    running.leaving = {"n3"}

    def dies(step):
        if step.do == "remove":
            running.signal("n2", signal.SIGKILL)

    with pytest.raises(HaError, match="n3 cannot be removed: .* bring the others back first"):
        running.reconcile("n3", Verb.UNPROVISION, dies)
    assert set(running.votes()) == {"n1", "n2", "n3"}
    assert running.states()["n3"] == 2
