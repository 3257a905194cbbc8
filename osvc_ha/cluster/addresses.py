"""By which address a node is reached: its label, then what was resolved for it. Pure; the asking is in discovery.py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import Tuple

from osvc_ha.cluster.alphabets import ADDRESS, is_of, shown
from osvc_ha.cluster.types import Cluster, Node
from osvc_ha.planner.errors import ConfigError

LABEL = "osvc_ha_address"


def address_of(node: Node, resolved: Mapping[str, str]) -> str:
    """The address other nodes reach it by: the label ``osvc_ha_address``, else ``resolved[name]``.

    ConfigError when neither is known, or when the label holds what no address can.
    """
    labelled = node.address
    if labelled:
        if not is_of(ADDRESS, labelled):
            raise ConfigError(f"node {node.name}: {LABEL}={shown(labelled)} is neither an address nor a host name")
        return labelled
    found = resolved.get(node.name)
    if found:
        return found
    raise ConfigError(f"node {node.name}: no address known; run there: om node set --kw labels.{LABEL}=<address its peers reach it by>")


def unlabelled(cluster: Cluster) -> Tuple[str, ...]:
    """The nodes whose address has to be resolved, sorted."""
    return tuple(sorted(name for name, node in cluster.nodes.items() if not node.address))


def refuse_loopback(addresses: Mapping[str, str]) -> None:
    """ConfigError when the nodes' addresses (of every node of the cluster) could not be meant for each other.

    A loopback address leads every peer to itself: a Sentinel told 127.0.0.1 monitors the wrong server. Only where
    every node has its own, a demo or a test on one machine, is it right. 0.0.0.0 and :: are addresses of nobody.
    """
    for name, address in sorted(addresses.items()):
        if address in ("0.0.0.0", "::"):
            raise ConfigError(f"node {name}: {address} is an address to listen on, not one to reach; set the node label {LABEL}")
    loopback = sorted(name for name, address in addresses.items() if is_loopback(address))
    if not loopback:
        return
    if len(loopback) == len(addresses) == len(set(addresses.values())):
        return
    name = loopback[0]
    raise ConfigError(
        f"node {name}: {addresses[name]} is a loopback address, which leads every other node to itself; set the node label {LABEL}"
    )


def is_address(text: str) -> bool:
    """Is it an IPv4 or IPv6 address, and no name?"""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """127.0.0.0/8, ::1, also mapped into IPv6, and the names that stand for them."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address.lower().rstrip(".").partition(".")[0] in ("localhost", "localhost6", "ip6-localhost")
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_loopback


def remembering(cluster: Cluster, before: Mapping[str, Mapping[str, str]]) -> Cluster:
    """The cluster with the labels that silent nodes had before (node -> labels), and so their addresses.

    Both agents drop a dead peer's labels with its status. Without its address, a config that lists every node
    could no longer be rendered, and would change at each failure.
    """
    reporting = {node for found in cluster.objects.values() for node in found.instances}
    nodes = {}
    for name, node in cluster.nodes.items():
        told = before.get(name)
        silent = not node.labels and not (node.alive and name in reporting)
        nodes[name] = replace(node, labels=told) if silent and told is not None else node
    return replace(cluster, nodes=nodes)
