"""What the server, its directory and this node are (Actual), and what OpenSVC wants (Desired). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional, Tuple

from osvc_ha.planner.types import Verb
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.state.pidfile import PidFile

GIGABYTE = 1024**3


class Folder(Enum):
    """What is at the path of the data directory. UNKNOWN: it cannot be read."""

    ABSENT = "absent"
    EMPTY = "empty"
    FOREIGN = "foreign"
    CLUSTER = "cluster"
    UNKNOWN = "unknown"


class Kind(Enum):
    """How a running server answers.

    WAITING: it starts, recovers or stops, by its own words. FULL: no connection is left. DENIED: it lets us not in.
    SILENT: nothing came in time. NOBODY: there is no server.
    """

    NOBODY = "nobody"
    ANSWERS = "answers"
    WAITING = "waiting"
    FULL = "full"
    DENIED = "denied"
    SILENT = "silent"


@dataclass(frozen=True)
class Directory:
    """The data directory. mounted: so is its volume, or nobody asked. owner: uid. free, size: bytes of the file system.

    trouble: why it cannot be read; hangs: it did not answer. major: as PG_VERSION says. standby, recovery: the signal files that are there.
    patroni: Patroni has worked here.
    """

    folder: Folder = Folder.ABSENT
    mounted: bool = True
    trouble: str = ""
    hangs: bool = False
    major: str = ""
    owner: int = -1
    free: int = 0
    size: int = 0
    standby: bool = False
    recovery: bool = False
    patroni: bool = False
    pid_file: Optional[PidFile] = None


@dataclass(frozen=True)
class Machine:
    """What this node has for it. major: of its programs, "" with the trouble. uid: of the account; -1 when there is none.

    rival: who holds the port or the socket, as a sentence, or "". taken: the process that has the pid in postmaster.pid and
    is no postmaster of this directory, or "". lock: a lock file of the socket that nobody holds, whose pid is used again.
    """

    major: str = ""
    trouble: str = ""
    uid: int = -1
    rival: str = ""
    taken: str = ""
    lock: str = ""


@dataclass(frozen=True)
class Answer:
    """What the server said. words: its own, for all but ANSWERS. Counts are -1 where it does not say."""

    kind: Kind = Kind.NOBODY
    words: str = ""
    in_recovery: bool = False
    version: str = ""
    uptime: int = 0
    connections: int = -1
    most_connections: int = -1
    checksums: bool = False
    checksum_failures: int = 0
    archiving: str = ""
    age: int = 0
    wrong_settings: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Actual:
    """One reading. postmaster: the pid of the one in this directory, 0 for none. orphans: what a dead one left running.

    progress: how far a recovery is, or "".
    """

    node: str
    directory: Directory = Directory()
    machine: Machine = Machine()
    postmaster: int = 0
    orphans: Tuple[int, ...] = ()
    answer: Answer = Answer()
    progress: str = ""

    @property
    def noted(self) -> PidFile:
        """postmaster.pid, if it is the running postmaster's."""
        found = self.directory.pid_file
        return found if found is not None and found.pid == self.postmaster else PidFile()

    @property
    def serves(self) -> bool:
        """Does it take queries, and writes? Where it cannot be asked, its own word in postmaster.pid counts."""
        if self.answer.kind is Kind.ANSWERS:
            return not self.answer.in_recovery
        return self.answer.kind in (Kind.FULL, Kind.DENIED) and self.noted.phase == "ready"


@dataclass(frozen=True)
class Desired:
    """The verb, and the keywords."""

    verb: Verb
    config: Config
