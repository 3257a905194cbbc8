"""A member that is in the configuration, and that nobody has ever heard."""

import calendar

import pytest

from osvc_ha.planner.types import Verb

pytestmark = pytest.mark.live
GRACE = 6


def test_a_member_that_was_never_heard_has_its_grace_from_when_it_was_added(make_group):
    """n4's mongod ended right after it was added: the primary has run for longer than the grace period, and the member stays for it."""
    group = make_group(4, grace=str(GRACE))
    group.placed = {"n1", "n2", "n3"}
    group.start("n1", "n2", "n3")
    group.eventually(lambda: group.primary() == "n1")
    group.eventually(lambda: group.ask("n1", "serverStatus")["uptime"] > GRACE + 1)
    config = group.ask("n1", "replSetGetConfig")["config"]
    config["version"] += 1
    added = str(calendar.timegm(group.ask("n1", "hello")["localTime"].timetuple()))
    tags = {"osvc_ha": "member", "osvc_ha_added": added}
    config["members"].append({"_id": 9, "host": f"{group.addresses['n4']}:{group.port}", "votes": 0, "priority": 0, "tags": tags})
    group.ask("n1", "replSetReconfig", config, seconds=30)
    assert "remove" not in [step.do for step in group.plan("n1", Verb.FOLLOW)]
    group.eventually(lambda: "remove" in [step.do for step in group.plan("n1", Verb.FOLLOW)], GRACE + 10)
    group.reconcile("n1", Verb.FOLLOW)
    assert group.votes() == {"n1": 1, "n2": 1, "n3": 1}
