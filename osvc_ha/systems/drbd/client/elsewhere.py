"""Another node: the address it is reached by, and the command line that runs a command there."""

from __future__ import annotations

import shlex
from typing import Tuple

from osvc_ha.cluster.types import Cluster

# It asks for no password, and a node that is gone costs three seconds.
REMOTE = "ssh -o BatchMode=yes -o ConnectTimeout=3 {address}"


def over(remote: str, address: str, command: str) -> Tuple[str, ...]:
    """The command line that runs a shell command there. remote: words in which ``{address}`` stands for the node."""
    return (*(word.format(address=address) for word in shlex.split(remote)), command)


def whereabouts(cluster: Cluster, name: str) -> str:
    """A node's label ``osvc_ha_address``, else what was resolved for it, else its name: the remote shell may know that."""
    return cluster.nodes[name].address or cluster.resolved.get(name) or name
