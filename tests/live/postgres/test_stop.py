"""STOP: it always ends the server, as gently as the server lets it."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from postgres_server import PATIENCE, PROGRAMS

from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.postgres.client import ending

pytestmark = pytest.mark.live


def state_of(server) -> str:
    """As pg_controldata says: ``shut down``, or ``in production`` for one that has to recover."""
    argv = [str(PROGRAMS / "pg_controldata"), str(server.directory)]
    told = subprocess.run(argv, check=True, capture_output=True, text=True, env={"LC_ALL": "C"}, timeout=PATIENCE).stdout
    return next(line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("Database cluster state"))


def test_open_sessions_are_cut_and_the_shutdown_is_clean(running, caplog) -> None:
    """Clients that stay connected do not hold a failover up, and the next start has nothing to recover."""
    sessions = list(running.sessions(3))
    running.stop()
    assert state_of(running) == "shut down"
    assert not caplog.records
    assert running.health().status is Status.DOWN
    for child in sessions:
        child.kill()
        child.communicate()


def test_a_stop_of_what_does_not_run_does_nothing(server) -> None:
    """The passive node, and a second stop."""
    assert server.stop() == []


def test_what_a_fast_stop_does_not_end_an_immediate_one_does(make_server, caplog) -> None:
    """A backend that hangs costs stop_timeout and a few seconds, with a sentence; nothing that was committed is lost."""
    server = make_server(stop_timeout="1")
    server.start()
    server.ask("create table kept as select 1 as n")
    session = next(server.sessions(1))
    backend = int(server.ask("select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()"))
    os.kill(backend, signal.SIGSTOP)
    server.stop()
    assert [record.getMessage().partition(": ")[2] for record in caplog.records] == [
        "no end 1 s after a fast stop; stopped immediately, and the next start recovers"
    ]
    assert (server.pid, server.orphans()) == (0, ())
    server.start()
    assert server.ask("select n from kept") == "1"
    session.kill()
    session.communicate()


def test_a_frozen_server_is_killed_last_and_nothing_of_it_is_left(make_server, caplog, monkeypatch) -> None:
    """One that does not even take signals says so in its status; only after both stops had their time it is killed."""
    monkeypatch.setattr(ending, "IMMEDIATE_SECONDS", 1.0)
    server = make_server(stop_timeout="1")
    server.start()
    server.ask("create table kept as select 1 as n")
    pid = server.kill(signal.SIGSTOP)
    health = server.health()
    assert health.status is Status.WARN
    assert f"process {pid} does not answer" in health.lines[0]
    server.stop()
    assert [record.getMessage().rpartition("; ")[2].partition(",")[0] for record in caplog.records] == ["stopped immediately", "killed"]
    assert not server.host.alive(pid)
    assert (server.pid, server.orphans()) == (0, ())
    server.start()
    assert server.ask("select n from kept") == "1"


def test_a_stop_needs_neither_the_directory_nor_the_volume(running) -> None:
    """The disk is gone, or was moved under the server: its process is found and ended all the same."""
    pid = running.pid
    running.directory.rename(running.home / "moved")
    running.do(Verb.STOP)
    assert not running.host.alive(pid)


def test_a_stop_while_it_starts_ends_it(server) -> None:
    """A failover that is called off leaves no server behind that comes up later."""
    server.say_in_config("restore_command = 'sleep 30; false'")
    (server.directory / "recovery.signal").touch()
    server.keywords["ready_timeout"] = "1"
    with pytest.raises(Exception, match="not ready within"):
        server.start()
    pid = server.pid
    server.stop()
    assert not server.host.alive(pid)
    assert server.pid == 0
