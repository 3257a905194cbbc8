"""What a follower says of what it saw."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status
from osvc_ha.seen import Seen, parse_seen
from osvc_ha.telling import Teller
from osvc_ha.testing import FakeHost

UP = Health(Status.UP, ("a warning",), (("master", "n1"),))


def test_a_look_is_written_for_its_resource(host: Host, tmp_path: Path) -> None:
    """Who looked, when, what was wrong, and how each system is."""
    with Teller(tmp_path, "", host) as teller:
        before = host.now()
        teller.tell("", {"haproxy": UP}, None)
        seen = parse_seen(host.read(tmp_path / "watch.json"))
    assert (seen.pid, seen.problem, dict(seen.systems)) == (os.getpid(), "", {"haproxy": UP})
    assert before <= seen.looked_at <= host.now()


def test_before_its_first_look_it_has_not_looked(host: Host, tmp_path: Path) -> None:
    """A new follower does not pass off what the one before it saw."""
    with Teller(tmp_path, "", host) as teller:
        teller.tell("", {"haproxy": UP}, None)
    with Teller(tmp_path, "", host):
        assert parse_seen(host.read(tmp_path / "watch.json")) == Seen(pid=os.getpid())


def test_a_disk_that_takes_nothing_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """The follower's work does not depend on who reads of it."""
    host = FakeHost()
    host.broken.add("/run/x/watch.json")
    with caplog.at_level(logging.WARNING), Teller(Path("/run/x"), "", host) as teller:
        caplog.clear()
        teller.tell("no agent", {}, None)
    assert [record.getMessage() for record in caplog.records] == [
        "/run/x/watch.json: cannot be written: it is broken; the old file is untouched"
    ]


def test_without_an_agent_it_is_written_all_the_same(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nobody to push to: what was seen is in the file, and nothing breaks."""
    monkeypatch.setenv("OSVC_ROOT_PATH", str(tmp_path / "nowhere"))
    service = Object("prod/svc/in", ("n1",), {"n1": Instance("n1", "up")}, config={"app#1": {"type": "hahaproxy"}})
    cluster = Cluster("id", "lab", "n1", {"n1": Node("n1", True)}, {service.path: service})
    with Teller(tmp_path, service.path, host) as teller:
        teller.tell("", {"haproxy": UP}, cluster)
        assert dict(parse_seen(host.read(tmp_path / "watch.json")).systems) == {"haproxy": UP}
