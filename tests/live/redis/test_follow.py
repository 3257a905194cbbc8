"""FOLLOW on real servers: membership and settings, never roles."""

import pytest

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.redis.plan import membership

pytestmark = pytest.mark.live


def seen_by(group, node):
    """Who else a Sentinel knows: replicas and Sentinels."""
    sentinel = group.look().sentinels[node]
    return {item.where for item in (*sentinel.replicas, *sentinel.sentinels)}


def test_r3_the_gone_are_forgotten_one_sentinel_at_a_time(make_group, monkeypatch):
    """A node is lost for longer than the grace period: both others forget it, the second only after the first has settled."""
    monkeypatch.setattr(membership, "APART", 3000)
    group = make_group(grace="1")
    group.start_fast()
    group.kill("n3", "sentinel")
    group.kill("n3")
    group.placed.discard("n3")
    resets = []

    def forgotten():
        resets.extend(step.on for step in group.reconcile("n1", Verb.FOLLOW).steps if step.do == "reset")
        return "n3" not in seen_by(group, "n1") | seen_by(group, "n2")

    group.eventually(forgotten, 40)
    assert sorted(resets) == ["n1", "n2"]
    group.eventually(lambda: group.status("n2").status is Status.UP, 15)
    group.placed.add("n3")
    group.reconcile("n3", Verb.START)
    assert {group.status(node).status for node in group.nodes} == {Status.UP}


def test_drifted_settings_are_put_right_by_the_first_placed_node_only(running):
    """Somebody changed settings by hand: only the first placed node's watcher writes them back, and only with a majority."""
    for pair in (("min-replicas-to-write", "0"), ("replica-priority", "77")):
        assert running.server("n2", "CONFIG", "SET", *pair) == "OK"
    running.sentinel("n3", "SENTINEL", "SET", "grp", "down-after-milliseconds", "60000")
    assert running.plan("n2", Verb.FOLLOW) == ()
    running.dead = {"n2", "n3"}
    assert running.plan("n1", Verb.FOLLOW) == ()
    running.dead = set()
    done = running.reconcile("n1", Verb.FOLLOW).steps
    assert [(step.do, step.on) for step in done] == [("set-server", "n2"), ("set-sentinel", "n3")]


def test_two_writable_masters_are_left_alone(running):
    """A replica was made a master by hand: FOLLOW changes nothing and says what it sees."""
    running.server("n3", "REPLICAOF", "NO", "ONE")
    with pytest.raises(UnsafePlan, match="the Sentinels name n1, and n1 and n3 says master; nothing is changed"):
        running.reconcile("n1", Verb.FOLLOW)


def test_no_master_is_left_to_sentinel(running):
    """The master died a moment ago: FOLLOW promotes nobody and says what it sees."""
    for node in running.nodes:
        running.sentinel(node, "SENTINEL", "SET", "grp", "down-after-milliseconds", "60000")
    running.kill("n1")
    running.placed.discard("n1")
    with pytest.raises(UnsafePlan, match="the Sentinels name n1, and nobody says master"):
        running.reconcile("n2", Verb.FOLLOW)
