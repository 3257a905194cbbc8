"""What the doctor knows before it judges. Pure values; None or "" means *cannot tell*, never *no*.

Times in seconds, moments in seconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import FrozenSet, Optional, Tuple

# How far a clock may be ahead of ours: at least, at most.
Bounds = Tuple[float, float]


class Verdict(Enum):
    """What a check came to. UNKNOWN: it cannot be told here, which is no fault."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """found: one sentence. fix: the command that mends it, empty when there is nothing to mend."""

    verdict: Verdict
    found: str
    fix: str = ""


@dataclass(frozen=True)
class Heartbeat:
    """One ``hb#`` section. timeout: silence after which a peer is gone. interval: between two beats."""

    timeout: float = 15.0
    interval: float = 5.0


@dataclass(frozen=True)
class NodeFacts:
    """One node that the local agent hears. label: the osvc_ha version it is labelled with. ready, split: its own settings, if told."""

    version: str = ""
    label: str = ""
    frozen: bool = False
    ready: Optional[float] = None
    split: str = ""
    clock: Optional[Bounds] = None


@dataclass(frozen=True)
class AgentFacts:
    """What the agent says. kind: 2.1 or 3. members: every node of the cluster; nodes: those that report.

    heartbeats, ports: by section or thread. arbitrators: name -> seconds a vote may take. stonith: nodes with a fencing command.
    fenced: services with stonith = true. systems: ours that services here use. secret_files: what services name as password or key.
    native: service -> its resources that a driver of ours in 2.1's own Python makes -> its type. resources: of 2.1, node -> service
    -> the resources that its instance there has, of the instances that were looked at since they have the config that this node has.
    """

    kind: str
    local: str
    members: Tuple[str, ...]
    nodes: Mapping[str, NodeFacts]
    quorum: bool = False
    heartbeats: Mapping[str, Heartbeat] = field(default_factory=dict)
    arbitrators: Mapping[str, float] = field(default_factory=dict)
    stonith: Tuple[str, ...] = ()
    fenced: Tuple[str, ...] = ()
    hook: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    listeners: Mapping[str, int] = field(default_factory=dict)
    systems: Tuple[str, ...] = ()
    secret_files: Tuple[str, ...] = ()
    native: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    resources: Mapping[str, Mapping[str, FrozenSet[str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Socket:
    """A listening TCP socket here: ``*`` for every address; program: the name of the process, empty when it cannot be told."""

    address: str
    port: int
    program: str


@dataclass(frozen=True)
class Program:
    """name: as a keyword names it. said: what it says of its version, "" when it is missing. launched: a resource here runs it itself."""

    name: str
    said: str
    launched: bool = False


@dataclass(frozen=True)
class Kept:
    """A file that holds, or names, secrets. mode: permission bits. open: may others use it, as the drivers judge it (secret.py)?"""

    path: str
    mode: int
    open: bool
    secret: bool = True


@dataclass(frozen=True)
class Watcher:
    """What a follower last wrote of itself (seen.py). looked_at: 0 before its first look. trouble: what it cannot put right."""

    path: str
    pid: int
    alive: bool
    looked_at: float
    trouble: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Everything the checks look at.

    silence: why ``agent`` is None. drivers: driver -> import error, None when the agent's Python cannot be asked or there is
    none. to_install: what `osvc-ha install` would do. sockets: None when they cannot be read. files: the hard limit of the
    agent's daemon, which its children inherit. programs: by role (haproxy, redis-server, redis-sentinel), those that have it here.
    untold: system -> why the keywords of a resource of it cannot be told. sysctls: by path. absent: system -> the packages it needs
    that this program's Python has not.
    """

    agent: Optional[AgentFacts] = None
    silence: str = ""
    version: str = ""
    now: float = 0.0
    drivers: Optional[Mapping[str, str]] = None
    old_daemon: str = ""
    to_install: Tuple[str, ...] = ()
    sockets: Optional[Tuple[Socket, ...]] = None
    bind: Tuple[str, ...] = ("*",)
    files: Optional[int] = None
    programs: Mapping[str, Tuple[Program, ...]] = field(default_factory=dict)
    untold: Mapping[str, str] = field(default_factory=dict)
    kept: Tuple[Kept, ...] = ()
    watchers: Tuple[Watcher, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)
    absent: Mapping[str, Tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Check:
    """One line of the table."""

    name: str
    judge: Callable[[Facts], Finding]


def ok(found: str) -> Finding:
    """Nothing to mend."""
    return Finding(Verdict.OK, found)


def warn(found: str, fix: str) -> Finding:
    """Works today; a failover may not."""
    return Finding(Verdict.WARN, found, fix)


def fail(found: str, fix: str) -> Finding:
    """Does not work, or will cost data."""
    return Finding(Verdict.FAIL, found, fix)


def unknown(found: str, fix: str = "") -> Finding:
    """Cannot be told from here."""
    return Finding(Verdict.UNKNOWN, found, fix)
