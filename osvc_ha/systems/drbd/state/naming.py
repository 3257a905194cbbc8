"""Who a peer is, in the cluster's words. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from . import STANDALONE, Configured, Peer, Resource

# What drbdsetup of 8.4 calls the only peer it knows; "" while StandAlone.
NAMELESS = ("peer", "")


def with_names(resource: Resource, configured: Optional[Configured], local: str) -> Resource:
    """The resource, its peers named by their ``on`` sections, and with a peer for each other host, connected or not.

    `drbdadm disconnect` of DRBD 9 removes a connection, and a resource that was never connected has none: as StandAlone counts
    both. Nobody is to be promoted because a peer was not mentioned.
    """
    others = [one.host for one in configured.hosts if one.host != local] if configured else []
    peers = [replace(one, name=others[0]) if one.name in NAMELESS and len(others) == 1 else one for one in resource.peers]
    missing = [Peer(host, STANDALONE) for host in others if host not in {peer.name for peer in peers}]
    return replace(resource, peers=tuple(sorted([*peers, *missing], key=lambda peer: peer.name)))
