"""Clusters as short data, and a small model of what each step does to HAProxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.types import Plan, Step, Verb
from osvc_ha.systems.haproxy import SYSTEM
from osvc_ha.systems.haproxy.state import Actual, binds_in, loaded_digest, servers_in

ADDRESSES = {"n1": "10.0.0.1", "n2": "10.0.0.2", "n3": "10.0.0.3"}


class World:
    """A cluster of three nodes and the HAProxy of n1, which does what the steps say."""

    def __init__(self, objects: Mapping[str, Mapping[str, Any]], **keywords: str) -> None:
        self.config = SYSTEM.parse(keywords)
        self.cluster = cluster_of(objects)
        self.actual = Actual(file_limit=1_000_000)

    def turn(self, objects: Mapping[str, Mapping[str, Any]]) -> World:
        """The same HAProxy, and other labels or placements."""
        self.cluster = cluster_of(objects)
        return self

    def plan(self, verb: Verb) -> Plan:
        """What would be done."""
        return SYSTEM.plan(self.actual, SYSTEM.desired(self.config, self.cluster, verb))

    def notes(self, verb: Verb = Verb.FOLLOW) -> list[str]:
        """What an operator would read."""
        return list(SYSTEM.notes(self.actual, SYSTEM.desired(self.config, self.cluster, verb)))

    def converge(self, verb: Verb = Verb.START) -> Plan:
        """Do it."""
        steps = self.plan(verb)
        for step in steps:
            self.do(step)
        return steps

    def do(self, step: Step) -> None:
        """One step, as the real program would."""
        if step.do == "claim":
            self.actual = replace(self.actual, owners=dict.fromkeys(self.config.marks, step.arg("service")), held=False)
        elif step.do == "remove":
            self.actual = replace(self.actual, text=None, owners=dict.fromkeys(self.config.marks, ""))
        elif step.do == "write":
            self.actual = replace(self.actual, text=step.payload)
        elif step.do in ("start", "reload"):
            text = self.actual.text or ""
            placed = {tuple(line.split()[:2]): line.split()[2] for line in step.payload.splitlines()}
            servers = {server[:2]: placed.get(server[:2], "ready") for server in servers_in(text)}
            self.actual = replace(self.actual, running=True, digest=loaded_digest(text), servers=servers, busy=binds_in(text))
        elif step.do == "set":
            backend, _, name = step.on.rpartition("/")
            self.actual = replace(self.actual, servers={**self.actual.servers, (backend, name): step.arg("state")})
        else:
            self.actual = replace(self.actual, running=False, digest="", servers={}, busy=frozenset())


def cluster_of(objects: Mapping[str, Mapping[str, Any]]) -> Cluster:
    """path -> {labels: {option: value}, scope: [...], up: [...], provisioned: bool}; without ``up`` it runs everywhere in its scope."""
    nodes = {name: Node(name, True, labels={"osvc_ha_address": address}) for name, address in ADDRESSES.items()}
    found = {}
    for path, one in objects.items():
        scope = tuple(one.get("scope", ADDRESSES))
        env = {f"osvc.l4.{option}": str(value) for option, value in {"enable": "true", **one["labels"]}.items()}
        provisioned = one.get("provisioned", True)
        instances = {node: Instance(node, "up" if node in one.get("up", scope) else "down", provisioned=provisioned) for node in scope}
        found[path] = Object(path, scope, instances, "flex", config={"env": env})
    return Cluster("id", "lab", "n1", nodes, found)


@pytest.fixture(scope="session")
def make_world() -> type[World]:
    """The class of a model."""
    return World
