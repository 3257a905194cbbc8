"""A service on loopback addresses, driven through reconcile as the agents on its nodes would."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import Health, Outcome, look, reconcile, silent, status
from osvc_ha.planner.types import Plan, Step, System, Verb


class PlacedGroup:
    """``nodes`` on loopback, and what OpenSVC would say of them: ``placed``, ``leaving``, ``dead``, ``scope``."""

    system: System[Any, Any, Any]
    path: str

    def __init__(self, addresses: Iterable[str]) -> None:
        self.addresses = {f"n{number}": address for number, address in enumerate(addresses, 1)}
        self.nodes = tuple(self.addresses)
        self.scope = self.nodes
        self.placed = set(self.nodes)
        self.leaving: set[str] = set()
        self.dead: set[str] = set()
        self.host = Host()

    def config(self, node: str, **keywords: str) -> Any:
        """The keywords of one node's resource: each node of this machine has a directory of its own."""
        raise NotImplementedError

    def let_go(self) -> None:
        """A thread that spoke with the servers ends."""

    def cluster(self, local: str) -> Cluster:
        """What the agent on ``local`` would report now."""
        nodes = {name: Node(name, name not in self.dead, labels={"osvc_ha_address": at}) for name, at in self.addresses.items()}
        instances = {
            node: Instance(node, "up" if node in self.placed else "down", state="stopping" if node in self.leaving else "idle")
            for node in self.scope
        }
        return Cluster("id", "test", local, nodes, {self.path: Object(self.path, self.scope, instances, topology="flex")})

    def reconcile(self, node: str, verb: Verb, report: Callable[[Step], None] = silent, **keywords: str) -> Outcome:
        """As the agent on ``node`` would."""
        return reconcile(self.system, self.config(node, **keywords), self.cluster(node), verb, self.host, report)

    def plan(self, node: str, verb: Verb, **keywords: str) -> Plan:
        """What would be done."""
        return look(self.system, self.config(node, **keywords), self.cluster(node), verb, self.host).steps

    def status(self, node: str, **keywords: str) -> Health:
        """As the agent would show it."""
        return status(self.system, self.config(node, **keywords), self.cluster(node), self.host)

    def errors_of(self, verb: Verb, *nodes: str) -> dict[str, BaseException]:
        """The verb on several nodes at once, as OpenSVC does for a flex service: the errors by node."""
        errors: dict[str, BaseException] = {}

        def one(node: str) -> None:
            try:
                self.reconcile(node, verb)
            except BaseException as error:
                errors[node] = error
            finally:
                self.let_go()

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
