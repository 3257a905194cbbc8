"""Labels in, listeners and problems out: cases/*.json, one list of cases a file.

A case names objects (scope, env, config, instances as ``avail`` or ``avail:state``), dead nodes and containers. Of
each expected listener only the fields it gives are compared; problems are whole messages, sorted.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.cluster.labels import Check, Listener, Placement, discover
from osvc_ha.cluster.types import Cluster

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parent / "cases").glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]


def plain(listener: Listener, field: str) -> Any:
    """A listener's field as JSON writes it."""
    value = getattr(listener, field)
    if field == "nodes":
        return [[node, placement.value] for node, placement in value]
    if isinstance(value, (Check, Placement)):
        return value.value
    return list(value) if isinstance(value, tuple) else value


@pytest.mark.parametrize("case", CASES)
def test_labels_become_listeners_and_problems(make_cluster: Callable[..., Cluster], case: dict[str, Any]) -> None:
    """Each case gives exactly its listeners, in order, and exactly its problems."""
    cluster = make_cluster(case.get("objects", {}), dead=tuple(case.get("dead", ())))
    found = discover(cluster, case.get("containers", ()))
    wanted = case.get("listeners", [])
    assert [{field: plain(one, field) for field in want} for one, want in zip(found.listeners, wanted)] == wanted
    assert len(found.listeners) == len(wanted), [one.key for one in found.listeners]
    assert sorted(one.message for one in found.problems) == sorted(case.get("problems", []))


@pytest.mark.parametrize("check", [check for check in Check if check not in (Check.TCP, Check.HTTP)])
def test_h16_send_proxy_is_refused_where_the_protocol_has_none(make_cluster: Callable[..., Cluster], check: Check) -> None:
    """Redis, MongoDB and PostgreSQL do not speak the PROXY protocol: asking for it closes the listener, with a reason."""
    env = {"osvc.l4.enable": "true", "osvc.l4.port": "1234", "osvc.l4.check": check.value, "osvc.l4.send_proxy": "true"}
    found = discover(make_cluster({"prod/svc/a": {"env": env}}))
    assert found.listeners == ()
    assert [one.message for one in found.problems] == [
        f"service prod/svc/a: osvc.l4.send_proxy=true cannot go with the {check.value} check: its protocol has no PROXY header"
    ]


@pytest.mark.parametrize("check", [Check.REDIS, Check.REDIS_REPLICA, Check.POSTGRES])
def test_check_tls_is_refused_where_haproxy_cannot_ask_so(make_cluster: Callable[..., Cluster], check: Check) -> None:
    """PostgreSQL begins TLS within its own protocol, and Redis asks a certificate of its clients: the listener is closed, with a reason."""
    env = {"osvc.l4.enable": "true", "osvc.l4.port": "1234", "osvc.l4.check": check.value, "osvc.l4.check_tls": "true"}
    found = discover(make_cluster({"prod/svc/a": {"env": env}}))
    assert found.listeners == ()
    assert [one.message for one in found.problems] == [
        f"service prod/svc/a: osvc.l4.check_tls=true cannot go with the {check.value} check: HAProxy cannot ask that over TLS"
    ]
    assert discover(make_cluster({"prod/svc/a": {"env": {**env, "osvc.l4.check_tls": "false"}}})).listeners[0].check is check


def test_h16_send_proxy_is_off_unless_asked_for(make_cluster: Callable[..., Cluster]) -> None:
    """A plain TCP listener sends no PROXY header until its label says so."""
    env = {"osvc.l4.enable": "true", "osvc.l4.port": "80"}
    assert not discover(make_cluster({"prod/svc/a": {"env": env}})).listeners[0].send_proxy
    assert discover(make_cluster({"prod/svc/a": {"env": {**env, "osvc.l4.send_proxy": "true"}}})).listeners[0].send_proxy


def test_a_node_name_that_no_config_can_hold_is_left_out(make_cluster: Callable[..., Cluster]) -> None:
    """A hostile node name never reaches a listener."""
    told = {"scope": ["n1", "n2 backup\n"], "env": {"osvc.l4.enable": "true", "osvc.l4.port": "80"}}
    found = discover(make_cluster({"prod/svc/a": told}, nodes=("n1", "n2 backup\n")))
    assert found.listeners[0].scope == ("n1",)
    assert [one.message for one in found.problems] == [
        "service prod/svc/a: node n2 backup\\n of its scope has characters no config can hold; left out"
    ]
