"""START on real servers."""

import threading

import pytest

from osvc_ha.host import Host
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


def test_three_nodes_become_one_group(group):
    """Started together, the first of the scope is the master, both others replicate, and every node is up."""
    group.start()
    actual = group.look()
    assert actual.masters() == ("n1",)
    assert {actual.servers[node].master for node in ("n2", "n3")} == {"n1"}
    assert [actual.servers[node].priority for node in group.nodes] == [10, 20, 30]
    assert [actual.servers[node].min_replicas for node in group.nodes] == [1, 1, 1]
    assert {sentinel.quorum for sentinel in actual.sentinels.values()} == {2}
    assert {group.status(node).status for node in group.nodes} == {Status.UP}
    assert group.plan("n1", Verb.FOLLOW) == ()


def test_r18_a_node_is_not_up_before_a_failover_would_work(running):
    """Every port answers, but a Sentinel does not know the replicas yet: its node is not up, and says what is missing."""
    running.leave_unread("n2")
    running.sentinel("n2", "SENTINEL", "RESET", "grp")
    health = running.status("n2")
    assert health.status is Status.WARN
    assert health.lines[0].startswith("wait until a failover would work: the Sentinel on n2 sees ")


def test_a_container_that_comes_later_is_waited_for(make_group):
    """launch=false: START writes the first configurations and waits; the processes are started by somebody else."""
    group = make_group(1, launch="false", min_replicas_to_write="0")
    folder = group.directory / "n1"
    late = threading.Thread(target=_container, args=(folder, group.config("n1")), daemon=True)
    late.start()
    group.start()
    late.join(5)
    assert group.look().masters() == ("n1",)
    assert group.status("n1").status is Status.UP


def _container(folder, config):
    host = Host()
    for what, program in (("server", config.redis_server), ("sentinel", config.redis_sentinel)):
        file = folder / what / ("redis.conf" if what == "server" else "sentinel.conf")
        assert host.wait(file.exists, 5)
        host.launch([program, str(file)], folder / f"{what}.log")
