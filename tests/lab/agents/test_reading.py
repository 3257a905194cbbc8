"""What osvc-ha reads from a running cluster, the same on agent 2.1 and on agent 3."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from agent_lab import FLEX, PASSWORD, SECRET, Lab

# The cluster is started in the setup of the first test, which takes a minute on a machine that is busy.
pytestmark = [pytest.mark.agent, pytest.mark.timeout(300)]
WEB = "root/svc/web"


@pytest.fixture
def restored(lab: Lab) -> Iterator[Lab]:
    """The lab, and afterwards the lab as it was before, whatever broke."""
    yield lab
    for name in lab.names:
        if lab.machines.running(name):
            lab.machines.heal(name)
            lab.order(name, "thaw_node")
    lab.settle()


def test_every_node_tells_the_same_cluster(lab: Lab) -> None:
    """Three snapshots, taken on three nodes, differ only in where and when they were taken."""
    told = [lab.snapshot(name) for name in lab.names]
    assert [one.pop("local") for one in told] == ["n1", "n2", "n3"]
    for one in told:
        one.pop("taken")
    assert told[0] == told[1] == told[2]
    assert told[0]["agent"] == lab.agent.version


def test_services_arrive_as_their_configs_say(lab: Lab) -> None:
    """Scope in the order of `nodes`, topology, the env with its labels, and what each instance is."""
    cluster = lab.cluster("n3")
    assert (cluster.name, cluster.alive(), cluster.has_majority(), cluster.quorum_enabled) == ("lab", lab.names, True, False)
    assert sorted(cluster.objects) == [FLEX, WEB]
    flex, web = cluster.object(FLEX), cluster.object(WEB)
    assert (flex.scope, flex.topology, flex.orchestrate) == (("n1", "n2", "n3"), "flex", "ha")
    assert (web.scope, web.topology, web.orchestrate) == (("n2", "n1", "n3"), "failover", "ha")
    assert dict(flex.env) == {"color": "blue", "osvc.l4.enable": "true", "osvc.l4.port": "6379", "osvc.l4.check": "redis"}
    assert sorted(flex.config) == ["DEFAULT", "app#1", "env"]
    assert {name: one.avail for name, one in flex.instances.items()} == {"n1": "up", "n2": "up", "n3": "up"}
    assert {name: one.avail for name, one in web.instances.items()} == {"n1": "down", "n2": "up", "n3": "down"}
    assert all(one.provisioned and one.state == "idle" and not one.frozen for one in flex.instances.values())


def test_no_secret_is_in_a_snapshot(lab: Lab) -> None:
    """The agent would tell a sec object's value and a password-like env key; a snapshot holds neither."""
    assert SECRET in lab.order("n1", "read_secret"), "the secret is there to be told"
    for name in lab.names:
        text = json.dumps(lab.snapshot(name))
        assert SECRET not in text
        assert PASSWORD not in text
        assert "/sec/" not in text


def test_labels_lists_both_listeners(lab: Lab) -> None:
    """`osvc-ha labels` finds what the env sections opt in, and on which nodes it is ready."""
    done = lab.osvc_ha("n1", "labels", "--format", "json")
    assert done.code == 0, done.words
    rows = {row["listener"]: (row["port"], row["check"], row["nodes"]) for row in json.loads(done.out)["listeners"]}
    assert rows == {
        f"{FLEX}:main": (6379, "redis", {"n1": "ready", "n2": "ready", "n3": "ready"}),
        f"{WEB}:main": (8080, "tcp", {"n1": "maint", "n2": "ready", "n3": "maint"}),
    }


def test_a_plan_is_made_from_the_running_cluster(lab: Lab) -> None:
    """`osvc-ha plan haproxy --verb start` would write a config with both listeners, then start HAProxy."""
    done = lab.osvc_ha("n2", "plan", "haproxy", "--verb", "start")
    assert done.code == 0, done.words
    assert f"{FLEX}:main" in done.out
    assert f"{WEB}:main" in done.out
    assert "start haproxy" in done.out


def test_node_labels_reach_every_node(lab: Lab) -> None:
    """The address an operator labels a node with is its address on each of them."""
    for name, address in lab.machines.addresses.items():
        lab.order(name, "label", key="osvc_ha_address", value=address)
    for name in lab.names:
        lab.wait(
            f"all labels on {name}",
            lambda name=name: {one: node.address for one, node in lab.cluster(name).nodes.items()} == lab.machines.addresses,
        )


def test_an_instance_that_stops_and_starts_shows_up_elsewhere(restored: Lab) -> None:
    """What happens on n1 is seen on n3, together with the freeze that the agent adds to a stop on one node."""
    lab = restored
    lab.order("n1", "stop", path=FLEX)
    lab.wait("n1 down and frozen", lambda: _instance(lab, "n1") == ("down", True))
    assert lab.cluster("n3").object(FLEX).placed() == ("n2", "n3")
    lab.order("n1", "start", path=FLEX)
    lab.wait("n1 up again", lambda: _instance(lab, "n1") == ("up", True))
    lab.order("n1", "thaw", path=FLEX)
    lab.wait("n1 thawed", lambda: _instance(lab, "n1") == ("up", False))


def test_a_frozen_node_is_told_frozen(restored: Lab) -> None:
    """One node frozen, seen from another, and only that one."""
    restored.order("n3", "freeze_node")
    restored.wait("n3 frozen", lambda: _frozen(restored) == ("n3",))
    restored.order("n3", "thaw_node")
    restored.wait("none frozen", lambda: _frozen(restored) == ())


def test_whether_the_agent_enforces_quorum_is_told(lab: Lab) -> None:
    """`cluster.quorum`, switched on one node, arrives on another."""
    for value in ("true", "false"):
        lab.order("n1", "quorum", value=value)
        lab.wait(f"quorum {value}", lambda value=value: lab.cluster("n3").quorum_enabled is (value == "true"))


def test_a_stopped_daemon_is_not_alive(restored: Lab) -> None:
    """Its peers know it as silent though it announced a maintenance; on the node itself nothing can be told."""
    lab = restored
    lab.order("n3", "daemon_stop")
    lab.wait("n3 silent", lambda: lab.cluster("n1").alive() == ("n1", "n2"))
    done = lab.osvc_ha("n3", "snapshot")
    assert done.code == 3, done.words
    assert "lsnr" in done.err
    lab.order("n3", "run")


def test_a_dead_node_is_known_and_not_alive(restored: Lab) -> None:
    """After a power cut the others miss it, still have a majority, and tell nothing of what it runs."""
    lab = restored
    lab.machines.kill("n3")
    for name in ("n1", "n2"):
        lab.wait(f"{name} misses n3", lambda name=name: lab.cluster(name).alive() == ("n1", "n2"))
        cluster = lab.cluster(name)
        assert cluster.has_majority()
        assert cluster.object(FLEX).scope == ("n1", "n2", "n3")
        lab.wait("its instances are forgotten", lambda name=name: lab.cluster(name).object(FLEX).placed() == ("n1", "n2"))


def test_a_cut_network_leaves_a_majority_on_one_side(restored: Lab) -> None:
    """Both sides of a cut know on which of them they are."""
    lab = restored
    for name in lab.names:
        # Nothing is to be started twice by a cluster that was told not to care for its quorum.
        lab.order(name, "freeze_node")
    lab.wait("all frozen", lambda: all(_frozen(lab, name) == lab.names for name in lab.names))
    lab.machines.cut("n1")
    for name, seen in (("n1", ("n1",)), ("n2", ("n2", "n3")), ("n3", ("n2", "n3"))):
        lab.wait(f"{name} sees its side", lambda name=name, seen=seen: lab.cluster(name).alive() == seen)
        assert lab.cluster(name).has_majority() is (len(seen) == 2)


def _instance(lab: Lab, name: str) -> tuple[str, bool]:
    found = lab.cluster("n3").object(FLEX).instances[name]
    return found.avail, found.frozen


def _frozen(lab: Lab, seen_from: str = "n1") -> tuple[str, ...]:
    return tuple(name for name, node in lab.cluster(seen_from).nodes.items() if node.frozen)
