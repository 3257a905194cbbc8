"""A service that was made with a mistake in it, and is taken away again: on real sockets, with no mongod."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

import pytest
from dns_servers import free_port

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, UnsafePlan
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo import SYSTEM

PATH = "prod/svc/db"
NODES = ("n1", "n2", "n3")


def never_provisioned() -> Cluster:
    """Three instances that were created and no more."""
    nodes = {node: Node(node, True, labels={"osvc_ha_address": f"127.0.77.{number}"}) for number, node in enumerate(NODES, 1)}
    instances = {node: Instance(node, "down", provisioned=False, state="purging") for node in NODES}
    return Cluster("id", "prod", "n2", nodes, {PATH: Object(PATH, NODES, instances, "flex")})


@pytest.fixture
def keywords(tmp_path: Path) -> dict[str, str]:
    """A directory that is not there, and a port where nobody listens."""
    return {"path": PATH, "port": str(free_port()), "directory": str(tmp_path / "none")}


WRONG = [{"domain": "db.invalid"}, {}]


@pytest.mark.parametrize("wrong", WRONG, ids=["a domain that does not resolve", "addresses instead of names"])
@pytest.mark.parametrize("verb", [Verb.STOP, Verb.UNPROVISION])
def test_members_without_usable_names_can_be_purged(keywords: dict[str, str], wrong: dict[str, str], verb: Verb, host: Host) -> None:
    """Nothing was ever there, so there is nothing to do; the mistake need not be mended first."""
    config = SYSTEM.parse({**keywords, **wrong})
    assert reconcile(SYSTEM, config, never_provisioned(), verb, host).steps == ()


def test_a_resolver_that_hangs_does_not_keep_it(keywords: dict[str, str], host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose name server is away: nobody listens on the port here, and that is known without it."""
    hung = threading.Event()

    def resolve(*asked: object, **named: object) -> None:
        hung.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    try:
        config = SYSTEM.parse({**keywords, "domain": "db.example.com"})
        assert reconcile(SYSTEM, config, never_provisioned(), Verb.UNPROVISION, host).steps == ()
    finally:
        hung.set()


def test_a_start_still_names_the_mistake(keywords: dict[str, str], host: Host) -> None:
    """Members that are known by addresses are refused before anything is begun."""
    with pytest.raises(ConfigError, match="members are named by names"):
        reconcile(SYSTEM, SYSTEM.parse(keywords), never_provisioned(), Verb.START, host)


def test_a_start_under_a_name_that_leads_nowhere_is_refused_at_once(keywords: dict[str, str], tmp_path: Path, host: Host) -> None:
    """Nobody waits for a mongod that could never be found: the refusal has the name, and nothing is launched."""
    program = tmp_path / "mongod"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/launched\nsleep 60\n")
    program.chmod(0o755)
    config = SYSTEM.parse({**keywords, "domain": "db.invalid", "mongod": str(program)})
    began = time.monotonic()
    with pytest.raises(
        UnsafePlan, match=rf"n2\.db\.invalid:{keywords['port']} does not lead n2 to its own mongod: .* does not resolve here"
    ):
        reconcile(SYSTEM, config, never_provisioned(), Verb.START, host)
    assert time.monotonic() - began < config.ready_timeout / 4
    assert not (tmp_path / "launched").exists()


def test_data_is_not_purged_under_a_name_that_nobody_knows(keywords: dict[str, str], host: Host) -> None:
    """Where there is data, it may be a member that counts: the names come first."""
    data = Path(keywords["directory"]) / "data"
    data.mkdir(parents=True)
    (data / "WiredTiger").touch()
    with pytest.raises(UnsafePlan, match="members are named by names"):
        reconcile(SYSTEM, SYSTEM.parse(keywords), never_provisioned(), Verb.UNPROVISION, host)
