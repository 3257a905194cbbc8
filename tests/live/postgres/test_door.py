"""HAProxy's ``postgres`` check against a real PostgreSQL: clients are led to a server that takes them, and to no other."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from postgres_door import Door
from postgres_server import PATIENCE

from osvc_ha.systems.postgres.client.account import as_owner, environment
from osvc_ha.systems.postgres.client.scanning import running as found_of

pytestmark = pytest.mark.live


@pytest.fixture
def door(running, net, ports) -> Door:
    """The service may be on n1, where its server runs, or on n2, where nothing does."""
    made = Door(running.run, {"n1": running.address, "n2": net.addresses[1]}, next(ports), running.port)
    made.start()
    made.await_up("n1")
    return made


def query(server, door: Door, sql: str) -> subprocess.CompletedProcess[str]:
    """Through the door."""
    argv = server.client("psql", "-X", "-A", "-t", "-w", "-d", "postgres", "-p", str(door.port), "-c", sql)
    return subprocess.run(argv, env=server.environment(), capture_output=True, text=True, timeout=PATIENCE, cwd="/", check=False)


def test_clients_reach_the_server_and_nobody_a_stopped_one(running, door) -> None:
    """A stop closes the door, a start opens it again."""
    assert query(running, door, "select n from kept").stdout == "1\n"
    running.stop()
    door.await_up()
    running.start()
    door.await_up("n1")
    assert query(running, door, "select n from kept").stdout == "1\n"


def test_p6_a_server_that_recovers_gets_nobody(running, door) -> None:
    """Its port is open long before it takes clients."""
    running.ask("create table big as select n, repeat('x', 500) as t from generate_series(1, 50000) as n")
    running.await_gone(running.kill())
    door.await_up()
    running.keywords["ready_timeout"] = "1"
    running.say_in_config("restore_command = 'sleep 30; false'")
    (running.directory / "recovery.signal").touch()
    with pytest.raises(Exception, match="not ready within"):
        running.start()
    # Ten checks.
    running.host.sleep(1.0)
    assert door.up() == ()
    assert "the database system is starting up" in (running.home / "postgres.log").read_text()
    running.stop()


def test_a_server_that_does_not_know_the_check_is_used(running, door) -> None:
    """pg_hba.conf may let in the application alone, and only with TLS: the check is refused a login, the clients are not."""
    hba = running.directory / "pg_hba.conf"
    hba.write_text(f"local all all peer\nhost all {running.config.role} all scram-sha-256\n")
    os.kill(running.pid, signal.SIGHUP)
    log = running.home / "postgres.log"
    assert running.host.wait(lambda: "no pg_hba.conf entry for host" in log.read_text(), PATIENCE)
    running.host.sleep(1.0)
    assert door.up() == ("n1",)
    assert query(running, door, "select n from kept").stdout == "1\n"


def test_without_a_connection_left_the_client_hears_it_from_the_server(make_server, net, ports) -> None:
    """Not a closed door, which looks like a dead server, but PostgreSQL's own words."""
    server = make_server()
    server.say_in_config("max_connections = 5\nsuperuser_reserved_connections = 1\nmax_wal_senders = 0")
    server.start()
    door = Door(server.run, {"n1": server.address}, next(ports), server.port)
    door.start()
    door.await_up("n1")
    sessions = []

    def refused() -> bool:
        return "sorry, too many clients already" in query(server, door, "select 1").stderr

    def taken() -> bool:
        # A check may have the last connection for a moment; then it is free again at the next question.
        if all(refused() for _ in range(5)):
            return True
        sessions.extend(server.sessions(1))
        return False

    assert server.host.wait(taken, PATIENCE)
    # Ten checks.
    server.host.sleep(1.0)
    assert door.up() == ("n1",)
    assert refused()
    for child in sessions:
        child.kill()
        child.communicate()


def test_checks_leave_nothing_in_the_servers_log(running, door) -> None:
    """Five times a second from every node, a line each would fill the disk."""
    log = running.home / "postgres.log"
    before = log.read_text()
    # Ten checks.
    running.host.sleep(1.0)
    assert log.read_text() == before


def test_a_server_that_hangs_gets_nobody(running, door) -> None:
    """Its kernel still accepts connections."""
    running.kill(signal.SIGSTOP)
    door.await_up()
    running.kill(signal.SIGCONT)
    door.await_up("n1")


def test_a_standby_is_not_told_from_a_primary(running, door) -> None:
    """As docs/systems/postgres.md says: without a password nobody can ask. Our own start refuses to make one."""
    running.stop()
    door.await_up()
    (running.directory / "standby.signal").touch()
    config = running.config
    argv = [
        f"{config.programs}/postgres",
        "-D",
        config.directory,
        "-p",
        str(config.port),
        "-k",
        config.socket_dir,
        "-c",
        f"listen_addresses={running.address}",
    ]
    running.host.launch([*as_owner(config), *argv], running.home / "by-hand.log", environment(config))
    door.await_up("n1")
    assert query(running, door, "select pg_is_in_recovery()").stdout == "t\n"
    assert found_of(config, running.host).postmaster
    assert "standby.signal" in running.health().lines[0]


def test_placement_closes_the_door_whatever_the_check_says(running, door) -> None:
    """A server that still answers where OpenSVC does not run the service any more gets nobody."""
    door.place("n2")
    door.await_up()
    door.place("n1")
    door.await_up("n1")
