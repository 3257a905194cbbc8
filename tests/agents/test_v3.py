"""Agent 3's app.forking: keywords in the environment, words and exit codes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from osvc_ha.agents import v3
from osvc_ha.agents.resource import Resource
from osvc_ha.host import Host
from osvc_ha.planner.types import Status
from osvc_ha.registry import load_system

FOLLOW = load_system("follow")


def test_keywords_are_upper_case_behind_a_prefix() -> None:
    """What belongs to others is left alone; what looks like ours and is not is named."""
    environ = {"OSVC_HA_SYSTEMS": "redis", "OSVC_HA_PATH": "", "OSVC_HA_COLOUR": "blue", "PATH": "/bin", "OSVC_ROOT_PATH": "/opt"}
    given, warnings = v3.keywords_from(environ, FOLLOW)
    assert given == {"systems": "redis", "path": ""}
    assert warnings == ("OSVC_HA_COLOUR: follow has no such keyword in this version; it is ignored",)


def test_the_agent_says_which_service_it_is() -> None:
    """In actions by one name, in its daemon's checks by another, either of them short for the root namespace."""
    assert v3.path_from({"OPENSVC_SVCPATH": "prod/svc/redis", "OPENSVC_NAME": "redis", "OPENSVC_SVC_ID": "1"}) == "prod/svc/redis"
    assert v3.path_from({"OPENSVC_SVCPATH": "prod/svc/ingress", "OPENSVC_NAME": "prod/svc/redis"}) == "prod/svc/redis"
    assert v3.path_from({"OPENSVC_SVCPATH": "prod/svc/redis"}) == "prod/svc/redis"
    assert v3.path_from({"OPENSVC_NAME": "redis"}) == "root/svc/redis"
    assert v3.path_from({}) == ""


def test_every_status_has_the_exit_code_of_the_documented_retcodes() -> None:
    """`retcodes = 0:up 1:down 2:warn 3:n/a 5:undef`"""
    assert " ".join(f"{code}:{status.value}" for status, code in v3.EXIT.items()) == "0:up 1:down 2:warn 3:n/a 5:undef"


def test_lines_survive_the_agents_formats() -> None:
    """A percent sign is doubled for the agent, and for nobody else; a line is one line."""
    assert v3.line("99 %\nof it", {"OPENSVC_RID": "app#1"}) == "99 %% of it"
    assert v3.line("99 % of it", {}) == "99 % of it"


def test_a_fact_has_one_colon() -> None:
    """The agent drops every other line of `info`."""
    assert v3.fact("n1: master", "10.0.0.1:6379\nwell") == "n1  master: 10.0.0.1 6379 well"


def test_a_fault_of_ours_is_undef() -> None:
    """Python would end with 1, and that is down, after which an agent stops nothing."""

    def boom(*_: Any) -> Any:
        raise ZeroDivisionError("by zero")

    health = v3.health(Resource(replace(FOLLOW, parse=boom), {}, "prod/svc/one", boom, Host()))
    assert (health.status, health.lines) == (Status.UNDEF, ("follow status: ZeroDivisionError: by zero; this is a fault of osvc_ha",))
