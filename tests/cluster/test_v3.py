"""Agent 3's cluster status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from osvc_ha.cluster.v3 import cluster_from_v3
from osvc_ha.planner.errors import ObserveError

Sample = Callable[[str], Any]


def test_the_status_says_who_runs_what(sample: Sample) -> None:
    """Short paths become full ones; secrets and the cluster's own config are no services."""
    cluster = cluster_from_v3(sample("v3_three_nodes"), {"foo": {"env": {"osvc.l4.port": "80"}}}, "n1")
    assert (cluster.id, cluster.name, cluster.agent, cluster.quorum_enabled) == ("bbbbbbbb-0000-0000-0000-000000000001", "lab3", "3", True)
    assert sorted(cluster.objects) == ["prod/svc/redis", "root/svc/foo"]
    foo = cluster.object("foo")
    assert (foo.scope, foo.placed(), foo.topology, foo.orchestrate) == (("n2", "n1", "n3"), ("n2",), "failover", "ha")
    assert foo.env["osvc.l4.port"] == "80"


def test_a_dead_peer_is_known_and_not_alive(sample: Sample) -> None:
    """n3 disappeared from cluster.node; it stays a node, and its instances are absent."""
    cluster = cluster_from_v3(sample("v3_three_nodes"), {}, "n1")
    assert cluster.alive() == ("n1", "n2")
    assert not cluster.node("n3").alive
    assert "n3" not in cluster.object("foo").instances


def test_zero_time_is_not_frozen(sample: Sample) -> None:
    """frozen_at holds Go's zero time for what is not frozen."""
    cluster = cluster_from_v3(sample("v3_three_nodes"), {}, "n1")
    assert [cluster.node(name).frozen for name in ("n1", "n2")] == [False, True]
    assert not cluster.object("foo").instances["n1"].frozen
    assert cluster.object("prod/svc/redis").instances["n1"].frozen


def test_the_agents_words_pass_through_unchanged(sample: Sample) -> None:
    """avail, overall, state and provisioned arrive as said; an instance without a status is absent."""
    redis = cluster_from_v3(sample("v3_three_nodes"), {}, "n1").object("prod/svc/redis")
    found = redis.instances["n1"]
    assert (found.avail, found.overall, found.state, found.leaving, found.provisioned) == ("up", "warn", "stopping", True, False)
    assert sorted(redis.instances) == ["n1"]
    assert cluster_from_v3(sample("v3_three_nodes"), {}, "n1").object("foo").instances["n2"].provisioned


def test_labels_come_from_the_node_config(sample: Sample) -> None:
    """A node without labels has a null there, as Go writes an empty map."""
    cluster = cluster_from_v3(sample("v3_three_nodes"), {}, "n1")
    assert cluster.node("n1").address == "10.78.0.1"
    assert dict(cluster.node("n2").labels) == {}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("cluster", "cluster is missing"),
        ("cluster|config", "cluster.config is missing"),
        ("cluster|config|nodes", "cluster.config.nodes is missing"),
        ("cluster|node", "cluster.node is missing"),
        ("cluster|node|n1", "cluster.node.n1 is missing"),
        ("cluster|node|n1|instance", "cluster.node.n1.instance is missing"),
        ("cluster|node|n2|config|labels", "cluster.node.n2.config.labels is missing"),
        ("cluster|node|n1|instance|foo|status|avail", "cluster.node.n1.instance.foo.status.avail is missing"),
    ],
)
def test_a_missing_essential_field_is_named(sample: Sample, path: str, says: str) -> None:
    """The message gives the place of the field that is not there."""
    status = sample("v3_three_nodes")
    *parents, last = path.split("|")
    place = status
    for key in parents:
        place = place[key]
    del place[last]
    with pytest.raises(ObserveError) as caught:
        cluster_from_v3(status, {}, "n1")
    assert str(caught.value) == f"agent 3 status: {says}"


def test_the_other_agents_status_is_recognised(sample: Sample) -> None:
    """Reading agent 2.1's document as 3's says so."""
    with pytest.raises(ObserveError, match=r"cluster\.config is missing; this is the status of agent 2\.1"):
        cluster_from_v3(sample("v2_failover"), {}, "n1")
