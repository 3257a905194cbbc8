"""Backends with one writer close the sessions of a server that stops being it."""

from __future__ import annotations

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.types import Verb
from osvc_ha.systems.haproxy import SYSTEM


def rendered(check: str) -> str:
    """The fragment of one service with this check, on two nodes."""
    nodes = {name: Node(name, True, labels={"osvc_ha_address": f"10.0.0.{number}"}) for number, name in enumerate(("n1", "n2"), 1)}
    env = {"osvc.l4.enable": "true", "osvc.l4.port": "7000", "osvc.l4.check": check}
    instances = {name: Instance(name, "up") for name in nodes}
    service = Object("prod/svc/db", ("n1", "n2"), instances, "flex", config={"env": env})
    wanted = SYSTEM.desired(SYSTEM.parse({}), Cluster("id", "c", "n1", nodes, {service.path: service}), Verb.START)
    return next(fragment.text for fragment in wanted.fragments if fragment.key == "prod/svc/db:main")


@pytest.mark.parametrize("check", ["redis", "mongo-primary", "patroni"])
def test_h7_a_writer_that_is_marked_down_loses_its_sessions(check: str) -> None:
    """An established session does not outlive the authority it was opened under."""
    assert "on-marked-down shutdown-sessions" in rendered(check)


@pytest.mark.parametrize("check", ["tcp", "postgres", "http:/"])
def test_a_failing_probe_cuts_no_session_where_nobody_else_may_write(check: str) -> None:
    """For these, OpenSVC's placement decides; one slow answer must not end a working session."""
    assert "shutdown-sessions" not in rendered(check)


def test_a_node_without_an_address_costs_its_own_server_only() -> None:
    """Both agents drop a dead node's labels: the listener stays, and the votes still count against the whole scope."""
    nodes = {name: Node(name, name != "n3", labels=labels_of(name)) for name in ("n1", "n2", "n3")}
    env = {"osvc.l4.enable": "true", "osvc.l4.port": "7000", "osvc.l4.check": "redis"}
    service = Object("prod/svc/db", tuple(nodes), {"n1": Instance("n1", "up")}, "flex", config={"env": env})
    wanted = SYSTEM.desired(SYSTEM.parse({}), Cluster("id", "c", "n1", nodes, {service.path: service}), Verb.FOLLOW)
    text = next(fragment.text for fragment in wanted.fragments if fragment.key == "prod/svc/db:main")
    assert "server n1 10.0.0.1" in text and "server n2 10.0.0.2" in text and "server n3" not in text
    assert '"GET /2/' in text
    assert any("n3" in problem and "left out" in problem for problem in wanted.problems)


def labels_of(name: str) -> dict[str, str]:
    """An address for every node but n3."""
    return {} if name == "n3" else {"osvc_ha_address": f"10.0.0.{name[1:]}"}
