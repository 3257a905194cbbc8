"""A group as values, and a small model of what each step does to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.redis.config import Config
from osvc_ha.systems.redis.plan.joining import Move, part
from osvc_ha.systems.redis.plan.steps import recall
from osvc_ha.systems.redis.state import Actual, Desired, Disk, Health, Seen, Sentinel, Server

CASES = Path(__file__).parent / "cases"
NODES = ("n1", "n2", "n3")


class World:
    """A healthy group of three with n1 as master; ``change`` spoils it, ``do`` applies a step to it."""

    def __init__(self, local: str = "n1", verb: Verb = Verb.START, **config: Any) -> None:
        self.config = Config(path="prod/svc/grp", group="grp", directory="/d", **config)
        addresses = {node: f"10.0.0.{number}" for number, node in enumerate(NODES, 1)}
        self.desired = Desired(
            verb, self.config, local, NODES, NODES, tuple(node for node in NODES if node != local), addresses, local == "n1", True
        )
        self.actual = Actual(
            local,
            {node: self.server(node, "n1") for node in NODES},
            {node: self.sentinel(node, "n1") for node in NODES},
            Disk(True, True, True),
        )

    def server(self, node: str, master: str) -> Server:
        """A healthy server."""
        here = Server(
            node,
            Health.ANSWERS,
            role="slave",
            master=master,
            link_up=True,
            offset=100,
            keys=5,
            priority=self.desired.priority(node),
            min_replicas=1,
            max_lag=3,
            announce=self.desired.addresses[node],
            uptime=1000,
        )
        return replace(here, role="master", master="", link_up=False, good=2) if node == master else here

    def sentinel(self, node: str, master: str) -> Sentinel:
        """A healthy Sentinel."""
        return Sentinel(
            node,
            Health.ANSWERS,
            monitors=True,
            master=master,
            epoch=1,
            quorum=2,
            down_after=5000,
            failover_timeout=10000,
            flags=frozenset({"master"}),
            settled_for=600_000,
            replicas=tuple(Seen(other, priority=self.desired.priority(other)) for other in NODES if other != master),
            sentinels=tuple(Seen(other) for other in NODES if other != node),
        )

    def change(self, servers: Mapping[str, Any] = {}, sentinels: Mapping[str, Any] = {}, **rest: Any) -> World:  # noqa: B006
        """Spoil parts: ``{"n1": {"health": "absent"}}``."""
        self.actual = replace(
            self.actual,
            servers={node: _spoil(server, servers.get(node, {})) for node, server in self.actual.servers.items()},
            sentinels={node: _spoil(sentinel, sentinels.get(node, {})) for node, sentinel in self.actual.sentinels.items()},
            **({"disk": Disk(**rest["disk"])} if "disk" in rest else {}),
        )
        return self

    def want(self, **fields: Any) -> World:
        """Change what OpenSVC wants."""
        self.desired = replace(self.desired, **{key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()})
        return self

    def do(self, step: Step) -> None:
        """What the step does, when Redis and Sentinel play along."""
        getattr(self, "_" + step.do.replace("-", "_"))(step)

    def _set(self, node: str, **fields: Any) -> None:
        self.actual = replace(self.actual, servers={**self.actual.servers, node: replace(self.actual.servers[node], **fields)})

    def _set_watch(self, node: str, **fields: Any) -> None:
        self.actual = replace(self.actual, sentinels={**self.actual.sentinels, node: replace(self.actual.sentinels[node], **fields)})

    def _write_server_config(self, step: Step) -> None:
        self.actual = replace(self.actual, disk=replace(self.actual.disk, server_config=True))

    def _write_sentinel_config(self, step: Step) -> None:
        self.actual = replace(self.actual, disk=replace(self.actual.disk, sentinel_config=True))

    def _launch_server(self, step: Step) -> None:
        self._set(step.on, health=Health.ANSWERS, role="slave", master="10.0.0.9:1", link_up=False)

    def _launch_sentinel(self, step: Step) -> None:
        self._set_watch(step.on, health=Health.ANSWERS)

    def _wait_server(self, step: Step) -> None:
        self._launch_server(step)

    def _wait_sentinel(self, step: Step) -> None:
        self._launch_sentinel(step)

    def _set_server(self, step: Step) -> None:
        names = {"min-replicas-to-write": "min_replicas", "min-replicas-max-lag": "max_lag", "replica-priority": "priority"}
        pairs = {names[key]: int(value) for key, value in step.args if key in names}
        announce = dict(step.args).get("replica-announce-ip", self.actual.servers[step.on].announce)
        self._set(step.on, **pairs, announce=announce)

    def _set_sentinel(self, step: Step) -> None:
        names = {"quorum": "quorum", "down-after-milliseconds": "down_after", "failover-timeout": "failover_timeout"}
        self._set_watch(step.on, **{names[key]: int(value) for key, value in step.args if key in names})

    def _join(self, step: Step) -> None:
        role = part(self.actual, recall(self.config, step))
        assert role.move in (Move.LEAD, Move.FOLLOW), role
        if role.move is Move.LEAD:
            self._set(step.on, role="master", master="", good=2)
        else:
            self._set(step.on, role="slave", master=role.master, link_up=True)

    def _monitor(self, step: Step) -> None:
        here = self.actual.servers[step.on]
        master = step.on if here.role == "master" else here.master
        self.actual = replace(self.actual, sentinels={**self.actual.sentinels, step.on: self.sentinel(step.on, master)})

    def _reset(self, step: Step) -> None:
        here = self.actual.sentinels[step.on]
        alive = self.desired.members
        self._set_watch(
            step.on,
            settled_for=0,
            replicas=tuple(s for s in here.replicas if s.where in alive),
            sentinels=tuple(s for s in here.sentinels if s.where in alive),
        )

    def _end_server(self, step: Step) -> None:
        self._set(step.on, health=Health.ABSENT, role="")

    def _end_sentinel(self, step: Step) -> None:
        self._set_watch(step.on, health=Health.ABSENT, monitors=False, master="", epoch=-1)

    def _fence(self, step: Step) -> None:
        self._set(step.on, min_replicas=int(step.arg("min-replicas-to-write")))

    def _promoted(self, step: Step) -> None:
        self._set(step.on, role="master", master="", link_up=False, good=2)

    def _demote(self, step: Step) -> None:
        heir = next(node for node in self.actual.masters() if node != step.on)
        self._set(step.on, role="slave", master=heir, link_up=True)

    def _release(self, step: Step) -> None:
        self._set(step.on, min_replicas=int(step.arg("min-replicas-to-write")))

    def _settle(self, step: Step) -> None:
        heir = self.actual.masters()[0]
        sentinels = {node: self.sentinel(node, heir) for node in NODES}
        servers = {node: server if node == heir else replace(server, master=heir) for node, server in self.actual.servers.items()}
        self.actual = replace(self.actual, sentinels=sentinels, servers=servers)

    def _nothing(self, step: Step) -> None:
        return

    _pause = _drain = _failover = _disconnect = _door = _wait_ready = _wait_deposed = _wait_preferred = _nothing


def _spoil(thing: Any, fields: Mapping[str, Any]) -> Any:
    made = dict(fields)
    if "health" in made:
        made["health"] = Health(made["health"])
    if "flags" in made:
        made["flags"] = frozenset(made["flags"])
    for key in ("replicas", "sentinels"):
        if key in made:
            made[key] = tuple(Seen(**{**seen, "flags": frozenset(seen.get("flags", ()))}) for seen in made[key])
    return replace(thing, **made)


@pytest.fixture
def world() -> type[World]:
    """Make a World."""
    return World


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case file."""
    if "case" in metafunc.fixturenames:
        files = sorted(CASES.glob("*.json"))
        metafunc.parametrize("case", [json.loads(file.read_text()) for file in files], ids=[file.stem for file in files])
