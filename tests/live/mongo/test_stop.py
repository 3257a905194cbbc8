"""STOP of a member, and of the primary under a client that writes with w:majority."""

import signal

import pytest

from osvc_ha.planner.errors import HaError, UnsafePlan
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


def test_m7_a_planned_stop_of_the_primary_loses_no_acknowledged_write(running):
    """The set has another primary before mongod ends, the client's driver gets over it by itself, and all it was promised is there."""
    with running.writer("move") as load:
        running.stop("n1")
        load.progress()
    assert load.lost() == set()
    assert load.failed() == []
    assert load.outage() < 5
    assert running.primary() in ("n2", "n3")
    assert running.status("n1").status is Status.DOWN
    running.placed.add("n1")
    running.start("n1")
    assert running.status("n1").status is Status.UP


def test_stop_of_one_of_two_says_what_it_costs_and_loses_nothing(make_group):
    """The set of two ends its primary, says that nobody can be primary then, and has every acknowledged write when that one is back."""
    pair = make_group(2)
    pair.start()
    pair.eventually(lambda: pair.primary() == "n1")
    said = []
    with pair.writer("pair") as load:
        pair.leaving.add("n1")
        pair.reconcile("n1", Verb.STOP, lambda step: said.append(step.why))
        pair.placed.discard("n1")
        pair.leaving.discard("n1")
        pair.eventually(lambda: pair.states() == {"n1": 0, "n2": 2})
        pair.placed.add("n1")
        pair.start("n1")
        load.progress()
    assert "grp loses its majority with it: 1 of 2 voting members (n2) stay and 2 are needed" in said[-1]
    assert load.lost() == set()


def test_stop_of_a_secondary_needs_nobody(running):
    """With the others gone, a secondary still stops, and is down then."""
    for node in ("n1", "n2"):
        running.signal(node, signal.SIGSTOP)
    try:
        running.reconcile("n3", Verb.STOP)
        assert running.plan("n3", Verb.STOP) == ()
    finally:
        for node in ("n1", "n2"):
            running.signal(node, signal.SIGCONT)


def test_stop_is_refused_while_nobody_has_caught_up(make_group):
    """Both secondaries hang with a write missing: the primary stays what it is, says why, and an override stops it all the same."""
    group = make_group(election_timeout="60000", catch_up="2")
    group.start()
    assert group.primary() == "n1"
    for node in ("n2", "n3"):
        group.signal(node, signal.SIGSTOP)
    try:
        import pymongo

        with pymongo.MongoClient(group.addresses["n1"], group.port, directConnection=True, w=1) as client:
            client.get_database("shop").get_collection("orders").insert_one({"_id": 1})
        with pytest.raises(HaError, match="(?i)no secondary can take over|No electable secondaries caught up"):
            group.reconcile("n1", Verb.STOP)
        assert group.ask("n1", "hello")["isWritablePrimary"]
        group.reconcile("n1", Verb.STOP, allow_stop_without_handover="true")
        assert group.plan("n1", Verb.STOP) == ()
    finally:
        for node in ("n2", "n3"):
            group.signal(node, signal.SIGCONT)


def test_the_whole_service_stops_and_starts_again(running):
    """All three at once, as `om svc stop` does: nobody waits for a successor that is stopping too, and the data is there afterwards."""
    with running.writer("before") as load:
        load.progress()
    running.leaving = set(running.nodes)
    assert running.errors_of(Verb.STOP, *running.nodes) == {}
    assert all(state == 0 for state in running.states().values())
    running.leaving = set()
    running.start()
    running.eventually(running.settled)
    assert load.lost() == set()


def test_unprovision_below_a_majority_is_refused(running):
    """With n2 dead, n1 and n3 are needed both: taking n3 out of the set is refused, and its data stays."""
    running.signal("n2", signal.SIGKILL)
    running.eventually(lambda: any(peer.where == "n2" and not peer.healthy for peer in running.look("n1").views["n1"].peers), 20)
    running.leaving = {"n3"}
    before = running.votes()
    with pytest.raises(UnsafePlan, match="cannot be removed"):
        running.reconcile("n3", Verb.UNPROVISION)
    assert (running.directory / "n3" / "data").exists()
    assert running.votes() == before


def test_a_keyword_that_changed_reaches_mongod_at_the_next_start(running):
    """mongod.conf is rendered anew: an operator who set another cache size does not find the old one."""
    running.stop("n3")
    steps = [step.do for step in running.reconcile("n3", Verb.START, cache_mb="300").steps]
    assert steps[:2] == ["write-config", "launch"]
    assert "cacheSizeGB: 0.29296875" in (running.directory / "n3" / "mongod.conf").read_text()
