"""A MongoDB group on loopback addresses, driven through reconcile as the agents on its nodes would."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mongods import NAME, Writer, ask, primary_of, small_mongod, states

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.drill.processes import Run, listening, wait_until
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import Health, Outcome, look, reconcile, silent, status
from osvc_ha.planner.types import Plan, Step, Verb
from osvc_ha.systems.mongo import SYSTEM
from osvc_ha.systems.mongo.client import observe
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.state import Actual

PATH = f"prod/svc/{NAME}"


class MongoGroup:
    """``nodes`` on loopback, and what OpenSVC would say of them: ``placed``, ``leaving``, ``dead``, ``scope``."""

    def __init__(self, run: Run, addresses: Mapping[str, str], port: int, **keywords: str) -> None:
        self.run, self.addresses, self.port, self.keywords = run, dict(addresses), port, keywords
        self.nodes = tuple(self.addresses)
        self.scope = self.nodes
        self.placed = set(self.nodes)
        self.leaving: set[str] = set()
        self.dead: set[str] = set()
        self.host = Host()
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
        }
        return SYSTEM.parse({**own, **self.keywords, **self.own.get(node, {}), **keywords})

    def cluster(self, local: str) -> Cluster:
        """What the agent on ``local`` would report now."""
        nodes = {name: Node(name, name not in self.dead, labels={"osvc_ha_address": at}) for name, at in self.addresses.items()}
        instances = {
            node: Instance(node, "up" if node in self.placed else "down", state="stopping" if node in self.leaving else "idle")
            for node in self.scope
        }
        return Cluster("id", "test", local, nodes, {PATH: Object(PATH, self.scope, instances, topology="flex")})

    def reconcile(self, node: str, verb: Verb, report: Callable[[Step], None] = silent, **keywords: str) -> Outcome:
        """As the agent on ``node`` would."""
        return reconcile(SYSTEM, self.config(node, **keywords), self.cluster(node), verb, self.host, report)

    def plan(self, node: str, verb: Verb, **keywords: str) -> Plan:
        """What would be done."""
        return look(SYSTEM, self.config(node, **keywords), self.cluster(node), verb, self.host).steps

    def status(self, node: str, **keywords: str) -> Health:
        """As the agent would show it."""
        return status(SYSTEM, self.config(node, **keywords), self.cluster(node), self.host)

    def look(self, node: str = "") -> Actual:
        """The set as a node reads it."""
        return observe(self.config(node or self.scope[0]), self.cluster(node or self.scope[0]), self.host)

    def errors_of(self, verb: Verb, *nodes: str) -> dict[str, BaseException]:
        """The verb on several nodes at once, as OpenSVC does for a flex service: the errors by node."""
        errors: dict[str, BaseException] = {}

        def one(node: str) -> None:
            try:
                self.reconcile(node, verb)
            except BaseException as error:
                errors[node] = error

        threads = [threading.Thread(target=one, args=(node,)) for node in nodes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return errors

    def start(self, *nodes: str) -> None:
        """START on several nodes at once; the first error is raised."""
        for error in self.errors_of(Verb.START, *(nodes or self.scope)).values():
            raise error

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

    def writer(self, tag: str, **more: str) -> Writer:
        """A client that writes while its context lasts."""
        return Writer(self.run, self.addresses, self.port, tag, **more)

    def logs(self) -> list[Path]:
        """Of every mongod."""
        return sorted(self.directory.rglob("mongod.log"))
