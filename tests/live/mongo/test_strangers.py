"""A mongod on our port that is not ours, and data that no set knows: nothing of it is touched."""

import pytest
from mongods import Mongods

from osvc_ha.drill.processes import listening
from osvc_ha.planner.errors import HaError, UnsafePlan
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


@pytest.fixture
def group(make_group):
    """Three nodes that do not wait long for what cannot come."""
    return make_group(ready_timeout="6")


def test_a_mongod_of_another_replica_set_is_left_alone(group):
    """On n2's port runs a member of the set `other`: START there is refused, STOP does not end it, and n1 and n3 do not take it in."""
    other = Mongods(group.run, {"n2": group.addresses["n2"]}, group.port, "other")
    other.start()
    other.initiate(2000)
    other.await_settled()
    for verb in (Verb.START, Verb.STOP):
        with pytest.raises(HaError, match="other|mongod.pid"):
            group.reconcile("n2", verb)
    assert other.processes["n2"].alive
    group.placed.discard("n2")
    errors = group.errors_of(Verb.START, "n1", "n3")
    assert other.ask("n2", "hello")["setName"] == "other"
    assert all("n2" in str(error) for error in errors.values()), errors
    assert len(other.ask("n2", "replSetGetConfig")["config"]["members"]) == 1


def test_unprovisioning_under_a_name_that_was_changed_keeps_the_data(make_group):
    """replica_set= of n3's resource was mistyped after its data was made: whether the set can lose n3 cannot be asked, so nothing goes."""
    running = make_group()
    running.start()
    running.eventually(running.settled)
    running.own["n3"] = {"replica_set": "shop"}
    running.leaving.add("n3")
    with pytest.raises(UnsafePlan, match="set replica_set=grp if it is the one that was meant"):
        running.reconcile("n3", Verb.UNPROVISION)
    running.leaving.discard("n3")
    del running.own["n3"]
    assert running.settled() and running.status("n3").status is Status.UP


def test_data_that_was_never_in_a_set_is_not_wiped(group):
    """n2's directory holds a database from a mongod of its own: START is refused there, and the database is there afterwards."""
    import pymongo

    home = group.directory / "n2" / "data"
    home.mkdir(parents=True)
    argv = [group.program, "--bind_ip", group.addresses["n2"], "--port", str(group.port), "--dbpath", str(home)]

    def alone():
        process = group.run.start("alone", argv)
        return process.await_ready(lambda: listening(group.addresses["n2"], group.port), 30)

    process = alone()
    with pymongo.MongoClient(group.addresses["n2"], group.port) as client:
        client.get_database("shop").get_collection("orders").insert_one({"_id": 1})
    process.terminate(20)
    errors = group.errors_of(Verb.START, *group.nodes)
    assert "data" in str(errors["n2"])
    with pytest.raises(UnsafePlan, match="never in a replica set"):
        group.reconcile("n2", Verb.START)
    group.reconcile("n2", Verb.STOP)
    process = alone()
    with pymongo.MongoClient(group.addresses["n2"], group.port) as client:
        assert client.get_database("shop").get_collection("orders").count_documents({}) == 1
    process.terminate(20)
