"""Clusters as short data, and a zone in memory that does what the steps say, and refuses what a real one refuses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Union

import pytest
from cloudflare_lab import Lab

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.types import Plan, Step, Verb
from osvc_ha.systems.dns import SYSTEM
from osvc_ha.systems.dns.plan.turns import parse
from osvc_ha.systems.dns.state import Actual, Change, Do, Listing, Owner, Record, change_of

PUBLIC = {"n1": "203.0.113.1", "n2": "203.0.113.2", "n3": "203.0.113.3"}
OWNERS = {"foreign": Owner.FOREIGN, "other": Owner.OTHER}


def cluster_of(told: Mapping[str, Any]) -> Cluster:
    """``nodes``: node -> its public address(es), or {public, alive, frozen}.

    ``objects``: path -> {scope, up, leaving, frozen, untold, env}.
    """
    nodes = {}
    for name, one in told.get("nodes", PUBLIC).items():
        words = one if isinstance(one, Mapping) else {"public": one}
        public = words.get("public", PUBLIC.get(name, ""))
        labels = {"osvc_ha_public_address": public} if public else {}
        nodes[name] = Node(name, words.get("alive", True), words.get("frozen", False), labels)
    objects = {path: _object(path, one, tuple(nodes)) for path, one in told.get("objects", {}).items()}
    return Cluster("c1", "lab", told.get("local", "n1"), nodes, objects, resolved=told.get("resolved", {}))


def _object(path: str, told: Mapping[str, Any], nodes: tuple[str, ...]) -> Object:
    scope = tuple(told.get("scope", nodes))
    state = {**{node: "stopping" for node in told.get("leaving", ())}, **told.get("state", {})}
    instances = {
        node: Instance(
            node, "up" if node in told.get("up", ()) else "down", frozen=node in told.get("frozen", ()), state=state.get(node, "idle")
        )
        for node in scope
        if node not in told.get("untold", ())
    }
    return Object(path, scope, instances, config={"env": told.get("env", {}), **told.get("config", {})})


def record_of(text: str) -> Record:
    """``redis.example.com A 203.0.113.1 ttl=60 proxied foreign``."""
    name, type_, *words = text.split(" ")
    flags = {word for word in words if word in OWNERS or word == "proxied" or word.startswith("ttl=")}
    ttl = next((int(word[4:]) for word in flags if word.startswith("ttl=")), 60)
    owner = next((OWNERS[word] for word in flags if word in OWNERS), Owner.OURS)
    return Record(name, type_, " ".join(word for word in words if word not in flags), ttl, "proxied" in flags, owner)


def check_zone(records: Iterable[Record]) -> None:
    """What every server and Cloudflare refuse: an identical record twice, anything beside a CNAME."""
    found = list(records)
    keys = [(one.name, one.type, one.value) for one in found]
    assert len(set(keys)) == len(keys), f"identical records: {sorted(keys)}"
    aliases = {one.name for one in found if one.type == "CNAME"}
    assert all(sum(1 for one in found if one.name == name) == 1 for name in aliases), f"beside a CNAME: {aliases}"


class World:
    """One cluster, one zone, one node that looks and writes."""

    def __init__(self, told: Optional[Mapping[str, Any]] = None, records: Iterable[Union[str, Record]] = (), **keywords: str) -> None:
        self.config = SYSTEM.parse({"domain": "example.com", **keywords})
        self.cluster = cluster_of(told or {})
        self.zone = [one if isinstance(one, Record) else record_of(one) for one in records]
        self.actual = Actual(now=1_000_000.0)
        self.lowest_ttl = 1
        self.writes = 0

    def turn(self, told: Mapping[str, Any]) -> World:
        """The same zone, and another placement."""
        self.cluster = cluster_of(told)
        return self

    def tick(self, seconds: float) -> World:
        """Time passes."""
        self.actual = replace(self.actual, now=self.actual.now + seconds)
        return self

    def desired(self, verb: Verb = Verb.FOLLOW) -> Any:
        """What is wanted."""
        return SYSTEM.desired(self.config, self.cluster, verb)

    def look(self) -> Actual:
        """The zone as the provider lists it."""
        ours = tuple(one for one in self.zone if one.owner is Owner.OURS)
        others = tuple(one for one in self.zone if one.owner is not Owner.OURS)
        self.actual = replace(self.actual, listing=Listing(ours, others, self.lowest_ttl))
        return self.actual

    def plan(self, verb: Verb = Verb.FOLLOW) -> Plan:
        """The steps, once the guard has seen them."""
        steps = SYSTEM.plan(self.look(), self.desired(verb))
        SYSTEM.guard(self.actual, self.desired(verb), steps)
        return steps

    def notes(self, verb: Verb = Verb.FOLLOW) -> list[str]:
        """What an operator reads."""
        return list(SYSTEM.notes(self.look(), self.desired(verb)))

    def converge(self, verb: Verb = Verb.FOLLOW) -> Plan:
        """Do it; and then nothing is left to do."""
        steps = self.plan(verb)
        self.writes += any(step.do in ("create", "update", "delete") for step in steps)
        for step in steps:
            self.do(step)
        check_zone(self.zone)
        assert self.plan(verb) == ()
        return steps

    def converge_hold(self) -> Plan:
        """The first of the two looks of a START: the mark."""
        steps = self.plan(Verb.START)
        for step in steps:
            self.do(step)
        return steps

    def do(self, step: Step) -> None:
        """One step."""
        if step.do in ("hold", "release"):
            self.actual = replace(self.actual, holds=step.do == "hold")
        elif step.do == "remember":
            self.actual = replace(self.actual, memory=parse(step.payload))
        else:
            self.zone = changed(self.zone, change_of(step))

    def values(self, name: str, *types: str) -> list[str]:
        """What is there under a name."""
        return sorted(one.value for one in self.zone if one.name == name and one.type in (types or ("A", "AAAA", "CNAME", "LB")))

    def names(self, owner: Owner = Owner.OURS) -> set[str]:
        """The names of all that is ours."""
        return {one.name for one in self.zone if one.owner is owner}


def changed(zone: list[Record], change: Change) -> list[Record]:
    """The zone after one change. What is not ours, or not there, cannot be changed."""
    old = change.record if change.do is Do.DELETE else change.before
    if old is not None:
        found = zone.index(old)
        assert zone[found].owner is Owner.OURS, f"{old} is not ours"
        zone = [*zone[:found], *zone[found + 1 :]]
    return zone if change.do is Do.DELETE else [*zone, change.record]


def lines(steps: Plan) -> list[str]:
    """``create redis.example.com A 203.0.113.1`` for each change."""
    changes = [change_of(step) for step in steps if step.do in ("create", "update", "delete")]
    return [f"{one.do.value} {one.record}" for one in changes]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """example.com on Cloudflare's free plan, its id known."""
    lab = Lab(tmp_path)
    lab.provider().listing()
    lab.calls()
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def make_world() -> type[World]:
    """The class of a model."""
    return World


@pytest.fixture(scope="session")
def said() -> Any:
    """Changes as short lines."""
    return lines


@pytest.fixture(scope="session")
def record() -> Any:
    """A record from its line."""
    return record_of


@pytest.fixture(scope="session")
def after() -> Any:
    """The zone after one change."""
    return changed
