"""START on real mongods: how a set begins."""

import threading
import time

import pytest

from osvc_ha.drill.processes import listening
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


def test_m3_three_started_at_once_are_one_set_in_which_all_vote(group):
    """Whoever starts first, one node begins the set, and the others enter it: one primary, three votes, priorities by the scope."""
    group.start()
    assert group.settled()
    assert group.votes() == {"n1": 1, "n2": 1, "n3": 1}
    ids = {str(group.ask(node, "replSetGetConfig")["config"]["settings"]["replicaSetId"]) for node in group.nodes}
    assert len(ids) == 1
    members = group.ask("n1", "replSetGetConfig")["config"]["members"]
    priorities = {member["host"].partition(":")[0]: member["priority"] for member in members}
    assert sorted(group.addresses.values(), key=lambda at: -priorities[at]) == list(group.addresses.values())
    assert {group.status(node).status for node in group.nodes} == {Status.UP}
    assert all(group.plan(node, Verb.START) == () for node in group.nodes)


@pytest.mark.parametrize("behind", (0.0, 1.0, 2.0))
def test_m3_the_first_of_the_scope_comes_while_another_is_about_to_begin(group, behind):
    """OpenSVC on n2 and n3 has not heard of n1, which starts while they decide: one set all the same, and all three enter it."""
    group.placed, errors = {"n2", "n3"}, {}
    others = threading.Thread(target=lambda: errors.update(group.errors_of(Verb.START, "n2", "n3")))
    others.start()
    group.eventually(lambda: all(listening(group.addresses[node], group.port) for node in ("n2", "n3")))
    # Not to wait for anything: how much later n1 comes is what is tried.
    time.sleep(behind)
    group.placed = {"n1", "n2", "n3"}
    group.start("n1")
    others.join()
    assert errors == {}
    group.eventually(group.settled)
    assert len({str(group.ask(node, "replSetGetConfig")["config"]["settings"]["replicaSetId"]) for node in group.nodes}) == 1
    assert set(group.votes()) == {"n1", "n2", "n3"}
