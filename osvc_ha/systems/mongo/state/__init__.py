"""What a replica set looks like (Actual) and what it should look like (Desired). Pure; replies.py makes one from mongod's answers.

Members are named by the node they run on; a member of the set that runs on no node of the cluster keeps its
``host:port``, so that a colon always means "not ours".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Optional, Tuple

from osvc_ha.cluster.seedlist import Seedlist
from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo.config import Config

from .setconfig import Member, SetConfig

__all__ = ["Actual", "Desired", "Disk", "Health", "Member", "MemberView", "Peer", "SetConfig"]

WELL = frozenset({"PRIMARY", "SECONDARY"})
"""States in which a member has the data and serves it."""


class Health(Enum):
    """How a mongod answers. ABSENT (connection refused): nobody listens, and so it is no part of the set now; on this node,
    ``Disk.process`` tells whether one runs all the same. SILENT: we cannot tell.

    DENIED: it says hello, and refuses our login or what we ask.
    """

    ABSENT = "absent"
    ANSWERS = "answers"
    DENIED = "denied"
    SILENT = "silent"


@dataclass(frozen=True)
class Peer:
    """A member as another one sees it (replSetGetStatus). ``trouble``: its last heartbeat's words.

    ``silent_for``: seconds, 0 when it is healthy; of one that was never ``heard``, since it could have been, as far as can be told.
    ``installed``: (term, version) of the configuration it is known to have.
    """

    where: str
    state: str = ""
    healthy: bool = True
    trouble: str = ""
    silent_for: float = 0.0
    optime: float = 0.0
    installed: Tuple[int, int] = (-1, -1)
    heard: bool = True


@dataclass(frozen=True)
class MemberView:
    """One mongod of a node of the scope, by its own words. Times in seconds since the epoch, 0 where it did not say.

    initiated: has a replica set configuration; None when it did not say. set_name: of that.
    has_data: holds databases beyond admin, config and local; None when that cannot be told. databases: their names, for a sentence.
    me: the name by which the set knows it. primary: host:port of whom it takes for the primary.
    state: PRIMARY, SECONDARY, STARTUP2, RECOVERING, REMOVED ..., "" when it did not say.
    optime: its last operation. oldest: the first of its oplog. clock: its own time when it answered, asked at ``Actual.now``.
    config: as it has it. committed: known by the primary to be on a majority (commitmentStatus). too_stale: it says so itself.
    default_write_concern: "implicit", "global" or "" (before 5.0, or did not say): defaultWriteConcernSource of a primary.
    journal_default: writeConcernMajorityJournalDefault of its configuration. in_memory: its storage engine keeps nothing on disk.
    no_users: it has none yet, so the localhost exception is open; only ever told of the mongod of ``Actual.local``.
    """

    node: str
    health: Health
    trouble: str = ""
    initiated: Optional[bool] = None
    set_name: str = ""
    has_data: Optional[bool] = None
    databases: Tuple[str, ...] = ()
    me: str = ""
    primary: str = ""
    state: str = ""
    optime: float = 0.0
    oldest: float = 0.0
    clock: float = 0.0
    term: int = -1
    config: Optional[SetConfig] = None
    committed: bool = False
    too_stale: bool = False
    peers: Tuple[Peer, ...] = ()
    default_write_concern: str = ""
    journal_default: bool = True
    in_memory: bool = False
    no_users: bool = False
    version: str = ""
    pid: int = 0

    @property
    def answers(self) -> bool:
        """It can be talked to, and lets us in."""
        return self.health is Health.ANSWERS

    @property
    def serves(self) -> bool:
        """It has the data: primary or secondary."""
        return self.answers and self.state in WELL


@dataclass(frozen=True)
class Disk:
    """What this node's directory holds. has_data: any data files, so that a mongod ran there before.

    config: mongod.conf is there, and is what ``render_mongod`` makes of the keywords now.
    told: the members as this node told them last, None when it did not: see ``osvc_ha.cluster.seedlist``.
    log: bytes of mongod.log, None when there is none: it was renamed, and mongod has not opened a new one yet.
    secret_trouble: why the keyfile, the password file or the certificate's key must not be used (absent, open to others), or "".
    process: a mongod works in it although nobody listens: it reads its journal still, or is about to end.
    """

    config: bool = False
    has_data: bool = False
    secret_trouble: str = ""
    told: Optional[Seedlist] = None
    log: Optional[int] = 0
    process: bool = False


@dataclass(frozen=True)
class Actual:
    """One reading of the whole set, taken on ``local`` at ``now`` (seconds since the epoch). One view for each node of the scope.

    unreached: host -> words, for those members' names that this node cannot resolve, or that lead it to another mongod than it
    should (its own name to another than its own).
    """

    local: str
    now: float
    views: Mapping[str, MemberView]
    disk: Disk = Disk()
    unreached: Mapping[str, str] = field(default_factory=dict)

    @property
    def here(self) -> MemberView:
        """The mongod of this node."""
        return self.views[self.local]

    @property
    def runs(self) -> bool:
        """Is there a mongod on this node, whether or not it listens?"""
        return self.here.health is not Health.ABSENT or self.disk.process


@dataclass(frozen=True)
class Desired:
    """What OpenSVC wants, in this set's words. Node names in scope order.

    members: instances that run or are being started. staying: other members that OpenSVC is not stopping.
    hosts: node -> the name its member has, of every node of the scope.
    first: this node is the first of the placed. majority: the cluster's, as seen here.
    misnamed: why ``hosts`` cannot be members' names, or "".
    waiting: nodes whose instance OpenSVC has never provisioned, and will once this one is (agent 2.1's "wait leader").
    """

    verb: Verb
    config: Config
    local: str
    scope: Tuple[str, ...]
    members: Tuple[str, ...]
    staying: Tuple[str, ...]
    hosts: Mapping[str, str]
    first: bool
    majority: bool
    waiting: Tuple[str, ...] = ()
    misnamed: str = ""

    def member_at(self, node: str) -> str:
        """host:port of a node's member."""
        return at_port(self.hosts[node], self.config.port)

    def priority(self, node: str) -> int:
        """OpenSVC's preference, highest first. Appending a node to the scope changes nobody's; never 0, which means "never primary"."""
        return max(1, HIGHEST - self.scope.index(node)) if node in self.scope else 1


HIGHEST = 100


def at_port(host: str, port: int) -> str:
    """host:port, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
