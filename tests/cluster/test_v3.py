"""Agent 3's cluster status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from osvc_ha.cluster.types import Cluster
from osvc_ha.cluster.v3 import cluster_from_v3
from osvc_ha.planner.errors import ObserveError

Sample = Callable[[str], Any]
REDIS = "prod/svc/redis"


def from_n1(status: Any) -> Cluster:
    """The cluster as n1 tells it."""
    return cluster_from_v3(status, {}, "n1")


def test_the_status_says_who_runs_what(sample: Sample) -> None:
    """Short paths become full ones; secrets and the cluster's own config are no services."""
    cluster = cluster_from_v3(sample("opensvc3/settled"), {"web": {"env": {"osvc.l4.port": "80"}}}, "n1")
    assert (cluster.id, cluster.name, cluster.agent) == ("aaaaaaaa-0000-0000-0000-000000000001", "lab", "3")
    assert (cluster.alive(), cluster.quorum_enabled) == (("n1", "n2", "n3"), False)
    assert sorted(cluster.objects) == [REDIS, "root/svc/web"]
    web, redis = cluster.object("web"), cluster.object(REDIS)
    assert (web.scope, web.placed(), web.topology, web.orchestrate) == (("n2", "n1", "n3"), ("n2",), "failover", "ha")
    assert (redis.scope, redis.placed(), redis.topology) == (("n1", "n2", "n3"), ("n1", "n2", "n3"), "flex")
    assert web.env["osvc.l4.port"] == "80"


def test_a_dead_peer_is_known_and_not_alive(sample: Sample) -> None:
    """n3 disappeared from cluster.node; it stays a node, and its instances are absent."""
    cluster = from_n1(sample("opensvc3/dead"))
    assert cluster.alive() == ("n1", "n2")
    assert not cluster.node("n3").alive
    assert cluster.object(REDIS).scope == ("n1", "n2", "n3")
    assert "n3" not in cluster.object(REDIS).instances


def test_a_silent_peer_in_maintenance_is_not_alive(sample: Sample) -> None:
    """`om daemon stop` keeps n3 in cluster.node for a minute; whether it is there is asked of the heartbeat."""
    status = sample("opensvc3/maintenance")
    assert status["cluster"]["node"]["n3"]["monitor"]["state"] == "maintenance"
    assert from_n1(status).alive() == ("n1", "n2")
    assert cluster_from_v3(status, {}, "n2").alive() == ("n1", "n2", "n3"), "n2 has not missed it yet"


def test_a_stopped_receiver_hears_nobody(sample: Sample) -> None:
    """The last word of a heartbeat that no longer runs is stale; one receiver that hears a peer is enough."""
    status = sample("opensvc3/settled")
    streams = status["cluster"]["node"]["n1"]["daemon"]["heartbeat"]["streams"]
    receiver = next(stream for stream in streams if stream["id"] == "hb#1.rx")
    other = {**receiver, "id": "hb#2.rx", "peers": {"n3": receiver["peers"]["n3"]}}
    receiver["state"] = "stopped"
    streams.append(other)
    assert from_n1(status).alive() == ("n1", "n3")


def test_zero_time_is_not_frozen(sample: Sample) -> None:
    """frozen_at holds Go's zero time for what is not frozen, of a node and of an instance."""
    cluster = from_n1(sample("opensvc3/maintenance"))
    assert [cluster.node(name).frozen for name in ("n1", "n2", "n3")] == [False, True, False]
    assert [cluster.object(REDIS).instances[name].frozen for name in ("n1", "n2")] == [True, False]


def test_the_agents_words_pass_through_unchanged(sample: Sample) -> None:
    """avail, overall, state and provisioned arrive as said; an instance without a status is absent."""
    status = sample("opensvc3/settled")
    told = status["cluster"]["node"]["n1"]["instance"][REDIS]
    told["status"].update(overall="warn", provisioned="mixed")
    told["monitor"]["state"] = "stopping"
    status["cluster"]["node"]["n2"]["instance"][REDIS]["status"] = None
    redis = from_n1(status).object(REDIS)
    found = redis.instances["n1"]
    assert (found.avail, found.overall, found.state, found.leaving, found.provisioned) == ("up", "warn", "stopping", True, None)
    assert sorted(redis.instances) == ["n1", "n3"]
    assert redis.instances["n3"].provisioned, "n/a: nothing to provision"


@pytest.mark.parametrize("none", [None, {}])
def test_labels_come_from_the_node_config(sample: Sample, none: Any) -> None:
    """A node without labels has an empty map there, or a null, as Go writes a map that was never made."""
    status = sample("opensvc3/settled")
    status["cluster"]["node"]["n3"]["config"]["labels"] = none
    cluster = from_n1(status)
    assert cluster.node("n1").address == "10.77.0.1"
    assert dict(cluster.node("n3").labels) == {}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("cluster", "cluster is missing"),
        ("cluster|config", "cluster.config is missing"),
        ("cluster|config|nodes", "cluster.config.nodes is missing"),
        ("cluster|node", "cluster.node is missing"),
        ("cluster|node|n1", "cluster.node.n1 is missing"),
        ("cluster|node|n1|instance", "cluster.node.n1.instance is missing"),
        ("cluster|node|n1|daemon", "cluster.node.n1.daemon is missing"),
        ("cluster|node|n1|daemon|heartbeat", "cluster.node.n1.daemon.heartbeat is missing"),
        ("cluster|node|n2|config|labels", "cluster.node.n2.config.labels is missing"),
        ("cluster|node|n1|instance|web|status|avail", "cluster.node.n1.instance.web.status.avail is missing"),
    ],
)
def test_a_missing_essential_field_is_named(sample: Sample, path: str, says: str) -> None:
    """The message gives the place of the field that is not there."""
    status = sample("opensvc3/settled")
    *parents, last = path.split("|")
    place = status
    for key in parents:
        place = place[key]
    del place[last]
    with pytest.raises(ObserveError) as caught:
        from_n1(status)
    assert str(caught.value) == f"agent 3 status: {says}"


def test_the_other_agents_status_is_recognised(sample: Sample) -> None:
    """Reading agent 2.1's document as 3's says so."""
    with pytest.raises(ObserveError, match=r"cluster\.config is missing; this is the status of agent 2\.1"):
        from_n1(sample("v2_failover"))
