"""STOP on real servers: the planned handover."""

import pytest

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.redis.state import Health

pytestmark = [pytest.mark.live, pytest.mark.timed]
PATH = "prod/svc/grp"


def test_r8_stopping_the_master_hands_over_and_loses_no_acknowledged_write(running, writer):
    """The instance of the master is stopped under load: a replica takes over, every acknowledged write is there."""
    with writer(running) as load:
        running.leaving = {"n1"}
        done = running.reconcile("n1", Verb.STOP).steps
        running.placed.discard("n1")
        load.progress()
    steps = [step.do for step in done]
    assert steps[:5] == ["fence", "pause", "drain", "failover", "promoted"]
    assert running.look().servers["n1"].health is Health.ABSENT
    assert running.master() == "n2"
    assert load.lost() == set()
    assert load.longest < 2.0
    assert running.status("n1").status is Status.DOWN


def test_r17_the_switch_is_over_before_the_process_is_told_to_end(running):
    """SIGTERM alone would leave Redis waiting for its replicas and clients without a master: it comes last, Sentinel's after it."""
    running.leaving = {"n1"}
    steps = [step.do for step in running.reconcile("n1", Verb.STOP).steps]
    assert steps[-3:] == ["settle", "end-server", "end-sentinel"]


def test_the_sentinels_that_stay_name_the_new_master_and_the_node_comes_back_as_its_replica(running):
    """STOP ends the node's Sentinel too: the two others name one master; START joins the node to it, ready for a failover."""
    for _ in range(2):
        old = running.master()
        running.leaving = {old}
        running.reconcile(old, Verb.STOP)
        running.placed.discard(old)
        actual = running.look()
        assert {actual.sentinels[node].master for node in running.nodes if node != old} == {running.master()} != {old}
        assert actual.sentinels[old].health is Health.ABSENT
        running.leaving = set()
        running.reconcile(old, Verb.START)
        running.placed.add(old)
        assert running.look().servers[old].master == running.master()
        running.eventually(lambda: {running.status(node).status for node in running.nodes} == {Status.UP})


def test_stopping_a_replica_moves_nothing(running):
    """The instance of a replica is stopped: the master stays, no handover step runs."""
    done = running.reconcile("n3", Verb.STOP).steps
    assert [step.do for step in done] == ["end-server", "end-sentinel"]
    assert running.master() == "n1"


def test_a_service_made_for_a_taken_port_can_be_stopped_and_takes_nobody_with_it(running, tmp_path):
    """A second service with the same ports: its start is refused by name, and its stop, a purge's too, leaves the other's Redis alone."""
    before = running.look().servers
    other = {"directory": str(tmp_path / "other")}
    for node in running.nodes:
        with pytest.raises(UnsafePlan, match=f"port {running.port} on {node} is held by a redis-server that is not of {PATH}"):
            running.reconcile(node, Verb.START, **other)
        assert running.status(node, **other).status is Status.DOWN
        for verb in (Verb.STOP, Verb.UNPROVISION):
            assert running.reconcile(node, verb, **other).steps == ()
    after = running.look().servers
    assert {node: server.pid for node, server in after.items()} == {node: server.pid for node, server in before.items()}
    assert running.master() == "n1"
