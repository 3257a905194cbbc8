"""The hooks as an agent would run them, and a command in osvc-ha's place that tells what became of it."""

from __future__ import annotations

import select
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.host import Host

HOOKS = Path(__file__).parents[2] / "hooks"
STAND_IN = """#!/bin/sh
echo "begin $PPID $*" >>{here}/record
echo "words of $1"
echo "trouble of $1" >&2
while [ -e {here}/hold ]; do sleep 0.02; done
echo "end $PPID $*" >>{here}/record
exit $(cat {here}/code 2>/dev/null || echo 0)
"""


class Node:
    """A directory in the place of /run/osvc_ha, and a command that records its arguments.

    While ``hold`` exists the command does not end; its exit code is in ``code``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.program = directory / "osvc-ha"
        self.hold = directory / "hold"
        self.code = directory / "code"
        self.program.write_text(STAND_IN.format(here=directory))
        self.program.chmod(0o755)
        self._host = Host()

    def argv(self, hook: str, *words: object) -> list[str]:
        """A hook's command line for this node."""
        return [str(HOOKS / hook), "--directory", str(self.directory), "--program", str(self.program), *map(str, words)]

    def run(self, hook: str, *words: object, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a hook to the end of its output, in an empty environment."""
        given = {"env": {}, "cwd": "/", "stdin": subprocess.DEVNULL, **options}
        return subprocess.run(self.argv(hook, *words), timeout=20, capture_output=True, text=True, **given)

    def record(self, what: str = "end") -> list[str]:
        """The command's arguments, once for each time that it began or ended."""
        return [line.split(" ", 2)[2] for line in self._lines() if line.startswith(what)]

    def parents(self) -> list[int]:
        """Who ran it, each time."""
        return [int(line.split()[1]) for line in self._lines() if line.startswith("begin")]

    def await_record(self, wanted: list[str], what: str = "end") -> None:
        """Until the record is this."""
        assert self._host.wait(lambda: self.record(what) == wanted, 10), f"{what}: {self.record(what)}, not {wanted}"

    def await_idle(self) -> None:
        """Until no reconcile runs, and none waits."""
        assert self._host.wait(lambda: not self.holders() and not list(self.directory.glob("hooks/*.again")), 10)

    def holders(self) -> list[str]:
        """The locks that are held now."""
        locks = sorted(self.directory.glob("hooks/*.lock"))
        held = {line.split()[5].rpartition(":")[2] for line in Path("/proc/locks").read_text().splitlines() if "->" not in line}
        return [lock.name for lock in locks if str(lock.stat().st_ino) in held]

    def _lines(self) -> list[str]:
        record = self.directory / "record"
        return record.read_text().splitlines() if record.exists() else []


class Ear:
    """A watcher's socket that nobody reads from but the test."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def heard(self, seconds: float = 2.0) -> bool:
        """Was it poked, now or within a moment? Once poked, the next answer is about the next poke."""
        return bool(select.select([self._socket], [], [], seconds)[0]) and bool(self._socket.recv(10))

    def close(self) -> None:
        """As a watcher that was killed: its socket stays, and refuses."""
        self._socket.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node without a watcher; what a hook left running there ends before the test does."""
    found = Node(tmp_path)
    yield found
    found.hold.unlink(missing_ok=True)
    found.await_idle()


@pytest.fixture
def ear(node: Node) -> Iterator[Ear]:
    """A watcher on that node."""
    found = Ear(node.directory / "prod-svc-ingress" / "watch.sock")
    yield found
    found.close()
