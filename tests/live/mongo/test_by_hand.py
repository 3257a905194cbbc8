"""docs/systems/mongo.md, "Begun by hand": what a person does where mongod does not tell that it is empty."""

import pytest
from mongods import NAME, ask

from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.mongo import SYSTEM

pytestmark = pytest.mark.live


def test_a_set_that_a_person_begins_is_gone_on_with(secured):
    """mongod of n1 runs, and a person gives it the configuration of one member: the starts make the user, and two more members vote."""
    config = secured.config("n1")
    secured.placed = {"n1"}
    for step in secured.plan("n1", Verb.START):
        if step.do in ("write-config", "launch"):
            SYSTEM.apply(config, step, secured.host)
    member = {"_id": 0, "host": f"{secured.addresses['n1']}:{secured.port}", "priority": 100, "tags": {"osvc_ha": "member"}}
    settings = {"electionTimeoutMillis": 5200, "heartbeatTimeoutSecs": 5}
    ask(secured.addresses["n1"], secured.port, "replSetInitiate", {"_id": NAME, "members": [member], "settings": settings})
    secured.placed = set(secured.nodes)
    secured.start()
    secured.eventually(secured.settled)
    assert secured.votes() == {"n1": 1, "n2": 1, "n3": 1}
    members = secured.ask("n1", "replSetGetConfig")["config"]["members"]
    assert sorted(one["priority"] for one in members) == [98, 99, 100]
    assert {secured.status(node).status for node in secured.nodes} == {Status.UP}
