"""Agent 2.1's status, as recorded on a real cluster and as damaged by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from osvc_ha.cluster.reading import parse_json
from osvc_ha.cluster.v2 import cluster_from_v2
from osvc_ha.planner.errors import ObserveError

Sample = Callable[[str], Any]


def test_a_recorded_status_says_who_runs_what(sample: Sample) -> None:
    """The recorded failover cluster has one service on n2 and one on n3, under full paths."""
    cluster = cluster_from_v2(sample("v2_failover"), {"fo": sample("v2_failover_config")}, "n1")
    assert (cluster.name, cluster.local, cluster.agent, cluster.quorum_enabled) == ("lab2", "n1", "2.1", True)
    assert cluster.alive() == ("n1", "n2", "n3")
    assert sorted(cluster.objects) == ["root/svc/fo", "root/svc/probe"]
    assert cluster.object("fo").placed() == ("n2",)
    assert cluster.object("fo").env["port@n2"] == "9090"
    assert cluster.object("svc/probe").placed() == ("n3",)


def test_a_flex_service_has_its_labels_and_addresses(sample: Sample) -> None:
    """The recorded flex cluster carries dotted [env] labels and node labels."""
    cluster = cluster_from_v2(sample("v2_flex"), {"prod/svc/flexy": sample("v2_flex_config")}, "n2")
    flexy = cluster.object("prod/svc/flexy")
    assert (flexy.topology, flexy.orchestrate, flexy.placed()) == ("flex", "ha", ("n1", "n2", "n3"))
    assert flexy.env["osvc.l4.admin.port"] == "6380"
    assert cluster.node("n3").address == "10.77.0.3"
    assert cluster.alive() == ("n1", "n2", "n3")
    assert not cluster.quorum_enabled


@pytest.mark.parametrize(
    ("nodes", "scope"),
    [
        ("n3 n1 n2", ("n3", "n1", "n2")),
        ("n2 {clusternodes}", ("n2", "n1", "n3")),
        ("n3", ("n3", "n1", "n2")),
        ("", ("n1", "n2", "n3")),
        ("n9 n2", ("n2", "n1", "n3")),
    ],
)
def test_the_scope_follows_the_order_of_the_service_config(sample: Sample, nodes: str, scope: tuple[str, ...]) -> None:
    """The agent sorts the scope by name; the placement preference is the order of ``nodes`` in the config."""
    cluster = cluster_from_v2(sample("v2_failover"), {"fo": {"DEFAULT": {"nodes": nodes}}}, "n1")
    assert cluster.object("fo").scope == scope


def test_a_peer_without_services_is_not_a_peer_that_runs_nothing(sample: Sample) -> None:
    """While heartbeat settings change a peer's entry lacks its services: its instances are absent, not down."""
    status = sample("v2_failover")
    del status["monitor"]["nodes"]["n2"]["services"]
    cluster = cluster_from_v2(status, {}, "n1")
    assert "n2" not in cluster.object("fo").instances
    assert cluster.node("n2").alive
    assert cluster.object("fo").scope == ("n1", "n2", "n3")


def test_a_dead_peer_is_known_and_not_alive(sample: Sample) -> None:
    """The agent forgets a dead peer's entry; the node stays in the cluster, without majority loss being hidden."""
    status = sample("v2_failover")
    for peer in ("n2", "n3"):
        del status["monitor"]["nodes"][peer]
        status["hb#1.rx"]["peers"][peer] = {"beating": False, "last": 1.0}
    cluster = cluster_from_v2(status, {}, "n1")
    assert sorted(cluster.nodes) == ["n1", "n2", "n3"]
    assert cluster.alive() == ("n1",)
    assert not cluster.has_majority()


def test_any_heartbeat_is_enough_and_a_stopped_one_says_nothing(sample: Sample) -> None:
    """A node is alive when one running receiver hears it, whatever the others say."""
    status = sample("v2_failover")
    status["hb#1.rx"]["peers"]["n3"]["beating"] = False
    status["hb#2.rx"] = {"state": "running", "peers": {"n3": {"beating": True}}}
    assert cluster_from_v2(status, {}, "n1").node("n3").alive
    status["hb#2.rx"]["state"] = "stopped"
    assert not cluster_from_v2(status, {}, "n1").node("n3").alive


def test_the_agents_words_pass_through_unchanged(sample: Sample) -> None:
    """avail, overall, the frozen number and the monitor's state arrive as the agent said them."""
    status = sample("v2_failover")
    told = status["monitor"]["nodes"]["n2"]["services"]["status"]["fo"]
    told.update(avail="stdby up", overall="warn", frozen=1795422006.8, provisioned="mixed")
    told["monitor"]["status"] = "stop failed"
    status["monitor"]["nodes"]["n2"]["frozen"] = 1795422006.8
    cluster = cluster_from_v2(status, {}, "n1")
    found = cluster.object("fo").instances["n2"]
    assert (found.avail, found.overall, found.frozen, found.provisioned, found.state) == ("stdby up", "warn", True, None, "stop failed")
    assert cluster.node("n2").frozen and not cluster.node("n1").frozen


def test_unknown_fields_change_nothing(sample: Sample) -> None:
    """A later agent's additional fields are ignored."""
    status = sample("v2_failover")
    before = cluster_from_v2(status, {}, "n1")
    status["novelty"] = [1]
    status["monitor"]["nodes"]["n1"]["novelty"] = None
    status["monitor"]["nodes"]["n1"]["services"]["status"]["fo"]["novelty"] = {}
    assert cluster_from_v2(status, {}, "n1") == before


def _without(status: Any, path: str) -> Any:
    *parents, last = path.split("|")
    place = status
    for key in parents:
        place = place[key]
    del place[last]
    return status


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("cluster", "cluster is missing"),
        ("cluster|nodes", "cluster.nodes is missing"),
        ("cluster|id", "cluster.id is missing"),
        ("monitor", "monitor is missing"),
        ("monitor|nodes", "monitor.nodes is missing"),
        ("monitor|nodes|n1", "monitor.nodes.n1 is missing"),
        ("monitor|nodes|n1|labels", "monitor.nodes.n1.labels is missing"),
        ("monitor|nodes|n2|labels", "monitor.nodes.n2.labels is missing"),
        ("monitor|nodes|n1|services", "monitor.nodes.n1.services is missing"),
        ("monitor|nodes|n1|services|status", "monitor.nodes.n1.services.status is missing"),
        ("monitor|nodes|n1|services|config|fo|scope", "monitor.nodes.n1.services.config.fo.scope is missing"),
    ],
)
def test_a_missing_essential_field_is_named(sample: Sample, path: str, says: str) -> None:
    """The message gives the place of the field that is not there."""
    with pytest.raises(ObserveError) as caught:
        cluster_from_v2(_without(sample("v2_failover"), path), {}, "n1")
    assert str(caught.value) == f"agent 2.1 status: {says}"


def test_the_other_agents_status_is_recognised(sample: Sample) -> None:
    """Reading agent 3's document as 2.1's says so."""
    with pytest.raises(ObserveError, match=r"agent 2\.1 status: monitor is missing; this is the status of agent 3"):
        cluster_from_v2(sample("opensvc3/settled"), {}, "n1")


def test_a_foreign_nodes_view_is_refused(sample: Sample) -> None:
    """A local name that the cluster does not have means a wrong file or a renamed machine."""
    with pytest.raises(ObserveError, match=r"monitor\.nodes\.n9 is missing"):
        cluster_from_v2(sample("v2_failover"), {}, "n9")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "daemon_status: empty; was the writer interrupted?"),
        (b" \n", "daemon_status: empty; was the writer interrupted?"),
        (b'{"cluster": {"na', "daemon_status: truncated at line 1"),
        ('{"cluster": ', "daemon_status: truncated at line 1"),
        ('{"cluster": }', "daemon_status: not JSON at line 1, column 13"),
        (b'{"a": "\xff"}', "daemon_status: byte 7 is not UTF-8"),
        ("[]", "daemon_status: a JSON object is expected, not a list"),
        ("null", "daemon_status: a JSON object is expected, not null"),
        ("[" * 100000, "daemon_status: nested too deep to be a status"),
    ],
)
def test_bad_json_is_refused_in_words(text: str | bytes, says: str) -> None:
    """Truncated, empty, non-UTF-8 and wrong documents are told apart."""
    with pytest.raises(ObserveError) as caught:
        parse_json(text, "daemon_status")
    assert str(caught.value).startswith(says)


def test_a_cut_at_any_byte_is_an_observe_error(sample: Sample) -> None:
    """Whatever part of the real document arrives, the answer is never a crash and never half a cluster."""
    text = json.dumps(sample("v2_failover")).encode()
    for cut in range(0, len(text), 97):
        with pytest.raises(ObserveError):
            cluster_from_v2(parse_json(text[:cut], "daemon_status"), {}, "n1")


@pytest.mark.parametrize("wrong", [None, 1, "x", [], True])
def test_a_field_of_another_shape_is_an_observe_error(sample: Sample, wrong: object) -> None:
    """Every object on the way may be something else: cannot tell, never a crash."""
    for path in ("cluster", "monitor", "monitor|nodes", "monitor|nodes|n1", "monitor|nodes|n2", "monitor|nodes|n1|services|status|fo"):
        status = sample("v2_failover")
        *parents, last = path.split("|")
        place = status
        for key in parents:
            place = place[key]
        place[last] = wrong
        with pytest.raises(ObserveError):
            cluster_from_v2(status, {}, "n1")
