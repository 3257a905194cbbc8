"""The set's configuration as mongod's document: what a change touches, and what it refuses."""

from __future__ import annotations

import copy

import pytest

from osvc_ha.planner.errors import ObserveError, UnsafePlan
from osvc_ha.systems.mongo.state.documents import Change, changed, first_config, parse_config
from osvc_ha.systems.mongo.state.setconfig import same_host, voting_changes

OURS = {"osvc_ha": "member"}


def document(*members, **rest):
    """A configuration of these members; each a dict, or a name that stands for a voter of ours."""
    entries = [
        {"_id": number, "host": f"{one}:27017", "votes": 1, "priority": 1, "tags": OURS} if isinstance(one, str) else {"_id": number, **one}
        for number, one in enumerate(members)
    ]
    return {"_id": "db", "version": 7, "term": 3, "members": entries, **rest}


def spare(host, **more):
    """A member of ours without a vote."""
    return {"host": f"{host}:27017", "votes": 0, "priority": 0, "tags": OURS, **more}


CHANGES = (Change("add", "d:1"), Change("vote", "d:1", (("d:1", 97),)), Change("priority", "a:1", (("a:1", 3), ("b:1", 2))))


@pytest.mark.parametrize("change", (*CHANGES, Change("remove", "[::1]:27017")))
def test_a_change_survives_its_text(change):
    """What a step carries, and the dry run prints, is what is done."""
    assert Change.parse(change.text()) == change


def test_m1_a_change_edits_one_entry_and_carries_over_the_rest():
    """Horizons, tags, settings and fields of versions to come stay as a person has set them; the version rises by one."""
    kept = {"host": "b:27017", "hidden": True, "priority": 0, "tags": {"dc": "east"}, "horizons": {"public": "b.example.com:1"}, "novel": 5}
    old = document("a", kept, "c", spare("d"), settings={"chainingAllowed": False}, protocolVersion=1, novel="x")
    before = copy.deepcopy(old)
    new = changed(old, Change("vote", "d:27017", (("d:27017", 97),)))
    assert old == before
    assert new["version"] == 8 and new["members"][3]["votes"] == 1 and new["members"][3]["priority"] == 97
    new["members"][3].update(votes=0, priority=0)
    assert {**new, "version": 7} == before


def test_m1_one_change_moves_one_vote():
    """Each edit leaves at most one member with more or less of a vote than before."""
    old = document("a", "b", "c", spare("d"))
    for change in (Change("vote", "d:27017", (("d:27017", 1),)), Change("unvote", "c:27017"), Change("remove", "b:27017")):
        assert len(voting_changes(parse_config(old), parse_config(changed(old, change)))) == 1
    assert not voting_changes(parse_config(old), parse_config(changed(old, Change("add", "e:27017"))))


@pytest.mark.parametrize(
    "change",
    (Change("add", "A:27017"), Change("remove", "z:27017"), Change("unvote", "d:27017"), Change("priority", "a:27017", (("a:27017", 1),))),
)
def test_what_is_so_already_is_no_reconfig(change):
    """Killed after the reconfig and run again, or raced by a person who did the same: nothing is written."""
    assert changed(document("a", "b", "c", spare("d")), change) is None


def test_m2_no_change_is_forced():
    """Neither the document nor the text of a change can ask mongod to skip its checks."""
    for change in (Change("add", "e:27017"), Change("remove", "c:27017")):
        assert "force" not in str(changed(document("a", "b", "c"), change)) + change.text()


def test_m4_a_new_member_has_the_highest_id_and_one():
    """One that was removed and drifts back is never taken for another."""
    old = document("a", "b")
    old["members"][1]["_id"] = 9
    assert changed(old, Change("add", "c:27017"))["members"][-1]["_id"] == 10
    old["members"][1]["_id"] = 255
    assert changed(old, Change("add", "c:27017"))["members"][-1]["_id"] == 1


def test_m5_a_new_member_has_no_vote():
    """It copies data first, and would count for majorities that it cannot help."""
    new = changed(document("a", "b"), Change("add", "c:27017"))["members"][-1]
    assert (new["votes"], new["priority"], new["tags"]) == (0, 0, OURS)


def test_m6_an_eighth_vote_is_refused():
    """MongoDB has seven at most; whoever was quicker keeps the seventh."""
    with pytest.raises(UnsafePlan, match="7 members vote already"):
        changed(document(*"abcdefg", spare("h")), Change("vote", "h:27017", (("h:27017", 1),)))


def test_a_51st_member_is_refused():
    """MongoDB has fifty at most."""
    with pytest.raises(UnsafePlan, match="50 members"):
        changed(document("a", *(spare(f"s{number}") for number in range(49))), Change("add", "z:27017"))


@pytest.mark.parametrize(
    ("change", "words"),
    (
        (Change("vote", "z:27017", (("z:27017", 1),)), "is no longer in the replica set's configuration"),
        (Change("vote", "h:27017", (("h:27017", 1),)), "a person has taken over its votes"),
        (Change("unvote", "n:27017"), "a person has taken over its votes"),
    ),
)
def test_a_persons_change_in_between_is_kept(change, words):
    """A member that was removed, hidden or untagged after the plan was made is left alone, and the run says so."""
    old = document("a", spare("h", hidden=True), {"host": "n:27017", "votes": 1, "priority": 1})
    with pytest.raises(UnsafePlan, match=words):
        changed(old, change)


def test_the_last_vote_is_never_removed():
    """A set without a voter could never be mended."""
    with pytest.raises(UnsafePlan, match="the last member with a vote"):
        changed(document("a", spare("b")), Change("remove", "a:27017"))


def test_a_configuration_of_4_2_is_read_and_kept():
    """No term, and slaveDelay instead of secondaryDelaySecs: neither is renamed."""
    old = document("a", {"host": "b:27017", "slaveDelay": 60, "priority": 0, "hidden": True})
    del old["term"]
    config = parse_config(old)
    assert (config.term, config.members[1].delay) == (-1, 60)
    assert changed(old, Change("add", "c:27017"))["members"][1]["slaveDelay"] == 60


def test_the_first_configuration_is_one_member():
    """Everybody else is added, by the same steps as later; M17: writeConcernMajorityJournalDefault stays true."""
    made = first_config("db", "n1.db:27017", 100, 10000)
    assert [one["host"] for one in made["members"]] == ["n1.db:27017"]
    assert "writeConcernMajorityJournalDefault" not in made
    assert parse_config(made).members[0].ours


@pytest.mark.parametrize(("election", "heartbeat"), ((500, 1), (5000, 5), (5200, 5), (10000, 10), (60000, 10)))
def test_a_node_without_power_costs_no_more_than_the_election(election, heartbeat):
    """Members give up on a silent one when an election may begin, and never later than MongoDB's own 10 s."""
    made = first_config("db", "n1.db:27017", 100, election)
    assert made["settings"] == {"electionTimeoutMillis": election, "heartbeatTimeoutSecs": heartbeat}


@pytest.mark.parametrize("broken", ({}, {"_id": "db", "version": 1, "members": [{"_id": 0}]}, {"_id": "db", "version": "x", "members": []}))
def test_what_is_no_configuration_cannot_be_told(broken):
    """Garbage is never taken for an empty set."""
    with pytest.raises(ObserveError, match="cannot be read"):
        parse_config(broken)


def test_m9_names_compare_as_dns_does():
    """A capital letter or a final dot makes no other member."""
    assert same_host("N1.example.com:27017", "n1.example.com.:27017")
    assert not same_host("n1.example.com:27017", "n1.example.com:27018")


@pytest.mark.parametrize(
    ("voters", "arbiters", "implicit"),
    ((3, 0, "majority"), (2, 1, "1"), (3, 1, "1"), (4, 1, "majority"), (1, 0, "majority")),
)
def test_m8_the_implicit_write_concern_is_the_manuals(voters, arbiters, implicit):
    """With an arbiter, too few members with data make it 1, and a reconfig that changes it is refused by 5.0 and later."""
    members = [*"abcd"[:voters], *({"host": f"arb{one}:1", "arbiterOnly": True, "priority": 0} for one in range(arbiters))]
    assert parse_config(document(*members)).implicit_write_concern == implicit
