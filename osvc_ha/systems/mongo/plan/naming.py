"""By which name a member is in the set. Pure.

Names, not addresses: the manual asks for them from 5.0 on, and a certificate, a horizon and an SRV record all need one.
Members and clients use the same one, for drivers go where the set's configuration says.
"""

from __future__ import annotations

from typing import Dict, Tuple

from osvc_ha.cluster.addresses import address_of, is_address, refuse_loopback
from osvc_ha.cluster.types import Cluster, Node
from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.mongo.config import Config


def known_hosts(config: Config, cluster: Cluster, scope: Tuple[str, ...]) -> Tuple[Dict[str, str], str]:
    """node -> name, and why those are no names for members, or "": what ends, or was never begun, needs none."""
    try:
        return member_hosts(config, cluster, scope), ""
    except ConfigError as error:
        return {node: cluster.node(node).address or node for node in scope}, str(error)


def member_hosts(config: Config, cluster: Cluster, scope: Tuple[str, ...]) -> Dict[str, str]:
    """node -> name. ConfigError for one that has only an address, or one that leads the others to themselves."""
    found = {node: _host(config, cluster.node(node), cluster) for node in scope}
    labelled = {name: node.address for name, node in cluster.nodes.items() if node.address} if not config.domain else {}
    refuse_loopback({**labelled, **found})
    owners: Dict[str, str] = {}
    for node, host in found.items():
        other = owners.setdefault(host.lower(), node)
        if other != node:
            raise ConfigError(
                f"service {config.path}: {other} and {node} would both be {host}; give each a label osvc_ha_address of its own"
            )
    return found


def _host(config: Config, node: Node, cluster: Cluster) -> str:
    if config.domain:
        return node.name if node.name.lower().endswith(f".{config.domain.lower()}") else f"{node.name}.{config.domain}"
    if not node.address and not config.allow_addresses:
        # What resolves it is the name itself.
        address_of(node, cluster.resolved)
        return node.name
    address = address_of(node, cluster.resolved)
    if is_address(address) and not config.allow_addresses:
        raise ConfigError(
            f"service {config.path}: {node.name} is known by the address {address}, and members are named by names: "
            "set domain, or a name in the node label osvc_ha_address, or allow_addresses=true"
        )
    return address
