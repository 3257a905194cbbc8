"""The .res that osvc_ha writes: what the agents' own driver leaves out, and nothing that discards silently. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import List, Tuple

from osvc_ha.cluster.addresses import is_address
from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.drbd.config import Config

MARK = "# Written by osvc_ha for"
# drbd 9's own limit is 32 nodes in a mesh; beyond 16, DRBD_PEERS_MAX of its metadata is a choice we do not make.
MOST_NODES = 16


def is_ours(text: str, path: str) -> bool:
    """Did we write this file, for this service?"""
    return text.startswith(f"{MARK} {path};")


def render(config: Config, nodes: Tuple[str, ...], addresses: Mapping[str, str], nine: bool) -> str:
    """The whole file. nodes: who holds the data, in scope order. ConfigError when these nodes cannot be one resource."""
    who = f"service {config.path}"
    if len(nodes) < 2 or (not nine and len(nodes) > 2) or len(nodes) > MOST_NODES:
        wants = f"two to {MOST_NODES} nodes" if nine else "two nodes, and DRBD 8.4 no more than two"
        raise ConfigError(f"{who}: a resource has {wants}, not {len(nodes)} ({' '.join(nodes)}); say which by nodes=")
    lines = [f"{MARK} {config.path}; edits are overwritten.", f"resource {config.res} {{"]
    lines += _options(nine, config.fencing) + _net(config) + _handlers(config, nine)
    lines += [f"    device {config.device};", f"    meta-disk {config.meta_disk};"]
    if not nine and config.fencing:
        lines += _section("disk", ["fencing resource-and-stonith"])
    for number, node in enumerate(nodes):
        disk = config.disk_of(node)
        if not disk:
            raise ConfigError(f"{who}: no disk for {node}; set disk, or add {node}=/dev/... to disks")
        if disk == "none" and not nine:
            raise ConfigError(f"{who}: disks={node}=none; a node without a disk that breaks ties is DRBD 9's, and this is 8.4")
        address = _address(who, node, addresses.get(node, ""))
        own = [f"node-id {number}"] if nine else []
        lines += _section(f"on {node}", [*own, f"disk {disk}", f"address {address}:{config.port}"])
    if nine:
        lines += _section("connection-mesh", [f"hosts {' '.join(nodes)}"])
    return "\n".join([*lines, "}", ""])


def _address(who: str, node: str, address: str) -> str:
    """drbd.conf(5) takes addresses, not names."""
    if not is_address(address):
        raise ConfigError(f"{who}: the address of {node} is {address!r}, not an IP address; label the node osvc_ha_address")
    return f"ipv6 [{address}]" if ":" in address else f"ipv4 {address}"


def _section(name: str, statements: List[str]) -> List[str]:
    return [f"    {name} {{", *(f"        {statement};" for statement in statements), "    }"] if statements else []


def _options(nine: bool, protected: bool) -> List[str]:
    if not nine:
        return []
    # Not both: quorum decides by DRBD's own links, fencing by the cluster's (User's Guide 9, "Configuring quorum"). io-error, so
    # that the file system fails and the resource can be demoted; two different answers to no quorum and no data help nobody.
    quorum = ["quorum majority", "on-no-quorum io-error", "on-no-data-accessible io-error"] if protected else []
    return _section("options", ["auto-promote no", *quorum])


def _net(config: Config) -> List[str]:
    # 0pri: the side that wrote nothing may be brought up to date, which discards nothing. Everything else is for a person.
    resolve = ["after-sb-0pri discard-zero-changes", "after-sb-1pri disconnect", "after-sb-2pri disconnect", "rr-conflict disconnect"]
    return _section("net", ["protocol C", "allow-two-primaries no", *resolve, f"verify-alg {config.verify_alg}"])


def _handlers(config: Config, nine: bool) -> List[str]:
    names = ["split-brain", "before-resync-target", "after-resync-target"]
    if config.fencing and not nine:
        names.insert(0, "fence-peer")
    return _section("handlers", [f'{name} "{config.hooks}/drbd-{name}"' for name in names])
