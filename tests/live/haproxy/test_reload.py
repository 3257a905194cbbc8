"""Reloads under load, their budget, and placement changes without any."""

from __future__ import annotations

import socket
import threading
from collections import Counter

import pytest

from osvc_ha.cluster.types import Instance
from osvc_ha.drill.processes import wait_until
from osvc_ha.host import Host
from osvc_ha.systems.haproxy.state import parse_runtime

pytestmark = pytest.mark.live
PATIENCE = 30.0
LOOK = "show info;show servers state\n"


class Load:
    """Clients that connect, ask for the role and leave, and a count of how that went."""

    def __init__(self, address: str, port: int, clients: int = 3) -> None:
        self.target = (address, port)
        self.seen: Counter[str] = Counter()
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.knock) for _ in range(clients)]

    def knock(self) -> None:
        """Until the end."""
        while not self.ended.is_set():
            self.seen[self.once()] += 1

    def once(self) -> str:
        """master, slave, refused, reset or closed."""
        try:
            with socket.create_connection(self.target, PATIENCE) as peer:
                peer.settimeout(PATIENCE)
                peer.sendall(b"ROLE\r\n")
                words = peer.recv(4096).decode().split("\r\n")
                return words[2] if len(words) > 2 else "closed"
        except ConnectionRefusedError:
            return "refused"
        except OSError as error:
            return type(error).__name__

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def start_cache(make_front, group, ports):
    """Makes a started front with the group's listener in use."""

    def make(**keywords: str):
        front = make_front(**keywords)
        front.port = next(ports)
        front.service("cache", front.port, "redis", target_port=group.port, sentinel_port=group.sentinel_port)
        front.start()
        front.await_up("n3", part=":cache:")
        return front

    return make


@pytest.fixture
def toggle(group, ports):
    """Adds or removes a service, so that the next run has to reload."""
    port = next(ports)

    def flip(front) -> None:
        if not front.objects.pop("prod/svc/extra", None):
            front.service("extra", port, "tcp", target_port=group.port)
        assert [step.do for step in front.follow().steps] == ["write", "reload"]

    return flip


def workers(front) -> tuple[int, int]:
    """How many workers serve, and how many old ones still have sessions."""
    new, _, old = front.processes().partition("# old workers")
    count = [sum(1 for line in part.splitlines() if line[:1].isdigit() and " worker " in line) for part in (new, old)]
    return count[0], count[1]


def test_h1_ten_reloads_under_load_refuse_reset_and_misroute_nobody(start_cache, toggle, session_of) -> None:
    """The master is last in the list; every connection reaches it, and a long session lives through them all."""
    front = start_cache(workers="20")
    session = session_of(front.addresses["n1"], front.port)
    assert session.say("PING") == "+PONG\r\n"
    with Load(front.addresses["n1"], front.port) as load:
        for _ in range(10):
            before = load.seen["master"]
            toggle(front)
            wait_until("clients go on", lambda before=before: load.seen["master"] > before + 50, PATIENCE)
        assert session.say("PING") == "+PONG\r\n"
    assert set(load.seen) == {"master"}
    assert load.seen["master"] > 500


def test_h2_a_server_that_got_another_address_starts_down(start_cache, group, ports) -> None:
    """What is known about the old address is not said of the new one."""
    front = start_cache()
    target = next(ports)
    front.service("web", next(ports), "tcp", target_port=group.port)
    front.follow()
    front.await_up("n1", "n2", "n3", part=":web:")
    front.service("web", int(front.objects["prod/svc/web"].env["osvc.l4.port"]), "tcp", target_port=target)
    front.follow()
    assert front.up(":web:") == ()
    assert front.up(":cache:") == ("n3",)


def test_h2_a_server_given_by_name_stays_up_through_a_reload(start_cache, ports) -> None:
    """Its state is known by its name, and its address is asked again instead of kept."""
    front = start_cache()
    target = next(ports)
    front.addresses = {**front.addresses, "n2": "localhost"}
    front.objects.clear()
    with socket.create_server(("127.0.0.1", target)):
        front.service("web", next(ports), "tcp", up=("n2",), target_port=target)
        front.follow()
        front.await_up("n2", part=":web:")
        front.service("more", next(ports), "tcp", target_port=target)
        front.follow()
        assert front.up(":web:") == ("n2",)


class Watchful(Host):
    """The real machine, remembering how long it was told to wait."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        super().sleep(seconds)


def test_h10_reloads_keep_their_distance(start_cache, toggle) -> None:
    """A flapping label reloads once an interval, with up to a fifth of jitter, so that not all nodes do it at once."""
    front = start_cache(reload_interval="1")
    toggle(front)
    front.host = Watchful()
    stamp = front.config.runtime_dir / "reload.stamp"
    before, waits = float(stamp.read_text()), []
    for _ in range(3):
        toggle(front)
        after = float(stamp.read_text())
        assert after - before >= 1.0
        before = after
        waits.append(max(front.host.slept))
        front.host.slept.clear()
    assert max(waits) <= 1.2
    assert len(set(waits)) == 3
    stamp.write_text("garbage")
    toggle(front)


def test_h10_old_workers_are_counted(start_cache, toggle, session_of) -> None:
    """Long sessions keep the workers of earlier reloads alive, but only so many."""
    front = start_cache(workers="2")
    sessions = []
    for _ in range(6):
        sessions.append(session_of(front.addresses["n1"], front.port))
        assert sessions[-1].say("PING") == "+PONG\r\n"
        toggle(front)
    wait_until("two old ones at most", lambda: workers(front) in ((1, 1), (1, 2)), PATIENCE)
    wait_until("the eldest sessions are gone", lambda: all(session.is_cut() for session in sessions[:3]), PATIENCE)
    assert sessions[-1].say("PING") == "+PONG\r\n"


def test_h10_an_old_worker_ends_in_time(start_cache, toggle, session_of) -> None:
    """A session that never ends keeps its worker for hard_stop_after and no longer."""
    front = start_cache(hard_stop_after="2")
    session = session_of(front.addresses["n1"], front.port)
    assert session.say("PING") == "+PONG\r\n"
    toggle(front)
    assert workers(front)[1] == 1
    wait_until("cut", session.is_cut, PATIENCE)
    wait_until("gone", lambda: workers(front) == (1, 0), PATIENCE)


def test_a_placement_change_reloads_nothing_and_survives_the_next_reload(start_cache, toggle, group, ports) -> None:
    """Where an instance runs is a runtime state: same worker, same file; and no reload forgets it."""
    front = start_cache()
    port = next(ports)
    front.service("web", port, "tcp", up=("n1",), target_port=group.port)
    front.follow()
    front.await_up("n1", part=":web:")
    worker, text = front.worker(), front.config.config_file.read_text()
    front.service("web", port, "tcp", up=("n2",), target_port=group.port)
    assert [step.do for step in front.follow().steps] == ["set", "set"]
    front.await_up("n2", part=":web:")
    stopping = Instance("n2", "up", state="stopping")
    front.objects["prod/svc/web"].instances["n2"] = stopping
    assert [(step.do, step.args) for step in front.follow().steps] == [("set", (("state", "drain"),))]
    assert front.words(":web:")["l4:prod:svc:web:main", "n2"].startswith("DRAIN")
    assert (front.worker(), front.config.config_file.read_text()) == (worker, text)

    toggle(front)
    _, servers, _ = parse_runtime(front.host.exchange(str(front.config.runtime_socket), LOOK))
    states = {node: servers["l4:prod:svc:web:main", node] for node in front.addresses}
    assert states == {"n1": "maint", "n2": "drain", "n3": "maint"}
    assert front.follow().steps == ()


def test_the_order_of_services_does_not_mix_up_their_states(start_cache, group, ports) -> None:
    """A reload that moves a backend to another place in the file carries each server's own state over."""
    front = start_cache()
    for name in ("a", "z"):
        front.service(name, next(ports), "tcp", up=("n1",), target_port=group.port if name == "a" else 1)
        front.follow()
    front.await_up("n1", part=":a:")
    worker = front.worker()
    del front.objects["prod/svc/a"]
    front.follow()
    assert front.worker() != worker
    assert front.up(":cache:") == ("n3",)
    assert front.up(":z:") == ()
