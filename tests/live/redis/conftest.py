"""A real group on loopback addresses: redis-server and Sentinel on three "nodes", driven through reconcile."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from placed_group import PlacedGroup

from osvc_ha.drill.processes import Run, listening, reserve
from osvc_ha.planner.errors import ObserveError
from osvc_ha.planner.types import Verb
from osvc_ha.redis_link import Peer, Refusal, links
from osvc_ha.systems.redis import SYSTEM
from osvc_ha.systems.redis.client import observe_group
from osvc_ha.systems.redis.config import Config
from osvc_ha.systems.redis.plan import desired
from osvc_ha.systems.redis.state import Actual
from osvc_ha.systems.redis.state.replies import parse_pairs

PATH = "prod/svc/grp"
# Other servers than the installed ones: REDIS_SERVER=/opt/valkey/bin/valkey-server REDIS_SENTINEL=/opt/valkey/bin/valkey-sentinel
PROGRAMS = {
    "redis_server": os.environ.get("REDIS_SERVER", "redis-server"),
    "redis_sentinel": os.environ.get("REDIS_SENTINEL", "redis-sentinel"),
}
DIRECTORY = pytest.StashKey[Path]()
LAST_LINES = 60


class Group(PlacedGroup):
    """Redis and a Sentinel on each of the nodes."""

    system, path = SYSTEM, PATH

    def __init__(self, directory: Path, addresses: tuple[str, ...], ports: tuple[int, ...], **keywords: str) -> None:
        super().__init__(addresses)
        self.directory = directory
        self.port, self.sentinel_port = ports[0], ports[1]
        self.spare = ports[2:]
        self.keywords = keywords

    def config(self, node: str, **keywords: str) -> Config:
        """The keywords of one node's resource: each node of this machine has a directory of its own."""
        own = {
            "path": PATH,
            "port": str(self.port),
            "sentinel_port": str(self.sentinel_port),
            "directory": str(self.directory / node),
            "down_after": "1500",
            "failover_timeout": "5000",
            "ready_timeout": "40",
            **PROGRAMS,
        }
        return SYSTEM.parse({**own, **self.keywords, **keywords})

    def let_go(self) -> None:
        """Its connections are the thread's own."""
        links().close()

    def start_fast(self) -> None:
        """START everywhere, with Sentinels that ask INFO every second instead of every ten: only for tests that begin after it."""
        hurry = threading.Thread(target=self._hurry, daemon=True)
        hurry.start()
        self.start()
        hurry.join(10)

    def _hurry(self) -> None:
        late = set(self.nodes)
        give_up = time.monotonic() + 10
        while late and time.monotonic() < give_up:
            for node in sorted(late):
                try:
                    self.sentinel(node, "SENTINEL", "DEBUG", "INFO-PERIOD", "1000")
                    late.discard(node)
                except ObserveError:
                    time.sleep(0.02)
        links().close()

    def leave_unread(self, node: str) -> None:
        """For the next seconds this Sentinel asks nobody for INFO. Before 7.0 its period cannot be set: wait until it has just asked."""
        if isinstance(self.sentinel(node, "SENTINEL", "DEBUG", "INFO-PERIOD", "60000"), Refusal):
            self.eventually(lambda: int(parse_pairs(self.sentinel(node, "SENTINEL", "MASTER", "grp"))["info-refresh"]) < 2000)

    def look(self) -> Actual:
        """The group as n1 reads it."""
        wanted = desired(self.config(self.nodes[0]), self.cluster(self.nodes[0]), Verb.FOLLOW)
        return observe_group(self.config(self.nodes[0]), self.nodes[0], wanted.addresses, self.host)

    def master(self) -> str:
        """The one node that says master; "" when that is not one."""
        masters = self.look().masters()
        return masters[0] if len(masters) == 1 else ""

    def server(self, node: str, *command: str) -> object:
        """A command to a node's redis-server."""
        return links().call(Peer(self.addresses[node], self.port), *command, seconds=2.0)

    def sentinel(self, node: str, *command: str) -> object:
        """A command to a node's Sentinel."""
        return links().call(Peer(self.addresses[node], self.sentinel_port), *command, seconds=2.0)

    def pid(self, node: str, what: str = "server") -> int:
        """The process by its pid file."""
        name = "redis.pid" if what == "server" else "sentinel.pid"
        return int((self.directory / node / what / name).read_text())

    def kill(self, node: str, what: str = "server", number: int = signal.SIGKILL) -> None:
        """A signal to one process; for SIGKILL, wait for its end."""
        pid = self.pid(node, what)
        os.kill(pid, number)
        if number == signal.SIGKILL:
            at = f"{self.addresses[node]}:{self.port if what == 'server' else self.sentinel_port}"
            assert self.host.wait(lambda: not self.host.alive(pid) and self.refuses(at), 5)

    def refuses(self, at: str) -> bool:
        """Does nothing listen there any more? A dying process may hold its socket for a moment after its main thread."""
        address, _, port = at.rpartition(":")
        return not listening(address, int(port))

    def eventually(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for the condition, with a deadline."""
        assert self.host.wait(condition, seconds, 0.05), [*self.look().servers.values(), *self.look().sentinels.values()]


class Writer:
    """One client that writes a counter to whoever is the master, and remembers what was acknowledged."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.acknowledged: list[int] = []
        self.longest = 0.0
        self.failed = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Writer:
        self._thread.start()
        assert self.group.host.wait(lambda: len(self.acknowledged) > 20, 10)
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join(20)

    def progress(self, seconds: float = 30.0) -> None:
        """Wait until writes are taken again."""
        have = len(self.acknowledged)
        assert self.group.host.wait(lambda: len(self.acknowledged) > have + 20, seconds), "no write is taken any more"

    def _run(self) -> None:
        number, last, order = 0, time.monotonic(), list(self.group.nodes)
        while not self._end.is_set():
            number += 1
            if not self._write(order[0], number):
                self.failed += 1
                order.append(order.pop(0))
                time.sleep(0.002)
                continue
            self.acknowledged.append(number)
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last), now
        links().close()

    def _write(self, node: str, number: int) -> bool:
        try:
            reply = links().call(Peer(self.group.addresses[node], self.group.port), "SADD", "written", str(number), seconds=6.0)
        except Exception:
            return False
        return not isinstance(reply, Refusal)

    def lost(self) -> set[int]:
        """Acknowledged and not there."""
        kept = self.group.server(self.group.master(), "SMEMBERS", "written")
        assert isinstance(kept, list)
        return set(self.acknowledged) - {int(word) for word in kept}


MakeGroup = Callable[..., Group]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test comes with the last words of every server, which are gone with their directory a moment later."""
    report = yield
    directory = item.stash.get(DIRECTORY, None)
    if report.failed and directory is not None:
        for log in sorted(directory.rglob("*.log")):
            lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            report.sections.append((str(log.relative_to(directory)), "\n".join(lines)))
    return report


@pytest.fixture
def make_group(request: pytest.FixtureRequest) -> Iterator[MakeGroup]:
    """Make groups whose processes all end with the test."""
    for program in PROGRAMS.values():
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed: apt-get install redis-server redis-sentinel")
    with Run("osvc_ha-redis-") as run:
        request.node.stash[DIRECTORY] = run.directory
        reserved = []

        def make(nodes: int = 3, **keywords: str) -> Group:
            place = reserve(nodes, 4)
            reserved.append(place)
            return Group(run.directory / f"g{len(reserved)}", place.addresses, place.ports, **keywords)

        yield make
        links().close()
    for place in reserved:
        place.close()


@pytest.fixture
def group(make_group: MakeGroup) -> Group:
    """Three nodes, nothing started yet."""
    return make_group()


@pytest.fixture
def running(group: Group) -> Group:
    """Three nodes, started and ready, with some data."""
    group.start_fast()
    group.eventually(lambda: group.server(group.master(), "SET", "seed", "1") == "OK")
    return group


@pytest.fixture
def writer() -> Callable[[Group], Writer]:
    """Make a writer for a group."""
    return Writer
