"""Starting, stopping, dying: what OpenSVC sees, and what clients do."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import threading

import pytest

from osvc_ha.drill.processes import wait_until
from osvc_ha.planner.errors import ApplyError, HaError, ObserveError
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live
PATIENCE = 30.0


@pytest.fixture
def cache(front, group, ports):
    """The group's listener, not started."""
    front.port = next(ports)
    front.service("cache", front.port, "redis", target_port=group.port, sentinel_port=group.sentinel_port)
    return front


def masters(front) -> list[int]:
    """Every HAProxy process that runs our config and has another parent than one of them."""
    ours = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as words, open(f"/proc/{pid}/stat") as stat:
            if str(front.config.config_file).encode() in words.read().split(b"\0"):
                ours[int(pid)] = int(stat.read().rpartition(")")[2].split()[1])
    return sorted(pid for pid, parent in ours.items() if parent not in ours)


def test_every_verb_may_come_twice(cache) -> None:
    """START, FOLLOW and STOP of what is so already do nothing, and status says up, up, down."""
    assert cache.health().status is Status.DOWN
    assert [step.do for step in cache.start().steps] == ["write", "start"]
    cache.await_up("n3")
    worker = cache.worker()
    assert cache.start().steps == cache.follow().steps == ()
    assert (cache.health().status, cache.health().lines) == (Status.UP, ())
    assert cache.worker() == worker
    assert [step.do for step in cache.do(Verb.STOP).steps] == ["stop"]
    assert masters(cache) == []
    assert cache.do(Verb.STOP).steps == ()
    assert cache.health().status is Status.DOWN


def test_follow_starts_nothing(cache) -> None:
    """Where OpenSVC has not started HAProxy, an event writes the config at most."""
    assert [step.do for step in cache.follow().steps] == ["write"]
    assert masters(cache) == []
    assert cache.health().status is Status.DOWN


def test_h3_from_the_first_millisecond_no_connection_reaches_a_replica(cache, ask) -> None:
    """While it starts, clients are refused or reach the master, which is the last in the list."""
    seen: list[str] = []
    done = threading.Event()

    def knock() -> None:
        while not done.is_set():
            words = ask(cache.addresses["n1"], cache.port, "ROLE").split("\r\n")
            seen.append(words[2] if len(words) > 2 else "")

    knocking = [threading.Thread(target=knock) for _ in range(3)]
    for thread in knocking:
        thread.start()
    try:
        cache.start()
        cache.await_up("n3")
        wait_until("some are answered", lambda: seen.count("master") > 100, PATIENCE)
    finally:
        done.set()
        for thread in knocking:
            thread.join()
    assert set(seen) == {"", "master"}


def test_after_a_crash_start_brings_it_back(cache) -> None:
    """SIGKILL of the master process takes the workers along; the next START serves again."""
    cache.start()
    cache.await_up("n3")
    worker = cache.worker()
    (master,) = masters(cache)
    os.kill(master, signal.SIGKILL)
    wait_until("both are gone", lambda: not cache.host.alive(master) and not cache.host.alive(worker), PATIENCE)
    # Its last thread may hold the socket for a moment longer: "cannot tell".
    wait_until("it is down", lambda: cache.health().status is Status.DOWN, PATIENCE)
    assert [step.do for step in cache.start().steps] == ["start"]
    cache.await_up("n3")


def test_a_lost_pid_file_is_no_second_haproxy(cache) -> None:
    """Its socket tells that it runs, and its master process which it is: reload and stop still work."""
    cache.start()
    first = masters(cache)
    cache.config.pid_file.unlink()
    assert cache.health().status is Status.UP
    assert cache.start().steps == ()
    cache.objects.clear()
    cache.service("cache", cache.port, "tcp", target_port=1)
    assert [step.do for step in cache.follow().steps] == ["write", "reload"]
    assert masters(cache) == first
    cache.config.pid_file.unlink(missing_ok=True)
    cache.do(Verb.STOP)
    assert masters(cache) == []


def test_a_pid_that_another_program_has_now_is_not_ours(cache) -> None:
    """After a reboot the old number may be anybody's: it is not signalled, and START starts."""
    cache.start()
    cache.do(Verb.STOP)
    cache.config.pid_file.write_text(f"{os.getpid()}\n")
    assert cache.health().status is Status.DOWN
    assert cache.do(Verb.STOP).steps == ()
    cache.start()
    cache.await_up("n3")


@pytest.mark.parametrize("state", ["missing", "refusing", "garbage", "truncated", "silent"])
def test_a_socket_that_does_not_tell_is_undef_and_never_down(cache, state) -> None:
    """Whatever happens to the runtime API, OpenSVC hears "cannot tell" as long as the process lives, and nothing is done."""
    cache.start()
    path = cache.config.runtime_socket
    real = path.with_name("real.sock")
    path.rename(real)
    answer = {"garbage": b"HTTP/1.0 400\r\n\r\n", "truncated": b"Name: HAProxy\nUptime_sec: 3\n"}.get(state, b"")
    with contextlib.ExitStack() as stack:
        if state != "missing":
            fake = stack.enter_context(socket.socket(socket.AF_UNIX))
            fake.bind(str(path))
        if state in ("garbage", "truncated", "silent"):
            fake.listen()
            stack.callback(fake.shutdown, socket.SHUT_RDWR)
            threading.Thread(target=answer_always, args=(fake, answer), daemon=True).start()
        health = cache.health()
        assert health.status is Status.UNDEF
        assert str(path) in health.lines[0] or "runtime API answered" in health.lines[0]
        for verb in Verb:
            with pytest.raises(ObserveError):
                cache.do(verb)
        assert len(masters(cache)) == 1
    path.unlink(missing_ok=True)
    real.rename(path)
    assert cache.health().status is Status.UP


def answer_always(listener: socket.socket, answer: bytes) -> None:
    """Accept, and answer; without an answer, keep the connections open and say nothing."""
    held = []
    with contextlib.suppress(OSError):
        while True:
            peer, _ = listener.accept()
            held.append(peer)
            if answer:
                peer.sendall(answer)
                peer.close()


def test_a_unit_of_systemd_or_a_container_is_driven_by_its_commands(make_front, group, ports) -> None:
    """Who keeps the process is told by keyword: all verbs work, also after a crash that left its socket."""
    front = make_front()
    known = front.keywords
    pid = front.directory / "unit.pid"
    started = f"{known['haproxy']} -W -D -S {front.config.master_socket},mode,600 -f {known['config_file']} -p {pid}"
    signalled = f"sh -c 'kill -s %s $(cat {pid})'"
    front.keywords.update(start_command=started, stop_command=signalled % "TERM", reload_command=signalled % "USR2")
    front.service("web", next(ports), "tcp", up=("n1",), target_port=group.port)
    assert [step.do for step in front.start().steps] == ["write", "start"]
    front.await_up("n1")
    front.service("more", next(ports), "tcp", target_port=group.port)
    assert [step.do for step in front.follow().steps] == ["write", "reload"]
    front.await_up("n1", "n2", "n3", part=":more:")
    os.kill(int(pid.read_text()), signal.SIGKILL)
    wait_until("it is gone", lambda: masters(front) == [], PATIENCE)
    assert front.config.runtime_socket.is_socket()
    wait_until("it is down", lambda: front.health().status is Status.DOWN, PATIENCE)
    front.start()
    assert front.health().status is Status.UP
    front.do(Verb.STOP)
    wait_until("it is gone again", lambda: masters(front) == [] and front.health().status is Status.DOWN, PATIENCE)


def test_a_missing_program_is_named_and_nothing_is_written(make_front, ports) -> None:
    """The message says what is missing and which keyword names it; no config is left that nobody has checked."""
    front = make_front(haproxy="/nonexistent/haproxy")
    front.service("web", next(ports), "tcp")
    with pytest.raises(ApplyError, match="/nonexistent/haproxy: not found; install it or name its path by keyword"):
        front.start()
    assert not front.config.config_file.exists()
    assert front.health().status is Status.DOWN


def test_a_start_that_fails_says_why_at_once(make_front, ports) -> None:
    """An address this node does not have: HAProxy's own words, without waiting for a deadline."""
    front = make_front(bind="192.0.2.1")
    front.service("web", next(ports), "tcp")
    began = front.host.now()
    with pytest.raises(ApplyError, match="has not loaded .*haproxy.cfg: .*cannot bind"):
        front.start()
    assert front.host.now() - began < 8
    assert masters(front) == []


def test_h11_maxconn_fits_the_file_limit(make_front, ports, ask) -> None:
    """More connections than the process may open files: lowered and said so, instead of refusing to start."""
    front = make_front(maxconn="20000")
    front.service("web", next(ports), "tcp", target_port=next(ports))
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(HaError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))
            front.start()
            code = 0
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    health = front.health()
    assert health.status is Status.UP
    lowered = next(line for line in health.lines if line.startswith("maxconn=20000 does not fit 600 files; "))
    info = dict(line.split(": ", 1) for line in front.say("show info").splitlines() if ": " in line)
    assert int(info["Maxsock"]) <= 600
    assert int(lowered.split("; ")[1].split()[0]) < int(info["Maxconn"]) < 300
    # The limit is that of the running HAProxy, so a caller with another one changes nothing.
    assert front.follow().steps == ()


def test_too_many_clients_of_one_service_harm_no_other(make_front, group, ports, session_of, ask) -> None:
    """With every connection that maxconn allows in use, the sessions of a Redis listener go on."""
    front = make_front(maxconn="20")
    cache, web = next(ports), next(ports)
    front.service("cache", cache, "redis", target_port=group.port, sentinel_port=group.sentinel_port)
    front.service("web", web, "tcp", target_port=group.port)
    front.start()
    front.await_up("n3", part=":cache:")
    session = session_of(front.addresses["n1"], cache)
    assert session.say("PING") == "+PONG\r\n"
    crowd = [session_of(front.addresses["n1"], web) for _ in range(35)]
    try:
        wait_until("the limit is reached", lambda: front.rows()["fe:prod:svc:web:main", "FRONTEND"]["scur"] == "20", PATIENCE)
        key = ("l4:prod:svc:cache:main:rw:prod:svc:cache:cache", "n3")
        downs, checks = front.rows()[key]["chkdown"], role_checks(front)
        wait_until("it was checked 20 times more", lambda: role_checks(front) > checks + 20, PATIENCE)
        assert front.rows()[key]["chkdown"] == downs
        assert session.say("PING") == "+PONG\r\n"
        assert "master" in ask(front.addresses["n1"], cache, "ROLE")
    finally:
        for client in crowd:
            client.close()


def role_checks(front) -> int:
    """How often HAProxy has asked itself for the authority."""
    return int(front.rows()["authority", "FRONTEND"]["stot"])
