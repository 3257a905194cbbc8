"""The status: what is up, what is not yet, and what an operator should know of a server that is."""

from __future__ import annotations

import os
import signal

import pytest
from postgres_server import PATIENCE

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Status
from osvc_ha.systems.postgres.client.account import as_owner, environment
from osvc_ha.systems.postgres.client.scanning import running as found_of

pytestmark = pytest.mark.live


def startup_process(server) -> int:
    """The process that recovers; 0 when there is none."""
    children = found_of(server.config, server.host).children
    return next((one.pid for one in children if one.command[0].startswith("postgres: startup")), 0)


def launch_and_freeze_the_recovery(server) -> int:
    """Start it by hand after a crash, and stop the recovery in its middle. Returns the frozen process."""
    config = server.config
    argv = [f"{config.programs}/postgres", "-D", config.directory, "-p", str(config.port), "-k", config.socket_dir]
    argv += ["-c", f"listen_addresses={server.address}", "-c", "recovery_prefetch=off"]
    server.host.launch([*as_owner(config), *argv], server.home / "by-hand.log", environment(config))
    assert server.host.wait(lambda: startup_process(server) != 0, PATIENCE, 0.001)
    frozen = startup_process(server)
    os.kill(frozen, signal.SIGSTOP)
    return frozen


def test_p6_a_recovery_is_a_warning_with_its_progress_and_up_afterwards(running) -> None:
    """While a crash is recovered, the status tells that and how far; nobody takes it for down or for up."""
    running.ask("alter system set checkpoint_timeout = '1h'")
    running.ask("alter system set max_wal_size = '2GB'")
    running.ask("select pg_reload_conf()")
    running.ask("create table big as select n, repeat('x', 500) as t from generate_series(1, 150000) as n")
    running.await_gone(running.kill())
    frozen = launch_and_freeze_the_recovery(running)
    health = running.health()
    os.kill(frozen, signal.SIGCONT)
    assert health.status is Status.WARN
    assert any(words in health.lines[0] for words in ("at WAL segment 0000", "takes no queries yet")), health.lines
    assert [step.do for step in running.start()] == ["wait"]
    assert running.health().status is Status.UP
    assert running.ask("select count(*) from big") == "150000"


def test_a_server_without_a_connection_left_is_up_and_says_so(make_server) -> None:
    """It serves those who are in: a restart would only throw them out."""
    server = make_server()
    server.say_in_config("max_connections = 5\nsuperuser_reserved_connections = 1\nmax_wal_senders = 0")
    server.start()
    sessions = list(server.sessions(5))
    health = server.health()
    assert health.status is Status.UP
    assert "every connection is taken" in health.lines[0]
    assert server.start() == []
    for child in sessions:
        child.kill()
        child.communicate()


def test_a_server_that_lets_us_not_in_is_up_and_says_what_to_change(running) -> None:
    """Somebody hardened pg_hba.conf: that is no outage."""
    hba = running.directory / "pg_hba.conf"
    hba.write_text("host all all all reject\n")
    running.host.kill(running.pid, signal.SIGHUP)
    assert running.host.wait(lambda: bool(running.health().lines), PATIENCE)
    health = running.health()
    assert health.status is Status.UP
    assert "cannot be asked how it is" in health.lines[0] and "by peer in pg_hba.conf" in health.lines[0]


def test_another_port_in_the_keywords_is_said_and_not_taken_for_down(running) -> None:
    """A changed keyword reaches a running server by a stop and a start; until then the status says so."""
    was = running.port
    running.keywords["port"] = str(was + 1)
    health = running.health()
    assert health.status is Status.WARN
    assert f"runs with port {was}, and the keyword says {was + 1}" in health.lines[0]
    with pytest.raises(UnsafePlan):
        running.start()
    running.stop()
    assert running.pid == 0


def test_a_role_without_rights_sees_enough(running) -> None:
    """A status asked as a plain role: no facts that it may not read, and no warning either."""
    running.ask("create role plain login password 'x'")
    with open(running.directory / "pg_hba.conf", "r+") as file:
        text = file.read()
        file.seek(0)
        file.write("local all plain trust\n" + text)
    running.ask("select pg_reload_conf()")
    running.keywords["role"] = "plain"
    assert running.host.wait(lambda: running.health().lines == (), PATIENCE)
    assert running.health().status is Status.UP
