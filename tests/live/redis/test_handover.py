"""Moves of the master that Sentinel's rules make hard, and the proof that a grant comes early and never wrong."""

import signal
import statistics
import time

import pytest

from osvc_ha.authority import authority
from osvc_ha.planner.errors import ApplyError, UnsafePlan
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.redis.client import apply, observe, observe_authority
from osvc_ha.systems.redis.plan import desired, handover_plan

pytestmark = pytest.mark.live


def plan_of(group, node, to=""):
    """The plan that moves the master away from a node."""
    config, cluster = group.config(node), group.cluster(node)
    return handover_plan(observe(config, cluster, group.host), desired(config, cluster, Verb.FOLLOW), to)


def test_the_master_moves_to_the_node_that_was_asked_for(running, writer):
    """A planned move to the node that Sentinel likes least, under load: it gets there, nothing is lost, priorities are as before."""
    with writer(running) as load:
        for step in plan_of(running, "n1", "n3"):
            apply(running.config("n1"), step, running.host)
        load.progress()
    assert running.master() == "n3"
    assert load.lost() == set()
    assert [running.look().servers[node].priority for node in running.nodes] == [10, 20, 30]
    running.eventually(lambda: {running.status(node).status for node in running.nodes} == {Status.UP}, 15)


def test_r11_when_no_replica_is_promoted_the_pause_ends_at_once(running, writer):
    """The Sentinel that was asked does nothing: STOP fails with its reason, writes go on, the fence is gone."""
    steps = plan_of(running, "n1")
    with writer(running) as load:
        for step in steps:
            if step.do == "failover":
                continue
            if step.do == "promoted":
                with pytest.raises(ApplyError, match="no replica was promoted"):
                    apply(running.config("n1", handover_timeout="2"), step, running.host)
            elif step.always or step.do in ("fence", "pause", "drain"):
                apply(running.config("n1"), step, running.host)
        load.progress(2)
    assert load.lost() == set()
    assert running.master() == "n1"
    assert running.look().servers["n1"].min_replicas == 1
    assert running.look().servers["n1"].handover is False


def test_r9_a_second_handover_is_refused_while_one_runs(running):
    """Two runs at once would choose different heirs: the second is told to wait, and FOLLOW keeps its hands off."""
    fence, rest = plan_of(running, "n1")[0], plan_of(running, "n1")[1:]
    apply(running.config("n1"), fence, running.host)
    with pytest.raises(UnsafePlan, match="another run is handing it over now"):
        running.reconcile("n1", Verb.STOP)
    assert running.plan("n1", Verb.FOLLOW) == ()
    release = next(step for step in rest if step.do == "release")
    apply(running.config("n1"), release, running.host)
    assert running.look().servers["n1"].min_replicas == 1


def test_r19_a_crash_grants_the_new_master_before_a_majority_names_it(running):
    """Looking all the time while the master dies, the first grant after it goes to the heir, which says master."""
    config, addresses = running.config("n2"), running.addresses
    running.kill("n1")
    granted = []

    def moved():
        view = observe_authority(config, addresses, running.host)
        grant = authority(view)
        if grant is not None:
            granted.append((grant.node, {claim.node: claim.role for claim in view.claims}[grant.node]))
        return bool(granted)

    running.eventually(moved, 15)
    assert granted == [("n2", "master")]


def test_a_paused_master_that_returns_gets_no_grant(running):
    """SIGSTOP for longer than down-after: whatever the old master says when it wakes, only the new one is granted."""
    running.kill("n1", number=signal.SIGSTOP)
    running.eventually(lambda: "n2" in running.look().masters(), 15)
    running.kill("n1", number=signal.SIGCONT)
    give_up = time.monotonic() + 3
    while time.monotonic() < give_up:
        grant = authority(observe_authority(running.config("n2"), running.addresses, running.host))
        assert grant is None or grant.node == "n2"


def test_looking_for_the_authority_is_quick(running):
    """Over open connections the whole look takes less than 10 ms."""
    times = []
    for _ in range(30):
        begin = time.perf_counter()
        observe_authority(running.config("n1"), running.addresses, running.host)
        times.append(time.perf_counter() - begin)
    assert statistics.median(times) < 0.010
