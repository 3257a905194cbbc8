"""What the agents say, as the doctor understands it, from real status documents of both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.cluster.labels import discover
from osvc_ha.cluster.types import Cluster, Object
from osvc_ha.cluster.v2 import cluster_from_v2
from osvc_ha.cluster.v3 import cluster_from_v3
from osvc_ha.doctor import told
from osvc_ha.doctor.facts import AgentFacts, Heartbeat, NodeFacts

TYPES = ("haredis", "hadrbd", "havolumes")
SAMPLES = Path(__file__).parent.parent / "cluster" / "samples"
CONFIG = {
    "cluster": {"name": "lab", "nodes": "n1 n2 n3"},
    "hb#1": {"type": "unicast", "timeout": "6s", "interval": "1s"},
    "hb#2": {"type": "disk", "timeout": "1m", "timeout@n1": "1m30s"},
    "arbitrator#a": {"name": "a1", "timeout": "3s"},
    "arbitrator#b": {"name": "b1"},
    "stonith#n2": {"cmd": "/bin/true"},
    "hook#osvc_ha": {"events": "hb_stale", "command": "/x"},
}


def sample(name: str) -> Any:
    """A status document that a real agent gave."""
    return json.loads((SAMPLES / name).read_text())


@pytest.fixture
def v2() -> AgentFacts:
    """Of three nodes under 2.1."""
    cluster = cluster_from_v2(sample("v2_failover.json"), {}, "n1")
    return told.from_cluster(cluster, CONFIG, discover(cluster, ()), TYPES)


@pytest.fixture
def v3() -> AgentFacts:
    """Of three nodes under 3."""
    cluster = cluster_from_v3(sample("opensvc3/settled.json"), {}, "n1")
    return told.from_cluster(cluster, CONFIG, discover(cluster, ()), TYPES)


@pytest.mark.parametrize(
    ("text", "value"),
    [("15", 15.0), ("6s", 6.0), ("1m30s", 90.0), ("500ms", 0.5), ("2h", 7200.0), ("", None), ("soon", None), ("5 parsecs", None)],
)
def test_durations_are_read_in_both_agents_spelling(text: str, value: float) -> None:
    """A number alone is seconds; what is no duration is not guessed at."""
    assert told.seconds(text) == value


def test_the_clusters_config_is_understood(v2: AgentFacts) -> None:
    """Heartbeats with their defaults and scopes, arbitrators, stonith, our hook section."""
    assert v2.members == ("n1", "n2", "n3")
    assert dict(v2.heartbeats) == {"hb#1": Heartbeat(6.0, 1.0), "hb#2": Heartbeat(90.0, 5.0)}
    assert dict(v2.arbitrators) == {"a": 3.0, "b": 5.0}
    assert (v2.stonith, v2.hook["events"]) == (("n2",), "hb_stale")


def test_agent_2_1_tells_versions_and_ports(v2: AgentFacts) -> None:
    """And ready_period of this node alone, which `om` was asked for."""
    found = told.from_v2(v2, sample("v2_failover.json"), NodeFacts(ready=2.0, split="crash"))
    assert {name: node.version for name, node in found.nodes.items()} != {}
    assert all(node.version for node in found.nodes.values())
    assert (found.nodes["n1"].ready, found.nodes["n2"].ready) == (2.0, None)
    assert found.ports["hb#1.rx"] == 10000
    assert found.ports["listener"] == 1214


def test_agent_3_tells_the_settings_of_every_node(v3: AgentFacts) -> None:
    """ready_period in nanoseconds there, split_action, version, and its listener's port."""
    status = sample("opensvc3/settled.json")
    # The sample was cut there; the port is a string in the real one.
    status["cluster"]["node"]["n1"]["daemon"]["listener"] = {"port": "1215"}
    found = told.from_v3(v3, status, CONFIG)
    assert {node.version[:2] for node in found.nodes.values()} == {"v3"}
    assert all(node.ready is not None and 1 <= node.ready <= 60 for node in found.nodes.values())
    assert all(node.split in ("crash", "reboot", "disabled") for node in found.nodes.values())
    assert dict(found.ports) == {"listener": 1215, "hb#1": 10000}


def test_what_a_service_runs_is_seen_on_both() -> None:
    """By driver type, by command, and by neither."""
    objects = {
        "root/svc/a": {"app#1": {"type": "haredis", "password_file": "{env.file}"}, "env": {"password_file": "/etc/x"}},
        "root/svc/b": {"app#1": {"type": "forking", "script": "/usr/share/osvc-ha/bin/osvc-ha resource haproxy"}},
        "root/svc/c": {
            "app#1": {"type": "simple", "start": "/usr/share/osvc-ha/bin/osvc-ha watch haproxy"},
            "DEFAULT": {"stonith": "true"},
        },
        "root/svc/d": {"app#1": {"type": "simple", "start": "/bin/sleep 1"}},
        "root/svc/e": {"disk#0": {"type": "hadrbd"}, "fs#1": {"type": "ext4"}, "fs#1volume": {"type": "havolumes"}},
    }
    cluster = Cluster("1", "c", "n1", {}, {path: Object(path, (), {}, config=config) for path, config in objects.items()})
    found = told.from_cluster(cluster, {}, discover(cluster, ()), TYPES)
    assert found.systems == ("drbd", "follow", "haproxy", "redis", "volumes")
    assert found.fenced == ("root/svc/c",)
    assert found.secret_files == ("/etc/x",)


def test_what_a_driver_of_2_1_would_make_is_known_by_its_type() -> None:
    """Not a command of 3's, not somebody else's driver, and not what belongs into a container of the service."""
    config = {
        "app#1member": {"type": "haredis"},
        "app#theirs": {"type": "haprobe"},
        "app#inside": {"type": "haredis", "tags": "a encap"},
        "app#within": {"type": "haredis", "encap": "true"},
        "disk#0": {"type": "hadrbd", "encap": "false", "tags": "encapsulated"},
        "env": {"type": "haredis"},
    }
    objects = {path: Object(path, (), {}, config=config if path.endswith("a") else {}) for path in ("root/svc/a", "root/svc/b")}
    cluster = Cluster("1", "c", "n1", {}, objects)
    found = told.from_cluster(cluster, {}, discover(cluster, ()), TYPES)
    assert found.native == {"root/svc/a": {"app#1member": "haredis", "disk#0": "hadrbd"}}


def test_the_resources_of_every_instance_are_known(v2: AgentFacts) -> None:
    """By node and service, as each node's agent made them."""
    found = told.from_v2(v2, sample("v2_failover.json"), NodeFacts())
    assert {name: sorted(told) for name, told in found.resources.items()} == dict.fromkeys(
        ("n1", "n2", "n3"), ["root/svc/fo", "root/svc/probe"]
    )
    assert found.resources["n2"]["root/svc/probe"] == {"app#probe", "sync#i0"}


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"csum": "another"}},
        {"config": {"updated": 1 << 40}},
        {"status": {"resources": None}},
        {"status": {"updated": None}},
    ],
)
def test_an_instance_that_was_not_looked_at_since_is_not_judged(v2: AgentFacts, change: dict[str, dict[str, Any]]) -> None:
    """Of another config than ours, from before its config, or without a word: what it has not got, it may have by now."""
    status = sample("v2_failover.json")
    services = status["monitor"]["nodes"]["n2"]["services"]
    for part, values in change.items():
        services[part]["probe"].update(values)
    found = told.from_v2(v2, status, NodeFacts())
    assert sorted(found.resources["n2"]) == ["root/svc/fo"]
    assert sorted(found.resources["n3"]) == ["root/svc/fo", "root/svc/probe"]


def test_the_limit_on_files_is_read() -> None:
    """The hard one, which a child may raise its own to."""
    text = "Limit   Soft Limit  Hard Limit  Units\nMax open files            1024                 20000                files     \n"
    assert told.hard_limit(text) == 20000
    assert told.hard_limit("Max open files            1024                 unlimited            files\n") == 1 << 30
    assert told.hard_limit("") is None
