"""An in-memory system: named values that should be as configured after START and gone after STOP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from osvc_ha.cluster.types import Cluster, Node
from osvc_ha.host import Host
from osvc_ha.planner.diff import diff
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.planner.types import Follows, Plan, Step, System, Verb, no_guard

Values = dict[str, int]


class Killed(BaseException):
    """What kill -9 looks like to code: nothing catches it."""


@dataclass
class World:
    """The values, and how they misbehave: ``broken`` keys fail, ``deaf`` ones pretend, ``theirs`` are others' to set, a ``blind`` world
    cannot be read."""

    values: Values
    follows: Follows = Follows.EVERYTHING
    broken: frozenset[str] = frozenset()
    deaf: frozenset[str] = frozenset()
    blind: bool = False
    always: frozenset[str] = frozenset()
    theirs: frozenset[str] = frozenset()
    needs: Mapping[str, Follows] = field(default_factory=dict)
    killed_after: int = 1000
    tried: list[str] = field(default_factory=list)
    guard: Callable[[Values, Values, Plan], None] = no_guard

    def system(self) -> System[Values, Values, Values]:
        """The toy, as the record of functions a slice is."""
        return System("toy", self.follows, (), self.parse, self.observe, self.desired, self.plan, self.apply, self.guard)

    def parse(self, keywords: Mapping[str, str]) -> Values:
        return {name: int(value) for name, value in keywords.items()}

    def observe(self, config: Values, cluster: Cluster, host: Host) -> Values:
        if self.blind:
            raise ObserveError("toy: connection refused")
        return dict(self.values)

    def desired(self, config: Values, cluster: Cluster, verb: Verb) -> Values:
        return {} if verb is Verb.STOP else config

    def plan(self, actual: Values, desired: Values) -> Plan:
        change = diff(actual, desired)
        wanted = [*change.create, *((key, new) for key, _, new in change.update)]
        return tuple(
            [self.step("set", key, f"{key} should be {value}", (("value", str(value)),)) for key, value in wanted]
            + [self.step("drop", key, f"{key} should be gone") for key, _ in change.delete]
        )

    def step(self, do: str, key: str, why: str, args: tuple[tuple[str, str], ...] = ()) -> Step:
        return Step(do, key, why, args, always=key in self.always, needs=self.needs.get(key, Follows.NOTHING), theirs=key in self.theirs)

    def apply(self, config: Values, step: Step, host: Host) -> None:
        if len(self.tried) >= self.killed_after:
            raise Killed
        self.tried.append(step.on)
        if step.on in self.broken:
            raise ApplyError(f"toyctl: cannot {step.do} {step.on}: READONLY")
        if step.on in self.deaf:
            return
        if step.do == "set":
            self.values[step.on] = int(step.arg("value"))
        else:
            del self.values[step.on]


@pytest.fixture(scope="session")
def world() -> Callable[..., World]:
    """Makes a world: ``world({"a": 1}, broken=frozenset("a"))``."""

    def make(values: Values, **misbehaviour: Any) -> World:
        return World(dict(values), **misbehaviour)

    return make


@pytest.fixture(scope="session")
def killed() -> type[BaseException]:
    """What a world raises once ``killed_after`` steps are done."""
    return Killed


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """One node, no services: the toy asks nothing of it."""
    return Cluster("c1", "toy", "n1", {"n1": Node("n1", alive=True)}, {})


@pytest.fixture(scope="session")
def machine() -> Host:
    """The real door; the toy never opens it."""
    return Host()
