"""A replica set that has lost its majority for good, and the person who goes on with what is left. Real mongods."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from mongo_group import MongoGroup

from osvc_ha.drill.mongo_program import why_no_mongod
from osvc_ha.drill.processes import Run, reserve
from osvc_ha.planner.types import Status

if TYPE_CHECKING:
    from conftest import Command

pytestmark = pytest.mark.live


@pytest.fixture
def group() -> Iterator[MongoGroup]:
    """Three members, n1 is primary."""
    if why_no_mongod():
        pytest.skip(why_no_mongod())
    with Run("osvc_ha-force-") as run, reserve(3, 4) as reserved:
        found = MongoGroup(run, reserved.addresses, reserved.ports[0])
        found.start()
        found.eventually(lambda: found.primary() == "n1")
        yield found


def typed(group: MongoGroup, *survivors: str) -> list[str]:
    """The command, for these nodes."""
    hosts = ",".join(f"{group.addresses[node]}:{group.port}" for node in survivors)
    return ["mongo", "force-reconfig", "--survivors", hosts, "--set", "path=prod/svc/grp", "--set", f"port={group.port}"]


def write(group: MongoGroup, node: str, number: int) -> Any:
    """One document, with the write concern that the set has now."""
    import pymongo

    client: Any = pymongo.MongoClient(group.addresses[node], group.port, directConnection=True, serverSelectionTimeoutMS=5000)
    with client:
        client.get_database("load").get_collection("kept").insert_one({"_id": number})
        return [each["_id"] for each in client.get_database("load").get_collection("kept").find()]


def test_m2_a_survivor_goes_on_alone_and_the_others_enter_again(osvc_ha: Command, group: MongoGroup) -> None:
    """Two of three are killed: status names the way, the dry run changes nothing, --yes brings writes back; who returns joins anew."""
    write(group, "n1", 1)
    group.eventually(lambda: len({str(group.ask(node, "replSetGetStatus")["optimes"]["appliedOpTime"]) for node in group.nodes}) == 1)
    for node in ("n1", "n2"):
        group.signal(node, signal.SIGKILL)
    group.placed = {"n3"}
    group.eventually(lambda: any("`osvc-ha mongo force-reconfig`" in line for line in group.status("n3").lines))

    at = {node: f"{group.addresses[node]}:{group.port}" for node in group.nodes}
    shown = osvc_ha(*typed(group, "n3"))
    assert shown.code == 0, shown.err
    assert f"{at['n3']} survives: SECONDARY, last operation 20" in shown.out
    assert f"{at['n1']} is dropped: {at['n1']}: Connection refused" in shown.out
    assert f"would make {at['n3']} the whole set, by force on {at['n3']}, and drop {at['n1']} {at['n2']}" in shown.out
    assert len(group.ask("n3", "replSetGetConfig")["config"]["members"]) == 3

    done = osvc_ha(*typed(group, "n3"), "--yes", "--format", "json")
    assert done.code == 0, done.err
    assert json.loads(done.out) == {"on": at["n3"], "members": [at["n3"]], "dropped": [at["n1"], at["n2"]], "primary": at["n3"]}
    assert write(group, "n3", 2) == [1, 2]
    assert group.status("n3").status is Status.UP

    group.placed = set(group.nodes)
    group.start("n1", "n2")
    group.eventually(lambda: group.settled() and group.votes() == {"n1": 1, "n2": 1, "n3": 1})
    assert write(group, group.await_primary(), 3) == [1, 2, 3]


def test_m2_nothing_is_forced_on_a_set_that_can_help_itself(osvc_ha: Command, group: MongoGroup) -> None:
    """While a majority answers, or the survivor does not, the command refuses with exit code 4, --yes or not."""
    before = group.ask("n1", "replSetGetConfig")["config"]
    refused = osvc_ha(*typed(group, "n2"), "--yes")
    assert refused.code == 4 and "is the primary, so the set has its majority" in refused.err
    group.signal("n1", signal.SIGSTOP)
    refused = osvc_ha(*typed(group, "n1"), "--yes")
    assert refused.code == 4 and "does not answer as a member" in refused.err
    refused = osvc_ha(*typed(group, "n2"), "--yes")
    assert refused.code == 4 and ("2 of 3 voting members answer" in refused.err or "is the primary" in refused.err)
    group.signal("n1", signal.SIGCONT)
    group.eventually(lambda: bool(group.primary()))
    assert group.ask("n2", "replSetGetConfig")["config"]["members"] == before["members"]


@pytest.mark.parametrize(
    ("survivors", "words"), (("n1", "'n1' is not host:port"), (",", "names nobody"), ("n1:0", "'n1:0' is not host:port"))
)
def test_survivors_are_named_as_the_set_names_them(osvc_ha: Command, survivors: str, words: str) -> None:
    """A survivor is a host and a port; anything else is a mistake, and is said before anything is asked."""
    done = osvc_ha("mongo", "force-reconfig", "--survivors", survivors, "--set", "path=prod/svc/grp")
    assert done.code == 2 and words in done.err
