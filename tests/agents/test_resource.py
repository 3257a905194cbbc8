"""A system as a resource of a service, whichever agent asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from osvc_ha.agents.resource import Resource
from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, NotConverged, ObserveError, UnsafePlan
from osvc_ha.planner.types import Follows, Keyword, Status, Step, System, Verb
from osvc_ha.registry import load_system

PATH = "prod/svc/lamp"
KEYWORDS = (Keyword("path", "", required=True), Keyword("colour", "", "white"))


class Lamp:
    """A system to be on or off. hidden: what shows only once it is on. kept: what STOP leaves and UNPROVISION does not."""

    def __init__(self, hidden: int = 0, kept: bool = False) -> None:
        self.on = False
        self.kept = kept
        self.hidden = hidden
        self.trouble: Callable[[], None] = lambda: None
        self.seen: Mapping[str, str] = {}

    def parse(self, keywords: Mapping[str, str]) -> Mapping[str, str]:
        if keywords.get("colour") == "black":
            raise ConfigError("colour=black is no light")
        self.seen = dict(keywords)
        return keywords

    def observe(self, *_: Any) -> Lamp:
        self.trouble()
        return self

    def plan(self, actual: Any, verb: Verb) -> tuple[Step, ...]:
        if verb is Verb.START:
            return () if self.on and not self.hidden else (Step("set" if self.on else "switch on", "lamp", "it is dark"),)
        off = (Step("switch off", "lamp", "it shines"),) if self.on else ()
        return (*off, Step("remove", "lamp", "it stands about")) if self.kept and verb is Verb.UNPROVISION else off

    def apply(self, config: Any, step: Step, host: Host) -> None:
        self.hidden -= step.do == "set"
        self.on = step.do in ("switch on", "set")
        self.kept = self.kept and step.do != "remove"

    def resource(self, scope: tuple[str, ...] = ("n1",), **given: str) -> Resource:
        """As the agent on n1 has it."""
        system: System[Any, Any, Any] = System(
            "lamp", Follows.NOTHING, KEYWORDS, self.parse, self.observe, lambda config, cluster, verb: verb, self.plan, self.apply
        )
        instances = {name: Instance(name, "up") for name in scope}
        cluster = Cluster("1", "test", "n1", {"n1": Node("n1", True)}, {PATH: Object(PATH, scope, instances)})
        return Resource(system, given, PATH, lambda: cluster, Host())


def test_the_service_it_is_about_is_its_own() -> None:
    """Unless the section says otherwise; a keyword left empty has its default."""
    lamp = Lamp()
    lamp.resource(colour="").do(Verb.START)
    assert lamp.seen == {"path": PATH}
    lamp.resource(path="prod/svc/other").do(Verb.STOP)
    assert lamp.seen == {"path": "prod/svc/other"}


def test_a_start_looks_twice() -> None:
    """What a program that did not run keeps in its own files shows only once it runs; beyond that it has not converged."""
    lamp = Lamp(hidden=1)
    lamp.resource().do(Verb.START)
    assert lamp.resource().health().status is Status.UP
    with pytest.raises(NotConverged, match="lamp start: still to do: it is dark"):
        Lamp(hidden=2).resource().do(Verb.START)


def raising(error: Exception) -> Callable[[], None]:
    """For a Lamp's trouble."""

    def trouble() -> None:
        raise error

    return trouble


def test_only_what_is_certain_refuses_a_start_beforehand() -> None:
    """A mistake, or danger; what cannot be told now may be told when the start gets there."""
    lamp = Lamp()
    assert lamp.resource().refusal() == ""
    assert lamp.resource(colour="black").refusal() == "colour=black is no light"
    lamp.trouble = raising(ObserveError("no answer"))
    assert lamp.resource().refusal() == ""
    lamp.trouble = raising(UnsafePlan("two lamps claim the socket"))
    assert lamp.resource().refusal() == "two lamps claim the socket"
    assert not lamp.on


def test_status_is_never_an_error() -> None:
    """What cannot be told is undef with the sentence, for it is not down; a node out of the scope is n/a."""
    lamp = Lamp()
    assert lamp.resource().health().status is Status.DOWN
    told = lamp.resource(colour="black").health()
    assert (told.status, told.lines) == (Status.UNDEF, ("colour=black is no light",))
    lamp.trouble = raising(ObserveError("no answer"))
    assert (lamp.resource().health().status, lamp.resource().health().lines) == (Status.UNDEF, ("no answer",))
    assert lamp.resource(scope=("n2", "n3")).health().status is Status.NA


def test_provisioned_is_what_unprovisioning_would_take_away() -> None:
    """Beyond what a stop ends; None while it cannot be told."""
    lamp = Lamp(kept=True)
    assert lamp.resource().provisioned() is True
    lamp.resource().do(Verb.START)
    lamp.resource().do(Verb.UNPROVISION)
    assert (lamp.resource().provisioned(), lamp.on) == (False, False)
    lamp.on = True
    assert lamp.resource().provisioned() is False
    lamp.trouble = raising(ObserveError("no answer"))
    assert lamp.resource().provisioned() is None


def unread() -> Cluster:
    """No agent answers."""
    raise ObserveError("lsnr.sock: Connection refused")


def test_what_needs_no_cluster_is_stopped_without_one() -> None:
    """While no agent answers: a stop is a stop. A start is still refused."""
    lamp = Lamp()
    lamp.on = True
    resource = lamp.resource()
    alone = replace(resource, read=unread, system=replace(resource.system, stops_alone=True))
    assert [step.do for step in alone.steps(Verb.STOP)] == ["switch off"]
    alone.do(Verb.STOP)
    assert not lamp.on
    with pytest.raises(ObserveError, match="refused$"):
        alone.do(Verb.START)
    assert alone.health().status is Status.UNDEF


def test_a_stop_that_needs_the_cluster_names_the_way_out() -> None:
    """It is refused without one, and says what to do: start the agent, or end the processes oneself."""
    lamp = Lamp()
    lamp.on = True
    with pytest.raises(ObserveError, match="refused; stopping lamp may hand over .*om daemon start.* by hand"):
        replace(lamp.resource(), read=unread).do(Verb.STOP)
    assert lamp.on


@pytest.mark.parametrize(("name", "alone"), [("haproxy", True), ("follow", True), ("redis", False)])
def test_only_what_hands_over_needs_the_cluster_to_stop(name: str, alone: bool) -> None:
    """HAProxy and the follower are this node's own; Redis gives its role away first."""
    assert load_system(name).stops_alone is alone
