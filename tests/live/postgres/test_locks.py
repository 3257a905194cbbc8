"""One postmaster in a directory and on a port, and nothing that a dead one left behind blocks a start: pitfalls P4 and P5."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import PATIENCE, PROGRAMS

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Status
from osvc_ha.systems.postgres.client.account import as_owner, environment

pytestmark = pytest.mark.live


@pytest.fixture
def stranger(server) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the same account that has nothing to do with PostgreSQL, which would take its pid for a postmaster's."""
    child = subprocess.Popen([*as_owner(server.config), "sleep", "600"])
    yield child
    child.kill()
    child.wait()


def crash(server) -> None:
    """Leave postmaster.pid and the lock of the socket behind."""
    server.await_gone(server.kill())
    assert (server.directory / "postmaster.pid").exists()


def renumber(path, pid: int) -> None:
    """As if the process that a file names had another number."""
    lines = path.read_text().splitlines()
    path.write_text("\n".join([str(pid), *lines[1:]]) + "\n")


def test_p4_a_pid_that_another_program_has_by_now_does_not_block_the_start(running, stranger) -> None:
    """After a crash, or on another node, the number in postmaster.pid may be anybody's; the data is served all the same."""
    crash(running)
    renumber(running.directory / "postmaster.pid", stranger.pid)
    steps = running.start()
    assert [step.do for step in steps] == ["remove-pid-file", "launch"]
    assert f"process {stranger.pid}, which is `sleep 600` here" in steps[0].why
    assert running.ask("select n from kept") == "1"
    assert stranger.poll() is None


def test_p4_the_lock_of_the_socket_is_judged_alike(running, stranger) -> None:
    """PostgreSQL would refuse a socket whose lock names any living process of its account."""
    crash(running)
    renumber(running.home / "socket" / f".s.PGSQL.{running.port}.lock", stranger.pid)
    assert [step.do for step in running.start()] == ["remove-lock", "launch"]
    assert running.health().status is Status.UP


def test_p4_a_pid_of_nobody_is_left_to_postgresql(running) -> None:
    """The usual crash: nothing is removed by us, PostgreSQL's own interlock stays in force."""
    crash(running)
    assert [step.do for step in running.start()] == ["launch"]


def test_p4_a_dead_server_that_nobody_has_reaped_does_not_block_the_start(running) -> None:
    """In a container whose first process reaps nobody, PostgreSQL takes its own dead postmaster for a living one."""
    crash(running)
    # sleep becomes the parent, which never asks how its child ended.
    program = ["/bin/sh", "-c", "sleep 600 & echo $!; exec sleep 600"]
    holder = subprocess.Popen([*as_owner(running.config), *program], stdout=subprocess.PIPE)
    zombie = int(holder.stdout.readline())
    name = Path(f"/proc/{holder.pid}/comm")
    assert running.host.wait(lambda: name.read_text() == "sleep\n", PATIENCE)
    running.host.kill(zombie, signal.SIGKILL)
    assert running.host.wait(lambda: not running.host.alive(zombie), PATIENCE)
    renumber(running.directory / "postmaster.pid", zombie)
    try:
        steps = running.start()
    finally:
        holder.kill()
        holder.communicate()
    assert [step.do for step in steps] == ["remove-pid-file", "launch"]
    assert "dead and not reaped" in steps[0].why
    assert running.ask("select n from kept") == "1"


def test_p4_a_server_that_somebody_started_by_hand_is_the_server(running) -> None:
    """Started outside OpenSVC, it is up, a start does nothing, and a stop ends it."""
    running.stop()
    options = f"-p {running.port} -k {running.home}/socket -c listen_addresses={running.address}"
    by_hand = [str(PROGRAMS / "pg_ctl"), "-D", str(running.directory), "-o", options, "-w", "-l", "/dev/null", "start"]
    subprocess.run(
        [*as_owner(running.config), *by_hand],
        check=True,
        timeout=PATIENCE,
        env=environment(running.config),
        stdout=subprocess.DEVNULL,
    )
    pid = running.pid
    assert running.health().status is Status.UP
    assert running.start() == []
    assert running.pid == pid
    running.stop()
    assert running.pid == 0


def test_p4_never_a_second_server_on_our_port(running, make_server) -> None:
    """Debian's own cluster on 5432: the start is refused by name, and the other one serves on."""
    other = make_server("other", running.port)
    with pytest.raises(UnsafePlan, match=f"port {running.port} is held by the PostgreSQL of {running.directory}, process {running.pid}"):
        other.start()
    assert other.health().status is Status.DOWN
    assert other.stop() == []
    assert running.ask("select n from kept") == "1"


def test_p4_a_port_that_another_program_has_is_said(server, make_server) -> None:
    """No riddle in a log: which port, which address, how to see who it is."""
    import socket

    with socket.create_server((server.address, server.port)), pytest.raises(UnsafePlan, match=f"port {server.port} is held on .*ss -ltnp"):
        server.start()


def test_two_servers_with_one_port_and_nothing_in_common_both_run(running, make_server, net) -> None:
    """Two services, each with an address and a socket of its own, may both use 5432."""
    other = make_server("other", running.port, listen=net.addresses[1])
    other.address = net.addresses[1]
    other.start()
    assert other.health().status is Status.UP
    assert running.health().status is Status.UP


def test_p4_what_a_dead_postmaster_left_running_is_ended_before_the_next_start(running) -> None:
    """A busy backend does not notice that its postmaster died; the next server must not run beside it."""
    busy = next(running.sessions(1))
    busy.stdin.write("insert into kept values (2);\nselect count(*) from generate_series(1, 1000000000000);\n")
    busy.stdin.flush()
    assert running.host.wait(lambda: running.ask("select count(*) from kept") == "2", PATIENCE)
    active = "select count(*) from pg_stat_activity where query like '%generate_series%' and pid <> pg_backend_pid()"
    assert running.host.wait(lambda: running.ask(active) == "1", PATIENCE)
    pid = running.kill(signal.SIGKILL)
    assert running.host.wait(lambda: not running.host.alive(pid) and len(running.orphans()) == 1, PATIENCE)
    health = running.health()
    assert health.status is Status.WARN and "the postmaster is dead, and its processes" in health.lines[0]
    assert [step.do for step in running.start()] == ["end-orphans", "launch"]
    assert running.ask("select count(*) from kept") == "2"
    busy.kill()
    busy.communicate()


def test_p5_a_marker_that_survived_is_said_with_the_command_that_removes_it(running) -> None:
    """standby.signal would turn the next start into a standby for ever: a warning now, a refusal then, the same command in both."""
    marker = running.directory / "standby.signal"
    marker.touch()
    health = running.health()
    assert health.status is Status.UP
    assert f"rm {marker}" in health.lines[0]
    running.stop()
    with pytest.raises(UnsafePlan, match=f"standby of another server.*rm {marker}"):
        running.start()
    marker.unlink()
    running.start()
    assert running.ask("select n from kept") == "1"
