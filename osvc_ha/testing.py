"""For tests, this project's and yours: ``FakeHost``, a machine in memory, and ``load_cases``, plans as JSON files.

    host = FakeHost(files={"/etc/x.conf": "a"}, sockets={"/run/x.sock": lambda text: "pong"})
    done = reconcile(SYSTEM, config, cluster, Verb.START, host)
    assert host.files["/etc/x.conf"] == "b"

A FakeHost is for what a system decides and in which order it does it. Whether the real program understands it,
only the real program can tell.
"""

from __future__ import annotations

import contextlib
import json
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Tuple, Union

from osvc_ha.host import RUN_SECONDS, SOCKET_SECONDS, Completed, Host
from osvc_ha.planner.errors import ApplyError, ObserveError

Program = Callable[[Sequence[str], str], Completed]
Server = Callable[[str], str]


class FakeHost(Host):
    """A machine in memory, with a clock that moves only by sleeping.

    files: path -> text. programs: argv[0] -> what it does, given argv and its input; a Completed for one that always does
    the same. sockets: address -> what it answers to a text. ports: (address, port) that somebody listens on.
    ran, sent, killed: what was asked of it, in order. pids: the processes that live. broken: paths that cannot be
    read nor written.
    """

    def __init__(
        self,
        files: Optional[Mapping[str, str]] = None,
        programs: Optional[Mapping[str, Union[Program, Completed]]] = None,
        sockets: Optional[Mapping[str, Server]] = None,
        ports: Sequence[Tuple[str, int]] = (),
    ) -> None:
        self.files = dict(files or {})
        self.programs = dict(programs or {})
        self.sockets = dict(sockets or {})
        self.ports = set(ports)
        self.broken: set[str] = set()
        self.modes: dict[str, int] = {}
        self.ran: list[Tuple[str, ...]] = []
        self.sent: list[Tuple[str, str]] = []
        self.killed: list[Tuple[int, int]] = []
        self.pids: set[int] = set()
        self.locked: set[str] = set()
        self.clock = 1_000_000.0
        self.files_at_most = 1_000_000
        self._next_pid = 1000

    def run(self, argv: Sequence[str], seconds: float = RUN_SECONDS, text: str = "", env: Optional[Mapping[str, str]] = None) -> Completed:
        """What ``programs`` says; ApplyError for a program that is not there."""
        self.ran.append(tuple(argv))
        program = self.programs.get(argv[0])
        if program is None:
            raise ApplyError(f"{argv[0]}: not found; install it or name its path by keyword")
        return program if isinstance(program, Completed) else program(argv, text)

    def launch(self, argv: Sequence[str], log: Path, env: Optional[Mapping[str, str]] = None) -> int:
        """Run it, and let its pid live until it is killed."""
        self.run(argv)
        self._next_pid += 1
        self.pids.add(self._next_pid)
        return self._next_pid

    def read(self, path: Path, lossy: bool = False) -> Optional[str]:
        """The text, None when there is none."""
        if str(path) in self.broken:
            raise ObserveError(f"{path}: cannot be read: it is broken")
        return self.files.get(str(path))

    def replace(self, path: Path, text: str, mode: int = 0o640, folder: int = 0o755) -> None:
        """Write it."""
        if str(path) in self.broken:
            raise ApplyError(f"{path}: cannot be written: it is broken; the old file is untouched")
        self.files[str(path)], self.modes[str(path)] = text, mode

    def names(self, path: Path) -> Tuple[str, ...]:
        """The first parts of the paths below."""
        below = (Path(file).parts for file in self.files if Path(file).is_relative_to(path))
        return tuple(sorted({parts[len(path.parts)] for parts in below if len(parts) > len(path.parts)}))

    def mode(self, path: Path) -> int:
        """A regular file for its owner alone, unless ``modes`` says otherwise; ObserveError when it is not there."""
        if str(path) not in self.files:
            raise ObserveError(f"{path}: No such file or directory")
        return stat.S_IFREG | self.modes.get(str(path), 0o600)

    def make_directory(self, path: Path, mode: int) -> None:
        """Nothing: a directory is there as soon as a file is in it."""

    def remove_directory(self, path: Path) -> None:
        """Nothing: an empty one is not there."""

    def remove(self, path: Path) -> None:
        """Remove it if it is there."""
        self.files.pop(str(path), None)

    def remove_tree(self, path: Path) -> None:
        """Remove it and what is below."""
        self.files = {file: text for file, text in self.files.items() if not Path(file).is_relative_to(path)}

    def exchange(self, address: str, text: str, seconds: float = SOCKET_SECONDS, end: str = "") -> str:
        """What ``sockets`` says; ObserveError when nobody listens, or answers nothing."""
        self.sent.append((address, text))
        if address not in self.sockets:
            raise ObserveError(f"{address}: No such file or directory")
        answer = self.sockets[address](text)
        if not answer:
            raise ObserveError(f"{address}: closed without an answer")
        return answer

    def request(self, path: str, method: str, route: str, seconds: float = SOCKET_SECONDS) -> Tuple[int, str]:
        """What ``sockets`` says to ``GET /route``, always with HTTP 200; ObserveError when nobody listens, or answers nothing."""
        return 200, self.exchange(path, f"{method} {route}", seconds)

    def alive(self, pid: int) -> bool:
        """Is it in ``pids``?"""
        return pid in self.pids

    def kill(self, pid: int, signal: int) -> None:
        """Note it; SIGTERM and SIGKILL end the process."""
        self.killed.append((pid, signal))
        if signal in (9, 15):
            self.pids.discard(pid)

    def file_limit(self) -> int:
        """As set."""
        return self.files_at_most

    def listening(self) -> frozenset[Tuple[str, int]]:
        """``ports``."""
        return frozenset(self.ports)

    def bindable(self, address: str, port: int) -> bool:
        """Is the port free, on this address and on all?"""
        return not self.ports & {(address, port), ("*", port)}

    def now(self) -> float:
        """The clock."""
        return self.clock

    def monotonic(self) -> float:
        """The clock, which nobody sets."""
        return self.clock

    def sleep(self, seconds: float) -> None:
        """Move the clock; nobody waits."""
        self.clock += max(0.0, seconds)

    def wait(self, condition: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
        """Ask until true, on this clock."""
        give_up = self.clock + seconds
        while not condition():
            if self.clock >= give_up:
                return False
            self.sleep(every)
        return True

    @contextlib.contextmanager
    def lock(self, path: Path, seconds: float) -> Iterator[None]:
        """Hold it; ApplyError when it is in ``locked``."""
        if str(path) in self.locked:
            raise ApplyError(f"{path}: another run has held it for {seconds:g} s")
        self.locked.add(str(path))
        try:
            yield
        finally:
            self.locked.discard(str(path))


@dataclass(frozen=True)
class Case:
    """One case: what a test calls it, and what the file says. What the fields mean is the test's."""

    name: str
    told: Mapping[str, Any]

    def __str__(self) -> str:
        return self.name


def load_cases(folder: Path) -> Tuple[Case, ...]:
    """Every case of ``folder/*.json``, in the order of files: an object is one case, a list several, each with its ``name``.

    For ``pytest.mark.parametrize("case", load_cases(...), ids=str)``. ValueError naming the file for one that is no JSON,
    a case without a name, a name that comes twice, and a folder without cases: a test that runs none proves nothing.
    """
    found: dict[str, Case] = {}
    for path in sorted(folder.glob("*.json")):
        for case in _cases_in(path):
            if case.name in found:
                raise ValueError(f"{path}: {case.name!r} comes twice")
            found[case.name] = case
    if not found:
        raise ValueError(f"{folder}: no cases in it")
    return tuple(found.values())


def _cases_in(path: Path) -> Iterator[Case]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if isinstance(document, dict):
        yield Case(str(document.get("name", path.stem)), document)
        return
    for number, told in enumerate(document, 1):
        if not isinstance(told, dict) or not told.get("name"):
            raise ValueError(f"{path}: case {number} has no name")
        yield Case(f"{path.stem}: {told['name']}", told)
