"""What a group looks like (Actual) and what it should look like (Desired). Pure; replies.py makes one from Redis' answers.

Servers and Sentinels are named by the node they run on; an address that belongs to no node of the
scope stays as ``host:port``, so that a colon always means "not ours".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Tuple

from osvc_ha.authority import Claim, View, Vote
from osvc_ha.planner.types import Verb
from osvc_ha.systems.redis.config import Config


class Health(Enum):
    """How a process answers. Only ABSENT (connection refused) means that there is none; SILENT means we cannot tell."""

    ABSENT = "absent"
    ANSWERS = "answers"
    LOADING = "loading"
    BUSY = "busy"
    DENIED = "denied"
    SILENT = "silent"


@dataclass(frozen=True)
class Server:
    """One redis-server, by its own words. ``master``: whom it follows. ``offset`` in bytes, ``uptime`` in seconds.

    ``good``: connected replicas within max-lag. ``handover``: somebody alive is handing this master over.
    ``file``: the configuration it was started with.
    """

    node: str
    health: Health
    trouble: str = ""
    role: str = ""
    master: str = ""
    link_up: bool = False
    offset: int = 0
    keys: int = 0
    priority: int = 100
    min_replicas: int = 0
    max_lag: int = 10
    announce: str = ""
    good: int = 0
    handover: bool = False
    uptime: int = 0
    pid: int = 0
    file: str = ""

    @property
    def answers(self) -> bool:
        """It can be talked to and has its data in memory."""
        return self.health is Health.ANSWERS


@dataclass(frozen=True)
class Seen:
    """A replica or another Sentinel as one Sentinel sees it. ``down_for``: milliseconds of s_down, 0 when it is up."""

    where: str
    flags: frozenset[str] = frozenset()
    link_up: bool = True
    priority: int = 100
    down_for: int = 0

    @property
    def well(self) -> bool:
        """Reachable for that Sentinel."""
        return not self.flags & {"s_down", "o_down", "disconnected"}


@dataclass(frozen=True)
class Sentinel:
    """One Sentinel, by its own words. ``monitors`` is false when it does not know the group. Times in milliseconds.

    ``settled_for``: since it last saw the role change or was reset. ``deposing``: it leads a failover away from
    the master it still names. ``unusable``: why CKQUORUM says no, or empty. ``file``: as a server's. ``tilt``: it
    watches but acts on nothing, for 30 s after its clock jumped or it stood still for 2 s (Sentinel's docs, TILT mode).
    """

    node: str
    health: Health
    trouble: str = ""
    monitors: bool = False
    master: str = ""
    epoch: int = -1
    quorum: int = 0
    down_after: int = 0
    failover_timeout: int = 0
    flags: frozenset[str] = frozenset()
    deposing: bool = False
    settled_for: int = 0
    unusable: str = ""
    replicas: Tuple[Seen, ...] = ()
    sentinels: Tuple[Seen, ...] = ()
    pid: int = 0
    file: str = ""
    tilt: bool = False

    @property
    def failing_over(self) -> bool:
        """It leads a failover now."""
        return "failover_in_progress" in self.flags

    @property
    def speaks(self) -> bool:
        """It answers and knows the group."""
        return self.health is Health.ANSWERS and self.monitors


@dataclass(frozen=True)
class Disk:
    """What this node's directory holds: configurations, a Sentinel's memory of whom it monitors, and any data at all."""

    server_config: bool = False
    sentinel_config: bool = False
    remembers: bool = False
    has_data: bool = False


@dataclass(frozen=True)
class Door:
    """One local HAProxy runtime socket, and the backends of this group behind it."""

    socket: str
    backends: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Actual:
    """One reading of the whole group, taken on ``local``. One Server and one Sentinel for each node of the scope."""

    local: str
    servers: Mapping[str, Server]
    sentinels: Mapping[str, Sentinel]
    disk: Disk = Disk()
    doors: Tuple[Door, ...] = ()

    @property
    def here(self) -> Server:
        """The server of this node."""
        return self.servers[self.local]

    @property
    def watcher(self) -> Sentinel:
        """The Sentinel of this node."""
        return self.sentinels[self.local]

    def masters(self) -> Tuple[str, ...]:
        """Nodes whose server says it is a master, sorted."""
        return tuple(sorted(node for node, server in self.servers.items() if server.answers and server.role == "master"))

    def view(self) -> View:
        """The part of it that says who is entitled to write."""
        votes = (Vote(s.node, s.master, s.epoch, s.health is Health.ANSWERS, s.deposing) for s in self.sentinels.values())
        claims = (Claim(s.node, s.role if s.answers else "", s.master) for s in self.servers.values())
        return View(tuple(votes), tuple(claims))


@dataclass(frozen=True)
class Desired:
    """What OpenSVC wants, in this group's words. Node names in scope order.

    members: instances that run or are being started. staying: other members that OpenSVC is not stopping.
    addresses: node -> host. first: this node is the first of the members. majority: the cluster's, as seen here.
    """

    verb: Verb
    config: Config
    local: str
    scope: Tuple[str, ...]
    members: Tuple[str, ...]
    staying: Tuple[str, ...]
    addresses: Mapping[str, str]
    first: bool
    majority: bool

    @property
    def min_replicas(self) -> int:
        """min-replicas-to-write: with two nodes, 1 would stop all writes whenever the replica restarts."""
        if self.config.min_replicas is not None:
            return self.config.min_replicas
        return 1 if len(self.scope) >= 3 else 0

    @property
    def most_quorum(self) -> int:
        """The configured quorum, or a majority of all Sentinels there may ever be."""
        return self.config.quorum or len(self.scope) // 2 + 1

    def priority(self, node: str) -> int:
        """replica-priority: OpenSVC's preference. Never 0, which would mean "never promote"."""
        return 10 * (self.scope.index(node) + 1)

    def server_at(self, node: str) -> str:
        """host:port of a node's redis-server."""
        return f"{self.addresses[node]}:{self.config.port}"

    def sentinel_at(self, node: str) -> str:
        """host:port of a node's Sentinel."""
        return f"{self.addresses[node]}:{self.config.sentinel_port}"
