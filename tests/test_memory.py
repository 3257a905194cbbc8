"""What silent nodes said of themselves while they spoke."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from osvc_ha.cluster.types import Cluster, Node
from osvc_ha.host import Host
from osvc_ha.memory import recalled
from osvc_ha.testing import FakeHost

ADDRESSES = {"n1": "10.0.0.1", "n2": "10.0.0.2"}


def cluster(silent: str = "", name: str = "c1", **addresses: str) -> Cluster:
    """Two nodes with their addresses as labels; a silent one has lost its own, as agents forget them."""
    labels = {node: {"osvc_ha_address": at} for node, at in {**ADDRESSES, **addresses}.items() if node != silent}
    return Cluster(name, "lab", "n1", {node: Node(node, node != silent, labels=labels.get(node, {})) for node in ADDRESSES}, {})


def addresses(found: Cluster) -> dict[str, str]:
    """Node -> address."""
    return {name: node.address or "" for name, node in found.nodes.items()}


def test_a_dead_nodes_address_is_remembered(host: Host, tmp_path: Path) -> None:
    """By another process too: what it said last while it spoke."""
    recalled(cluster(), host, tmp_path)
    assert addresses(recalled(cluster(silent="n2"), Host(), tmp_path)) == ADDRESSES


def test_who_speaks_is_believed(host: Host, tmp_path: Path) -> None:
    """A new address replaces the one that was remembered."""
    recalled(cluster(), host, tmp_path)
    assert addresses(recalled(cluster(n2="10.0.0.9"), host, tmp_path))["n2"] == "10.0.0.9"
    assert addresses(recalled(cluster(silent="n2"), host, tmp_path))["n2"] == "10.0.0.9"


def test_nothing_is_made_up(host: Host, tmp_path: Path) -> None:
    """A node that never told its address has none."""
    assert addresses(recalled(cluster(silent="n2"), host, tmp_path)) == {"n1": "10.0.0.1", "n2": ""}


def test_two_clusters_on_one_host_stay_apart(host: Host, tmp_path: Path) -> None:
    """Also when one is named to reach for the other's file."""
    recalled(cluster(), host, tmp_path)
    for name in ("c2", "../c1", "c1.json/../c1"):
        assert addresses(recalled(cluster(silent="n2", name=name), host, tmp_path))["n2"] == ""
    assert addresses(recalled(cluster(silent="n2"), host, tmp_path))["n2"] == "10.0.0.2"
    assert all(path.parent == tmp_path for path in tmp_path.rglob("*"))


def test_it_is_written_only_when_something_is_new(host: Host, tmp_path: Path) -> None:
    """A follower looks thousands of times a day."""
    recalled(cluster(), host, tmp_path)
    (file,) = tmp_path.iterdir()
    before = file.stat()
    recalled(cluster(), host, tmp_path)
    recalled(cluster(silent="n2"), host, tmp_path)
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"labels": ["n1"]}', '{"labels": {"n1": "x"}}', '{"label": {}}', "\ud800"], ids=repr)
def test_a_broken_file_costs_the_memory_alone(tmp_path: Path, host: Host, caplog: pytest.LogCaptureFixture, text: str) -> None:
    """What is not what was written there is said, and written anew."""
    recalled(cluster(), host, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with caplog.at_level(logging.WARNING):
        assert addresses(recalled(cluster(), host, tmp_path)) == ADDRESSES
    assert bool(text in ("", "[]")) or "not what was written there" in caplog.text
    assert json.loads(file.read_text())["labels"]["n2"] == {"osvc_ha_address": "10.0.0.2"}


def test_a_disk_that_takes_nothing_costs_the_memory_alone() -> None:
    """Full or read-only: the labels of those who speak are not in doubt."""
    host = FakeHost()
    host.broken.add("/m/c1.json")
    assert addresses(recalled(cluster(), host, Path("/m"))) == ADDRESSES
