"""A run of its own for each test, and a real redis-server in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from osvc_ha.drill.client import Failure, Wire
from osvc_ha.drill.process import Process
from osvc_ha.drill.processes import Reserved, Run, reserve


@dataclass
class Redis:
    """A redis-server on loopback that a test may hurt."""

    run: Run
    address: str
    port: int
    process: Process

    def ask(self, *command: str) -> object:
        """One command over a connection of its own."""
        wire = Wire(self.address, self.port, 2.0)
        try:
            return wire.ask([command])[0]
        finally:
            wire.close()

    def serves(self) -> bool:
        """Does it answer?"""
        try:
            return self.ask("PING") == "PONG"
        except Failure:
            return False

    def restart(self) -> None:
        """Again, on the same port, with an empty memory."""
        self.process = launch(self.run, self.address, self.port)
        self.process.await_ready(self.serves)


def launch(run: Run, address: str, port: int, *options: str) -> Process:
    """A redis-server that keeps nothing on disk; a replica is served at once, not after the usual 5 s."""
    return run.start(
        f"redis {port}", ["redis-server", "--bind", address, "--port", str(port), "--save", "", "--repl-diskless-sync-delay", "0", *options]
    )


@pytest.fixture
def run() -> Iterator[Run]:
    """A run of this test's own."""
    with Run() as fresh:
        yield fresh


@pytest.fixture
def reserved() -> Iterator[Reserved]:
    """One address and four ports that nobody else uses."""
    with reserve(addresses=1, ports=4) as held:
        yield held


@pytest.fixture
def start_redis(run: Run, reserved: Reserved) -> Callable[..., Redis]:
    """Start a redis-server on the n-th reserved port, with further options."""

    def start(nth: int = 0, *options: str) -> Redis:
        address, port = reserved.addresses[0], reserved.ports[nth]
        server = Redis(run, address, port, launch(run, address, port, *options))
        server.process.await_ready(server.serves)
        return server

    return start
