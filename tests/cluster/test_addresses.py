"""By which address a node is reached."""

from __future__ import annotations

import pytest

from osvc_ha.cluster.addresses import address_of, is_address, refuse_loopback, remembering, unlabelled
from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.errors import ConfigError


def test_the_label_comes_before_what_was_resolved() -> None:
    """An operator's word wins; without it the resolved address is taken."""
    labelled = Node("n1", True, labels={"osvc_ha_address": "10.0.0.1"})
    assert address_of(labelled, {"n1": "10.9.9.9"}) == "10.0.0.1"
    assert address_of(Node("n1", True), {"n1": "10.9.9.9"}) == "10.9.9.9"


def test_no_address_names_the_node_and_the_command() -> None:
    """The message says which node, and what to type on it."""
    with pytest.raises(ConfigError, match=r"node n2: no address known; run there: om node set --kw labels\.osvc_ha_address="):
        address_of(Node("n2", True), {"n1": "10.0.0.1"})


@pytest.mark.parametrize("text", ["10.0.0.1 check", "10.0.0.1\nserver x", 'a"b', "x" * 300])
def test_a_label_that_is_no_address_is_refused(text: str) -> None:
    """Nothing but an address or a host name reaches a config."""
    with pytest.raises(ConfigError, match="is neither an address nor a host name"):
        address_of(Node("n1", True, labels={"osvc_ha_address": text}), {})


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.0.1.1", "::1", "::ffff:127.0.0.1", "localhost", "localhost.localdomain", "0.0.0.0", "::"]
)
def test_r14_a_loopback_address_is_refused_in_any_membership(address: str) -> None:
    """One node announced as loopback would lead every other node to itself."""
    with pytest.raises(ConfigError, match="node n2: .*set the node label osvc_ha_address"):
        refuse_loopback({"n1": "10.0.0.1", "n2": address, "n3": "10.0.0.3"})


def test_r14_a_demo_on_one_machine_has_a_loopback_address_each() -> None:
    """Where every node has its own, loopback is right; where two share one, it is not."""
    refuse_loopback({"n1": "127.0.1.1", "n2": "127.0.1.2", "n3": "127.0.1.3"})
    refuse_loopback({"n1": "10.0.0.1", "n2": "fd00::2"})
    with pytest.raises(ConfigError):
        refuse_loopback({"n1": "127.0.1.1", "n2": "127.0.1.1", "n3": "127.0.1.3"})


def cluster_of(nodes: dict[str, Node], reporting: tuple[str, ...]) -> Cluster:
    found = Object("root/svc/a", tuple(nodes), {name: Instance(name, "up") for name in reporting})
    return Cluster("c1", "test", "n1", nodes, {found.path: found})


def test_a_dead_nodes_address_is_remembered() -> None:
    """Both agents drop a dead peer's labels; a label that a living node removed stays removed."""
    names = ("n1", "n2", "n3", "n4")
    before = cluster_of({name: Node(name, True, labels={"osvc_ha_address": f"10.0.0.{name[1]}"}) for name in names}, names)
    labelled = before.nodes["n1"]
    after = cluster_of({"n1": labelled, "n2": Node("n2", False), "n3": Node("n3", True), "n4": Node("n4", True)}, ("n1", "n3"))
    kept = remembering(after, {name: node.labels for name, node in before.nodes.items()})
    assert [kept.node(name).address for name in names] == ["10.0.0.1", "10.0.0.2", None, "10.0.0.4"]
    assert not kept.node("n2").alive
    assert unlabelled(kept) == ("n3",)


@pytest.mark.parametrize(
    ("text", "is_it"), [("10.0.0.1", True), ("2001:db8::1", True), ("n1", False), ("[::1]", False), ("", False), ("10.0.0", False)]
)
def test_a_name_is_no_address(text: str, is_it: bool) -> None:
    """Only what needs no resolver counts as one."""
    assert is_address(text) is is_it
