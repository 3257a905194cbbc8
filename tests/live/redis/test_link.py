"""Connections: every exchange ends, and one bad peer costs the others nothing."""

import socket
import threading
import time

import pytest

from osvc_ha.redis_link import Links, Peer, Silence

pytestmark = pytest.mark.live


@pytest.fixture
def listener():
    """A listening socket that answers only what a test makes it answer."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def ask(listener, seconds=0.5):
    """One PING to it."""
    links = Links()
    answer = links.ask({Peer(*listener.getsockname()): [("PING",)]}, seconds)
    links.close()
    return next(iter(answer.values()))


def test_a_peer_that_never_answers_ends_at_the_deadline(listener):
    """The kernel accepts for it, nobody answers."""
    before = time.monotonic()
    assert ask(listener) == Silence("connected, but no answer in time")
    assert time.monotonic() - before < 1


@pytest.mark.parametrize("sent", (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*100000000\r\n$99999999999\r\n", b"$x\r\n", b"\xff\xff\r\n"))
def test_something_that_is_not_redis_is_told(listener, sent):
    """Another program on the port: named as such, not as a failure of Redis."""
    thread = threading.Thread(target=_send, args=(listener, sent), daemon=True)
    thread.start()
    answer = ask(listener)
    thread.join(5)
    assert isinstance(answer, Silence) and "does not speak Redis' protocol" in answer.words and not answer.refused


def _send(listener, sent):
    peer, _ = listener.accept()
    with peer:
        peer.recv(100)
        peer.sendall(sent)
        peer.settimeout(2)
        peer.recv(100)


def test_a_closed_port_is_a_fact_and_no_silence(listener):
    """Connection refused means that nothing runs there."""
    address = listener.getsockname()
    listener.close()
    answer = Links().ask({Peer(*address): [("PING",)]}, 0.5)
    assert next(iter(answer.values())) == Silence("Connection refused", refused=True)


def test_a_secret_is_in_no_representation():
    """A peer in a log line or an error is its address."""
    assert "hidden" not in f"{Peer('h', 1, 'u', 'hidden')!r} {Peer('h', 1, 'u', 'hidden')}"


def test_r10_a_connection_closed_by_one_sentinel_after_the_other_is_opened_again(listener):
    """At the end of a switch every Sentinel closes all connections of a server: two in a row do not fail a question."""
    thread = threading.Thread(target=_close_twice, args=(listener,), daemon=True)
    thread.start()
    assert ask(listener, 2) == ["PONG"]
    thread.join(5)


def _close_twice(listener):
    for answer in (b"", b"", b"+PONG\r\n"):
        peer, _ = listener.accept()
        with peer:
            peer.recv(100)
            peer.sendall(answer)


def test_r10_a_connection_that_the_server_closed_is_opened_again(running):
    """Redis closes all connections of a node at its promotion; the next question is answered all the same."""
    links, peer = Links(), Peer(running.addresses["n1"], running.port)
    links.call(peer, "PING", seconds=1)
    running.server("n1", "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert links.call(peer, "PING", seconds=1) == "PONG"
    links.close()
