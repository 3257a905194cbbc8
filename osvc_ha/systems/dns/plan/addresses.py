"""By which addresses a node is reached from outside. Pure.

A label is an operator's word. Without one, this machine asks its own interfaces; of another node nothing is known but what
the resolver says, if that is public at all. Records are never taken away because an address is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import List, Optional, Tuple, Union

from osvc_ha.cluster.alphabets import shown
from osvc_ha.cluster.types import Cluster
from osvc_ha.systems.dns.state.wanted import Publics

LABEL = "osvc_ha_public_address"
# Not ipaddress' is_global: that calls the ranges for documentation private, and its answers change with Python's version.
PRIVATE = tuple(
    ip_network(one)
    for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8")
    + ("fc00::/7", "fe80::/10", "::1/128")
)
# Addresses of nobody in particular: not even a lab has its servers there.
NEVER = tuple(ip_network(one) for one in ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"))
Address = Union[IPv4Address, IPv6Address]


def publics_of(cluster: Cluster, allow_private: bool) -> dict[str, Publics]:
    """Node -> what is known of it. The machine's own interfaces are asked later, where ``ask`` says so."""
    return {name: _publics(cluster, name, allow_private) for name in cluster.nodes}


def _publics(cluster: Cluster, name: str, allow_private: bool) -> Publics:
    label = (cluster.nodes[name].public_address or "").strip()
    if label:
        found, wrong = _labelled(label, allow_private)
        return Publics(found, "" if found and not wrong else f"node {name}: {LABEL}={shown(label)}: {wrong or 'holds no address'}")
    if name == cluster.local:
        return Publics(trouble=unknown(name), ask=True)
    found = publishable([cluster.resolved[name]] if name in cluster.resolved else [], allow_private)
    return Publics(found, "" if found else unknown(name))


def unknown(node: str) -> str:
    """What to do about a node of which nothing is known."""
    return f"node {node}: no public address known; run there: om node set --kw labels.{LABEL}=<address>"


def _labelled(label: str, allow_private: bool) -> Tuple[Tuple[str, ...], str]:
    """The addresses of a label, one of each family, and what is wrong with the rest."""
    words = label.replace(",", " ").split()
    odd = [word for word in words if refusal(word, allow_private)]
    found = publishable(words, allow_private)
    if odd:
        return found, refusal(odd[0], allow_private)
    if len(found) < len(words):
        return found, "holds more than one address of a family; only the first is used"
    return found, ""


def refusal(word: str, allow_private: bool) -> str:
    """Why an address is not published, "" when it may be."""
    address = _parsed(word)
    if address is None:
        return f"{shown(word)} is no IP address; give an IPv4, an IPv6, or both separated by a comma"
    if _within(address, NEVER):
        return f"{word} is an address of no host"
    if _within(address, PRIVATE) and not allow_private:
        return f"{word} is private, and clients outside cannot reach it; give a public one, or set allow_private=true"
    return ""


def publishable(words: Iterable[str], allow_private: bool) -> Tuple[str, ...]:
    """The first usable IPv4 and the first usable IPv6, in that order."""
    found: List[Address] = []
    for word in words:
        address = _parsed(word)
        if address is not None and not refusal(word, allow_private) and all(one.version != address.version for one in found):
            found.append(address)
    return tuple(str(one) for one in sorted(found, key=lambda one: one.version))


def type_of(address: str) -> str:
    """A or AAAA."""
    return "AAAA" if ":" in address else "A"


def _parsed(word: str) -> Optional[Address]:
    try:
        address = ip_address(word)
    except ValueError:
        return None
    # A scope (fe80::1%eth0) means something on this machine alone.
    if isinstance(address, IPv6Address) and "%" in word:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address


def _within(address: Address, networks: Tuple[object, ...]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]
