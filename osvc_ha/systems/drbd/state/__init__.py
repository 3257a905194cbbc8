"""What DRBD and its configuration look like on this node (Actual), and what they should be (Desired). Pure.

States keep DRBD's own words, in the spelling of ``drbdsetup events2``, which 8.4 and 9 share: ``Connecting`` is what
/proc/drbd and ``drbdadm cstate`` of 8.4 call WFConnection.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Optional, Tuple

from osvc_ha.planner.types import Verb
from osvc_ha.systems.drbd.config import Config

PRIMARY = "Primary"
UP_TO_DATE = "UpToDate"
CONNECTED = "Connected"
STANDALONE = "StandAlone"
# "Consistent" is data that was good when the peer was last heard; whether the peer went on since is not known.
DISKS = ("Diskless", "Attaching", "Detaching", "Failed", "Negotiating", "Inconsistent", "Outdated", "DUnknown", "Consistent", UP_TO_DATE)
ROLES = ("Unknown", PRIMARY, "Secondary")
CONNECTIONS = (
    *(STANDALONE, "Disconnecting", "Unconnected", "Timeout", "BrokenPipe", "NetworkFailure", "ProtocolError", "TearDown"),
    *("Connecting", "WFReportParams", CONNECTED),
)
RECEIVING = frozenset({"StartingSyncT", "WFBitMapT", "WFSyncUUID", "SyncTarget", "PausedSyncT"})
SENDING = frozenset({"StartingSyncS", "WFBitMapS", "SyncSource", "PausedSyncS"})
VERIFYING = frozenset({"VerifyS", "VerifyT"})
REPLICATIONS = ("Off", "Established", *sorted(RECEIVING), *sorted(SENDING), *sorted(VERIFYING), "Ahead", "Behind")
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Holder:
    """A process, a mount or a device on top that keeps a DRBD device open. ``what``: one phrase that names it."""

    what: str
    pid: int = 0


@dataclass(frozen=True)
class Volume:
    """One volume of a resource on this node. ``size`` in KiB, 0 when not told. ``quorum``, ``open``: None when not told (8.4)."""

    number: int
    minor: int
    disk: str
    size: int = 0
    quorum: Optional[bool] = None
    open: Optional[bool] = None
    holders: Tuple[Holder, ...] = ()


@dataclass(frozen=True)
class PeerVolume:
    """One volume as it stands towards one peer. ``done`` in percent of a running resync or verify, ``left`` in seconds.

    Both None when none runs, or it is not told. ``out_of_sync`` in KiB.
    """

    number: int
    disk: str = "DUnknown"
    replication: str = "Off"
    done: Optional[float] = None
    left: Optional[int] = None
    out_of_sync: int = 0


@dataclass(frozen=True)
class Peer:
    """One connection. ``name`` is DRBD's for the peer: its host name, or on 8.4 its address when no host name is configured."""

    name: str
    connection: str
    role: str = "Unknown"
    volumes: Tuple[PeerVolume, ...] = ()
    address: str = ""

    @property
    def connected(self) -> bool:
        """It answers, so its role and disks are known."""
        return self.connection == CONNECTED


@dataclass(frozen=True)
class Resource:
    """A resource in the kernel. ``suspended``: why I/O is frozen, in DRBD's words ("fencing", "no-data"), or ""."""

    name: str
    role: str
    volumes: Tuple[Volume, ...] = ()
    peers: Tuple[Peer, ...] = ()
    suspended: str = ""

    @property
    def primary(self) -> bool:
        """This node may write."""
        return self.role == PRIMARY


@dataclass(frozen=True)
class OnHost:
    """One ``on`` section: an address with its port, and the node id of DRBD 9 ("" on 8.4). The tuples go by volume; numbers: theirs."""

    host: str
    address: str = ""
    devices: Tuple[str, ...] = ()
    minors: Tuple[int, ...] = ()
    disks: Tuple[str, ...] = ()
    node_id: str = ""
    numbers: Tuple[int, ...] = ()


@dataclass(frozen=True)
class Configured:
    """A resource as ``drbdadm dump`` tells it: global and common sections merged in. Options by section: ``net``, ``disk``, ...

    remotes: how many peers the kernel was told of; ``drbdadm dump`` has them among the hosts.
    """

    name: str
    hosts: Tuple[OnHost, ...] = ()
    net: Mapping[str, str] = field(default_factory=lambda: _NONE)
    disk: Mapping[str, str] = field(default_factory=lambda: _NONE)
    options: Mapping[str, str] = field(default_factory=lambda: _NONE)
    handlers: Mapping[str, str] = field(default_factory=lambda: _NONE)
    remotes: int = 0

    @property
    def fencing(self) -> str:
        """``fencing`` moved from disk to net in DRBD 9; utilities of 9 take both."""
        return self.net.get("fencing") or self.disk.get("fencing", "dont-care")

    @property
    def quorum(self) -> str:
        """Only DRBD 9 has one."""
        return self.options.get("quorum", "off")

    @property
    def two_primaries(self) -> bool:
        """May both sides write at once?"""
        return self.net.get("allow-two-primaries", "no") in ("yes", "")


@dataclass(frozen=True)
class Versions:
    """Of the kernel's module, such as ``(8, 4, 11)``; () when this node has none. ``loaded``: it runs."""

    kernel: Tuple[int, ...] = ()
    loaded: bool = True

    @property
    def nine(self) -> bool:
        """DRBD 9: many peers, quorum of its own, JSON."""
        return self.kernel[:1] >= (9,)


@dataclass(frozen=True)
class Metadata:
    """What is on the backing disk of one volume. ``text``: its generation identifiers, or the words of drbdmeta for trouble.

    kind: "ours" (valid), "just-created" (valid, and no data was ever written through it), "none", "unreadable", "unknown".
    Whose it is does not stand in it: metadata of another resource shows when the peers connect (dropped).
    """

    volume: int
    kind: str = "unknown"
    text: str = ""


@dataclass(frozen=True)
class Split:
    """The mark that both sides were written while apart, or may have been: it stays until they have the same data, or a person has chosen.

    known: it was a split brain; otherwise a connection was StandAlone, nobody knows why, and the two have not met since. peer: "" for all.
    """

    at: str = ""
    known: bool = True
    peer: str = ""


@dataclass(frozen=True)
class Actual:
    """One reading, on ``local``. ``resource`` None: not in the kernel. ``configured`` None: no such resource in the files.

    file: the text of the .res, None when there is none; config_trouble: why drbdadm refuses the files, or "". running: what the
    kernel was told, which an edited file does not change. dropped: why a connection was dropped, as the kernel's log has it, or "".
    resyncing: volumes with the mark that before-resync-target left. fenced: nodes that were fenced off and have not been resynced;
    outdone: those of them that were fenced off from the very data that is here, by a majority, so that this copy is the one that counts.
    doubts: what could not be told, a sentence each: nobody is promoted with one, and a demotion asks for none of it.
    """

    local: str
    versions: Versions = Versions()
    file: Optional[str] = None
    configured: Optional[Configured] = None
    config_trouble: str = ""
    running: Optional[Configured] = None
    resource: Optional[Resource] = None
    dropped: str = ""
    metadata: Tuple[Metadata, ...] = ()
    resyncing: Tuple[int, ...] = ()
    split: Optional[Split] = None
    fenced: Tuple[str, ...] = ()
    outdone: Tuple[str, ...] = ()
    doubts: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Desired:
    """What OpenSVC wants. ``alive``: nodes whose heartbeat is heard; ``majority``: of the cluster, as seen here.

    nodes: who holds the data, in scope order; addresses: node -> address, only for a rendered .res. passive: START means up and
    connected, as Secondary. cluster: all of its nodes. unused: other nodes of the resource that are alive, and of which OpenSVC says
    that nothing of the service was provisioned there yet.
    """

    verb: Verb
    config: Config
    local: str
    nodes: Tuple[str, ...]
    alive: Tuple[str, ...]
    majority: bool
    cluster: Tuple[str, ...]
    addresses: Mapping[str, str] = field(default_factory=lambda: _NONE)
    passive: bool = False
    unused: Tuple[str, ...] = ()
