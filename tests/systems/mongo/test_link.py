"""A conversation ends when its time is over, whoever it waits for: on real sockets, with no mongod."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from dns_servers import free_port

from osvc_ha.systems.mongo.client.aside import Aside
from osvc_ha.systems.mongo.client.greeting import hellos
from osvc_ha.systems.mongo.client.link import Fault, Peer, Trouble, listens, session, unreached

SOME = 0.4
# For a machine that has much else to do.
LATE = 3.0


@contextlib.contextmanager
def within(least: float, most: float) -> Iterator[None]:
    """That takes so many seconds."""
    began = time.monotonic()
    yield
    assert least <= time.monotonic() - began < most


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A resolver that hangs until the test is over, as one does whose name server is away."""
    ended = threading.Event()

    def resolve(*asked: object, **named: object) -> None:
        ended.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield
    ended.set()


@pytest.fixture
def silent() -> Iterator[Peer]:
    """One that accepts connections and says nothing, as a mongod that is stopped (SIGSTOP)."""
    with socket.create_server(("127.0.0.1", 0)) as ear:
        yield Peer("127.0.0.1", ear.getsockname()[1])


def test_a_resolver_that_hangs_is_left_behind(resolver: None) -> None:
    """The time is the conversation's, not the resolver's, and the words name the name."""
    peer = Peer("db.example.com", 27017)
    with (
        within(SOME, SOME + LATE),
        pytest.raises(Trouble, match="the name db.example.com does not resolve here") as caught,
        session(peer, SOME),
    ):
        pass
    assert caught.value.fault is Fault.UNRESOLVED
    with within(SOME, SOME + LATE):
        assert not listens(peer, SOME)


def test_no_command_is_asked_when_the_time_is_over(silent: Peer) -> None:
    """The first takes it all, so the second is not even asked; and to hang up waits for nobody."""
    with within(SOME, SOME + LATE), session(silent, SOME) as talk:
        with pytest.raises(Trouble, match=f"hello: (no answer within {SOME:g} s|no time left|.*timed out)") as caught:
            talk.hello()
        assert caught.value.fault is Fault.SILENT
        with pytest.raises(Trouble, match="ping: no time left to ask"):
            talk.ask("ping")


def test_members_are_asked_all_at_once(silent: Peer) -> None:
    """However many are silent, it takes as long as for one of them."""
    with within(0.9, 1.0 + LATE):
        assert hellos({f"n{number}": silent for number in range(6)}) == {f"n{number}": {} for number in range(6)}


def test_nobody_there_is_told_from_a_name_that_is_not(host: object) -> None:
    """A refused connection says that nothing runs; an open one that something does."""
    port = free_port()
    refused, unknown = unreached(Peer("127.0.0.1", port)), unreached(Peer("nowhere.invalid", port))
    assert refused is not None and refused.fault is Fault.REFUSED
    assert unknown is not None and unknown.fault is Fault.UNRESOLVED
    with socket.create_server(("127.0.0.1", port)):
        assert unreached(Peer("127.0.0.1", port)) is None


def test_the_last_address_of_a_name_has_its_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first leads nowhere and takes half of the time; of two that refuse, nothing runs there."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_server(("127.0.0.1", 0)) as ear:
        # A backlog that is full answers no further connection.
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        places = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", where.getsockname()) for where in (full, ear)]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **named: places)
        with within(0.0, 1.0 + LATE):
            assert unreached(Peer("two.example.com", 1), 1.0) is None
        for one in waiting:
            one.close()


def test_what_is_left_behind_still_does_what_it_was_given() -> None:
    """One thing after the other, and then it ends."""
    aside, go, order = Aside(), threading.Event(), []
    with pytest.raises(TimeoutError):
        aside.do(lambda: order.append(go.wait(30)), 0.05)
    ended = threading.Event()
    aside.end(lambda: order.append("closed") or ended.set())  # type: ignore[func-returns-value]
    go.set()
    assert ended.wait(10) and order == [True, "closed"]
