"""A MongoDB group on loopback addresses, driven through reconcile as the agents on its nodes would."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mongods import NAME, Writer, ask, primary_of, small_mongod, states
from placed_group import PlacedGroup

from osvc_ha.drill.processes import Run, listening, wait_until
from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo import SYSTEM
from osvc_ha.systems.mongo.client import observe
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.state import Actual

PATH = f"prod/svc/{NAME}"


class MongoGroup(PlacedGroup):
    """A mongod on each of the nodes."""

    system, path = SYSTEM, PATH

    def __init__(self, run: Run, addresses: Iterable[str], port: int, **keywords: str) -> None:
        super().__init__(addresses)
        self.run, self.port, self.keywords = run, port, keywords
        self.directory = run.directory / f"group-{port}"
        self.program = small_mongod(self.directory)
        # Keywords of one node's resource alone.
        self.own: dict[str, dict[str, str]] = {}
        # Of the clients that ask in the tests' own name.
        self.client: dict[str, Any] = {}

    def config(self, node: str, **keywords: str) -> Config:
        """The keywords of one node's resource: each node of this machine has a directory of its own."""
        own = {
            "path": PATH,
            "port": str(self.port),
            "directory": str(self.directory / node),
            "mongod": self.program,
            "allow_addresses": "true",
            "election_timeout": "2000",
            "ready_timeout": "40",
            "seedlists": str(self.directory / node / "seedlists"),
        }
        return SYSTEM.parse({**own, **self.keywords, **self.own.get(node, {}), **keywords})

    def look(self, node: str = "") -> Actual:
        """The set as a node reads it."""
        return observe(self.config(node or self.scope[0]), self.cluster(node or self.scope[0]), self.host)

    def stop(self, node: str) -> None:
        """STOP as OpenSVC does it, which knows the instance as down afterwards."""
        self.leaving.add(node)
        self.reconcile(node, Verb.STOP)
        self.placed.discard(node)
        self.leaving.discard(node)

    def ask(self, node: str, command: str, argument: object = 1, **more: Any) -> dict[str, Any]:
        """An admin command to one member."""
        return ask(self.addresses[node], self.port, command, argument, client=self.client, **more)

    def states(self) -> dict[str, int]:
        """node -> its state by its own words, see mongods.states."""
        return states(self.addresses, self.port, **self.client)

    def primary(self) -> str:
        """The one node that says it is primary, or ""."""
        return primary_of(self.addresses, self.port, **self.client)

    def await_primary(self) -> str:
        """Wait for one, and say who it is."""
        found: list[str] = []
        wait_until("a primary", lambda: bool(found.append(self.primary()) or found[-1]), 30)  # type: ignore[func-returns-value]
        return found[-1]

    def votes(self) -> dict[str, int]:
        """node -> votes, by the primary's configuration."""
        members = self.ask(self.await_primary(), "replSetGetConfig")["config"]["members"]
        nodes = {f"{at}:{self.port}": node for node, at in self.addresses.items()}
        return {nodes.get(member["host"], member["host"]): member["votes"] for member in members}

    def settled(self, *nodes: str) -> bool:
        """One PRIMARY, the others of these SECONDARY, and no other one up."""
        found = {node: state for node, state in self.states().items() if state}
        return set(found) == set(nodes or self.scope) and sorted(found.values()) == [1] + [2] * (len(found) - 1)

    def eventually(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for the condition, with a deadline."""
        wait_until("what the test waits for", condition, seconds, every=0.05)

    def pid(self, node: str) -> int:
        """The mongod by its pid file."""
        return int((self.directory / node / "mongod.pid").read_text())

    def signal(self, node: str, number: int) -> None:
        """A signal to a node's mongod; for SIGKILL, wait for its end."""
        pid = self.pid(node)
        os.kill(pid, number)
        if number == signal.SIGKILL:
            assert self.host.wait(lambda: not self.host.alive(pid) and not listening(self.addresses[node], self.port), 5)

    def writer(self, tag: str, **more: Any) -> Writer:
        """A client that writes while its context lasts."""
        return Writer(self.run, self.addresses, self.port, tag, **more)

    def logs(self) -> list[Path]:
        """Of every mongod."""
        return sorted(self.directory.rglob("mongod.log"))
