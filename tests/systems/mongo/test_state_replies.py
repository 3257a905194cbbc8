"""mongod's answers, as versions from 4.2 to 8 give them, to a view of it."""

from __future__ import annotations

import pytest

from osvc_ha.systems.mongo.state import Health
from osvc_ha.systems.mongo.state.replies import names_of, parse_view

NAMES = names_of({"n1": "n1.db:27017", "n2": "N2.db:27017"})
CONFIG = {
    "_id": "db",
    "version": 4,
    "term": 2,
    "members": [{"_id": 0, "host": "n1.db:27017"}, {"_id": 1, "host": "n2.db:27017"}, {"_id": 2, "host": "far:27017"}],
    "settings": {"replicaSetId": "id1"},
}
STATUS = {
    "set": "db",
    "date": 5000.0,
    "term": 2,
    "members": [
        {"name": "n1.db:27017", "stateStr": "PRIMARY", "self": True, "optimeDate": 4990.0, "uptime": 1000, "health": 1},
        {"name": "n2.db:27017", "stateStr": "SECONDARY", "health": 1, "optimeDate": 4980.0, "configTerm": 2, "configVersion": 4},
        {
            "name": "far:27017",
            "stateStr": "(not reachable/healthy)",
            "health": 0,
            "lastHeartbeatRecv": 4600.0,
            "lastHeartbeatMessage": "Error connecting to far:27017 :: caused by :: Could not find address for far:27017",
        },
    ],
}
HELLO = {"setName": "db", "me": "n1.db:27017", "isWritablePrimary": True, "localTime": 5001.0}


def view(**replies):
    """The view of n1 that said this."""
    said = {"hello": HELLO, "replSetGetStatus": STATUS, "replSetGetConfig": {"config": CONFIG, "commitmentStatus": True}, **replies}
    return parse_view("n1", {key: value for key, value in said.items() if value is not None}, NAMES)


def test_a_primary_tells_all():
    """State, term, configuration, whether that is on a majority, and how it sees the others."""
    seen = view(getDefaultRWConcern={"defaultWriteConcernSource": "implicit"}, oldest={"ts": 100.0})
    assert (seen.health, seen.state, seen.initiated, seen.set_name, seen.me) == (Health.ANSWERS, "PRIMARY", True, "db", "n1.db:27017")
    assert (seen.term, seen.optime, seen.oldest, seen.clock, seen.committed) == (2, 4990.0, 100.0, 5001.0, True)
    assert seen.config.stamp == (2, 4) and seen.config.id == "id1" and seen.default_write_concern == "implicit"
    near, far = seen.peers
    assert (near.where, near.healthy, near.installed, near.silent_for) == ("n2", True, (2, 4), 0.0)
    assert (far.where, far.healthy, far.silent_for) == ("far:27017", False, 400.0) and "Could not find address" in far.trouble


@pytest.mark.parametrize(("heard", "silent"), ((0.0, 1000.0), (4600.0, 400.0), (5003.0, 0.0)))
def test_silence_is_no_longer_than_the_one_who_tells_of_it_runs(heard, silent):
    """A primary that has just restarted has heard nobody since 1970: nobody is removed for that."""
    members = [*STATUS["members"][:2], {**STATUS["members"][2], "lastHeartbeatRecv": heard}]
    far = view(replSetGetStatus={**STATUS, "members": members}).peers[-1]
    assert (far.silent_for, far.heard) == (silent, heard > 0)


@pytest.mark.parametrize(("added", "silent"), (("4950", 50.0), ("3000", 1000.0), ("5100", 0.0), ("soon", 1000.0)))
def test_one_that_was_never_heard_is_silent_since_it_was_added(added, silent):
    """Its tag says when, by the same clock; a primary that runs for days has not missed it for days."""
    members = [*STATUS["members"][:2], {**STATUS["members"][2], "lastHeartbeatRecv": 0.0}]
    config = {
        **CONFIG,
        "members": [*CONFIG["members"][:2], {**CONFIG["members"][2], "tags": {"osvc_ha": "member", "osvc_ha_added": added}}],
    }
    far = view(replSetGetStatus={**STATUS, "members": members}, replSetGetConfig={"config": config}).peers[-1]
    assert (far.silent_for, far.heard) == (silent, False)


def test_m3_one_that_waits_to_be_initiated():
    """It says so, and tells by its collections whether it holds data: it lists no databases then."""
    waits = {"hello": {"isreplicaset": True}, "replSetGetStatus": None, "replSetGetConfig": None}
    assert view(**waits).initiated is False and view(**waits).has_data is None
    for count, has_data in ((0, False), (3, True)):
        assert view(**waits, serverStatus={"catalogStats": {"collections": count}}).has_data is has_data


def test_databases_of_mongod_itself_are_no_data():
    """admin, config and local are there from the start."""
    names = ({"name": "admin"}, {"name": "local"}, {"name": "config"})
    assert view(listDatabases={"databases": names}).has_data is False
    seen = view(listDatabases={"databases": (*names, {"name": "shop"})})
    assert seen.has_data is True and seen.databases == ("shop",)


def test_before_4_4_there_is_no_hello_and_no_term():
    """isMaster's words mean the same, and only the version tells configurations apart."""
    old = {key: value for key, value in CONFIG.items() if key != "term"}
    hello = {"setName": "db", "me": "n1.db:27017", "ismaster": True}
    seen = view(hello=hello, replSetGetStatus=None, replSetGetConfig={"config": old})
    assert (seen.state, seen.config.stamp, seen.committed) == ("PRIMARY", (-1, 4), False)
    assert view(hello={"setName": "db", "secondary": True}, replSetGetStatus=None).state == "SECONDARY"


def test_m17_the_journal_and_the_engine_are_told():
    """An in-memory engine has no journal to wait for."""
    assert view().journal_default and not view().in_memory
    seen = view(
        replSetGetConfig={"config": {**CONFIG, "writeConcernMajorityJournalDefault": False}},
        serverStatus={"storageEngine": {"persistent": False}, "version": "6.0.5", "pid": 7},
    )
    assert (seen.journal_default, seen.in_memory, seen.version, seen.pid) == (False, True, "6.0.5", 7)


def test_a_stale_member_says_so():
    """tooStale comes with RECOVERING."""
    assert view(replSetGetStatus={**STATUS, "tooStale": True}).too_stale


def test_one_that_is_no_replica_set_at_all():
    """A mongod without --replSet is in no set: it is nobody's member, and its data is its own."""
    alone = view(
        hello={"isWritablePrimary": True}, replSetGetStatus=None, replSetGetConfig=None, listDatabases={"databases": ({"name": "shop"},)}
    )
    assert (alone.initiated, alone.state, alone.has_data) == (False, "", True)


STARTS = {
    "hello": {"isreplicaset": True, "info": "Does not have a valid replica set config", "localTime": 5001.0},
    "replSetGetStatus": None,
    "replSetGetConfig": None,
    "serverStatus": {"catalogStats": {"collections": 30}},
}


def test_a_member_that_starts_is_of_its_set() -> None:
    """Until it has found itself among its set's names, it says that it has no configuration: the one on its disk counts."""
    found = view(**STARTS, saved=CONFIG)
    assert (found.initiated, found.set_name, found.state) == (True, "db", "STARTUP")
    assert found.config is not None and found.config.version == 4


def test_data_without_a_saved_configuration_is_of_no_set() -> None:
    """Whoever waits to be initiated and has collections was never in a set."""
    found = view(**STARTS)
    assert (found.initiated, found.has_data, found.config) == (False, True, None)
