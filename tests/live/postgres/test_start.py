"""START: what it does, waits for, refuses, and says when the server does not come up."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import time

import pytest

from osvc_ha.planner.errors import ApplyError, HaError, UnsafePlan
from osvc_ha.planner.types import Status

pytestmark = pytest.mark.live


def test_it_is_up_once_it_takes_writes_and_a_second_start_does_nothing(server) -> None:
    """After a start the service answers and its status says so; starting it again changes nothing."""
    assert [step.do for step in server.start()] == ["launch"]
    server.ask("create table t (n int)")
    health = server.health()
    assert (health.status, health.lines) == (Status.UP, ())
    assert dict(health.facts)["role"] == "primary"
    pid = server.pid
    assert server.start() == []
    assert server.pid == pid


def test_after_a_crash_it_is_down_and_a_start_brings_back_what_was_committed(running) -> None:
    """A killed server is down, not undefined, and the next start recovers."""
    running.await_gone(running.kill())
    assert running.health().status is Status.DOWN
    running.start()
    assert running.ask("select n from kept") == "1"


def test_a_broken_configuration_is_said_with_file_and_line_and_nothing_is_lost(running) -> None:
    """Who broke postgresql.conf reads where, before the restart as a warning and at the start as its error."""
    running.say_in_config("this is = not ( a setting")
    line = len((running.directory / "postgresql.conf").read_text().splitlines())
    [warning] = running.health().lines
    assert "the next start would fail" in warning and f"postgresql.conf:{line}" in warning
    running.stop()
    with pytest.raises(ApplyError, match=f"syntax error in file .*postgresql.conf. line {line}"):
        running.start()
    config = running.directory / "postgresql.conf"
    config.write_text("\n".join(config.read_text().splitlines()[:-1]) + "\n")
    running.start()
    assert running.ask("select n from kept") == "1"


def test_a_broken_pg_hba_is_warned_of_while_the_server_still_runs(running) -> None:
    """A typing mistake there would keep the server from starting on the next node."""
    with open(running.directory / "pg_hba.conf", "a") as sink:
        sink.write("host all all nonsense/99 scram\n")
    health = running.health()
    assert health.status is Status.UP
    assert "the next start would fail: pg_hba.conf:" in health.lines[0]


def test_p1_data_that_patroni_works_on_is_left_to_it(server) -> None:
    """Two that decide who is primary split it."""
    (server.directory / "patroni.dynamic.json").write_text("{}")
    with pytest.raises(UnsafePlan, match=r"let OpenSVC run Patroni instead"):
        server.start()
    assert server.pid == 0


def test_a_clock_that_is_set_moves_no_deadline(server, monkeypatch) -> None:
    """It goes back by an hour at every look: a server that does not come up is given up in time all the same."""
    set_back = itertools.count(2_000_000_000, -3600)
    monkeypatch.setattr(server.host, "now", lambda: float(next(set_back)))
    server.keywords["ready_timeout"] = "1"
    server.say_in_config("restore_command = 'sleep 30; false'")
    (server.directory / "recovery.signal").touch()
    began = time.monotonic()
    with pytest.raises(ApplyError, match="not ready within 1 s"):
        server.start()
    assert time.monotonic() - began < 20


def test_data_of_another_major_version_is_refused_with_the_way_out(server) -> None:
    """A node with other programs than the data's says so, and touches nothing."""
    (server.directory / "PG_VERSION").write_text("13\n")
    before = sorted(path.name for path in server.directory.iterdir())
    with pytest.raises(UnsafePlan, match="the data is of PostgreSQL 13, .* pg_upgrade"):
        server.start()
    assert sorted(path.name for path in server.directory.iterdir()) == before
    assert server.health().status is Status.DOWN


def test_programs_that_are_missing_are_said_by_path(make_server) -> None:
    """A node where PostgreSQL was never installed says what to install."""
    server = make_server(programs="/usr/lib/postgresql/99/bin")
    with pytest.raises(UnsafePlan, match="/usr/lib/postgresql/99/bin/postgres: not found; .*install it"):
        server.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to change an owner")
def test_another_uid_on_this_node_is_said_with_both(server) -> None:
    """The volume came from a node where the account has another number: neither chown nor a riddle in the log."""
    os.chown(server.directory, 12345, -1)
    with pytest.raises(UnsafePlan, match="belongs to uid 12345, and postgres is uid"):
        server.start()


def test_start_never_makes_a_database(make_blank) -> None:
    """A volume that is unexpectedly empty is lost data: nobody gets a new, empty database instead."""
    server = make_blank()
    with pytest.raises(HaError, match="does not exist; if there is no data yet, provision"):
        server.start()
    server.directory.mkdir()
    with pytest.raises(HaError, match="is empty; if there is no data yet, provision"):
        server.start()
    assert list(server.directory.iterdir()) == []
    assert server.health().status is Status.DOWN


def test_a_volume_that_is_not_mounted_is_waited_for_by_nobody(make_server) -> None:
    """Data below a mount point where nothing is mounted is not the service's: not started, though it is there."""
    server = make_server()
    server.keywords["mount"] = str(server.home)
    with pytest.raises(ApplyError, match="is not mounted on n1"):
        server.start()
    assert server.health().status is Status.DOWN
    assert server.provision() == []


def test_a_server_that_does_not_get_ready_in_time_says_how_far_it_is(make_server) -> None:
    """A start ends within ready_timeout, with the reason, and leaves the recovery going."""
    server = make_server(ready_timeout="1")
    server.say_in_config("restore_command = 'sleep 30; false'")
    (server.directory / "recovery.signal").touch()
    with pytest.raises(ApplyError, match="not ready within 1 s: .*; it goes on"):
        server.start()
    assert server.pid
    assert server.health().status is Status.WARN


def start_quietly(server) -> str:
    """In a process of its own: "" or the error."""
    try:
        server.start()
    except HaError as error:
        return str(error)
    return ""


def test_two_starts_at_once_make_one_server(server) -> None:
    """Whatever calls twice, an agent and a person: one postmaster, and the data is whole."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        errors = pool.map(start_quietly, [server, server])
        assert "" in errors
        assert server.health().status is Status.UP
        assert server.ask("select 1") == "1"
