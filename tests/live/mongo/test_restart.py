"""A member that starts again, and what it says of itself until it is back in its set."""

from __future__ import annotations

import contextlib

import pymongo
import pytest
from mongo_door import Door

from osvc_ha.cli.mongo import leads
from osvc_ha.drill.mongo_program import find_mongod
from osvc_ha.drill.processes import listening
from osvc_ha.planner.errors import HaError
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.mongo.client.finding import configuration

pytestmark = pytest.mark.live


@pytest.fixture
def group(make_group):
    """One node, whose mongod listens behind its member's name, and on its socket."""
    found = make_group(1)
    found.behind = found.addresses["n1"].rpartition(".")[0] + ".9"
    found.own["n1"] = {"bind": found.behind, "ready_timeout": "20", "mongod": find_mongod(), "cache_mb": "256", "oplog_mb": "990"}
    return found


def launch(group):
    """The mongod, as START does it."""
    config = group.config("n1")
    process = group.run.start("mongod", [config.mongod, "--config", str(configuration(config))])
    return process.await_ready(lambda: listening(group.behind, group.port), 30)


def orders(group):
    """A collection on it."""
    return pymongo.MongoClient(group.behind, group.port, directConnection=True).get_database("shop").get_collection("orders")


def test_a_mongod_of_4_4_0_is_asked_in_its_own_words(group) -> None:
    """It does not know ``hello``: the set begins, a priority is put right, and a person's command sees who leads, by ``isMaster``."""
    group.own["n1"]["launch"] = "false"
    group.reconcile("n1", Verb.PROVISION)
    launch(group)
    at = f"{group.addresses['n1']}:{group.port}"
    with contextlib.closing(Door(group.addresses["n1"], group.behind, group.port, unknown="hello")) as door:
        door.open.set()
        with pytest.raises(pymongo.errors.OperationFailure, match="no such command: 'HELLO'"):
            group.ask("n1", "hello")
        group.reconcile("n1", Verb.START)
        config = group.ask("n1", "replSetGetConfig")["config"]
        group.ask(
            "n1", "replSetReconfig", {**config, "version": config["version"] + 1, "members": [{**config["members"][0], "priority": 7}]}
        )
        group.reconcile("n1", Verb.FOLLOW)
        assert group.ask("n1", "replSetGetConfig")["config"]["members"][0]["priority"] == 100
        assert group.status("n1").status is Status.UP
        assert leads(group.config("n1"), at, group.host)


def test_a_member_that_starts_is_not_taken_for_data_of_no_set(group) -> None:
    """A restarted mongod says it has no configuration until it has found itself: START must not tell a person to empty its directory."""
    group.reconcile("n1", Verb.PROVISION)
    process = launch(group)
    with contextlib.closing(Door(group.addresses["n1"], group.behind, group.port)) as door:
        door.open.set()
        group.reconcile("n1", Verb.START)
        orders(group).insert_one({"_id": 1})
        door.open.clear()
        process.terminate(20)
        launch(group)
        here = group.look("n1").here
        assert (here.initiated, here.state) == (True, "STARTUP")
        with pytest.raises(HaError) as refused:
            group.reconcile("n1", Verb.START)
        assert "wipe" not in str(refused.value)
        door.open.set()
        group.reconcile("n1", Verb.START)
        assert orders(group).count_documents({}) == 1
