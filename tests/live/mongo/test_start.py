"""START on real mongods: how a set begins."""

import pytest

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
