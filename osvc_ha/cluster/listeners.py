"""What a service opted in to: Listener, one L4 port; Discovery, all of them and everything that was wrong.

The labels and their rules are in docs/labels.md; labels.py reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional, Tuple


class Check(Enum):
    """How HAProxy asks a server whether it may be used. ``HTTP`` comes with ``Listener.http_path``."""

    TCP = "tcp"
    REDIS = "redis"
    REDIS_REPLICA = "redis-replica"
    MONGO_PRIMARY = "mongo-primary"
    MONGO = "mongo"
    POSTGRES = "postgres"
    PATRONI = "patroni"
    HTTP = "http"


class Placement(Enum):
    """What a placement means to a load balancer, in the words of HAProxy's runtime API.

    READY: send clients there if the health check agrees. DRAIN: no new ones. MAINT: nobody.
    """

    READY = "ready"
    DRAIN = "drain"
    MAINT = "maint"


@dataclass(frozen=True)
class Listener:
    """One opted-in L4 port.

    path: the service (namespace/kind/name), or root/container/<name> for a container OpenSVC does not know.
    name: without a name in the labels, ``main``, or for those in a resource's run_args the resource's (``container-1``).
    path and name together are unique, as ``key``.
    port: where clients connect, on every node. target_port: where the service listens, on the nodes in ``nodes``.
    check_port: where the health check asks; target_port, or 8008 (its REST API) for patroni. check_tls: it asks over TLS.
    nodes: (node, Placement) in scope order, the service's preference; never empty.
    group: the Sentinel master name. auth: path of a credentials file, empty for none.
    maxconn: 0 when not given. sni: the TLS server name this listener answers to, empty for any.
    source: ``env``, a resource such as ``container#1`` (its run_args), or ``container`` (seen running here).
    Every string is of a safe alphabet: no whitespace, quotes, backslash, hash or control character.
    """

    path: str
    name: str
    port: int
    target_port: int
    check: Check
    nodes: Tuple[Tuple[str, Placement], ...]
    http_path: str = ""
    check_port: int = 0
    check_tls: bool = False
    sni: str = ""
    balance: str = ""
    maxconn: int = 0
    group: str = ""
    sentinel_port: int = 26379
    auth: str = ""
    send_proxy: bool = False
    source: str = "env"

    @property
    def key(self) -> str:
        """Unique in the cluster and stable while the labels are: ``prod/svc/redis:main``."""
        return f"{self.path}:{self.name}"

    @property
    def scope(self) -> Tuple[str, ...]:
        """The nodes that may run it, in OpenSVC's order; its Sentinels run there too."""
        return tuple(node for node, _ in self.nodes)

    def placement(self, node: str) -> Optional[Placement]:
        """The placement on one node, None when the node is not in scope."""
        return dict(self.nodes).get(node)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the labels of one service. ``message`` is a whole sentence with the way out."""

    path: str
    label: str
    message: str


@dataclass(frozen=True)
class Discovery:
    """Every usable listener, in the order of paths, services before containers; and every problem, sorted."""

    listeners: Tuple[Listener, ...]
    problems: Tuple[Problem, ...] = ()
