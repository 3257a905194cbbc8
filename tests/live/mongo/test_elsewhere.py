"""A person's own member on a machine that is no node of the service: it is counted, left alone, and may be the primary."""

import pytest
from mongods import NAME, Mongods

from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


@pytest.fixture
def two(make_group):
    """n1 and n2 are the service's; n2 may not be primary, and n3, which may, is a person's own."""
    made = make_group(3, grace="2")
    made.scope = made.nodes[:2]
    made.placed = set(made.scope)
    made.start("n1", "n2")
    own = Mongods(made.run, {"n3": made.addresses["n3"]}, made.port, NAME)
    own.start()
    config = made.ask("n1", "replSetGetConfig")["config"]
    config["version"] += 1
    config["members"][1].update(hidden=True, priority=0)
    config["members"].append({"_id": 9, "host": f"{made.addresses['n3']}:{made.port}", "priority": 1})
    made.ask("n1", "replSetReconfig", config, seconds=30)
    made.eventually(lambda: made.states() == {"n1": 1, "n2": 2, "n3": 2}, 40)
    # mongod itself lets a new member vote only once it has the data, by a change of its own (newlyAdded).
    made.eventually(lambda: made.ask("n1", "replSetGetStatus")["votingMembersCount"] == 3, 40)
    return made


def test_m7_a_stop_hands_over_to_it_and_the_set_is_changed_through_it(two):
    """n1 stops, n3 is the next primary, FOLLOW removes n1 there, and the START of n1 enters it there again."""
    with two.writer("own") as load:
        two.stop("n1")
        load.progress()
    assert two.primary() == "n3"
    assert load.lost() == set()
    assert dict(two.status("n2").facts)["primary"] == f"{two.addresses['n3']} port {two.port}"
    two.eventually(lambda: two.plan("n2", Verb.FOLLOW) != ())
    two.reconcile("n2", Verb.FOLLOW)
    assert two.votes() == {"n2": 1, "n3": 1}
    two.placed.add("n1")
    two.start("n1")
    assert two.votes() == {"n1": 1, "n2": 1, "n3": 1}
    assert two.status("n1").status is Status.UP
