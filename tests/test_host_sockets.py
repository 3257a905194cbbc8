"""Host.exchange and Host.bindable: peers that answer, and all the ways they do not."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

Peer = Callable[[Callable[[socket.socket], None]], str]


def test_the_whole_answer_arrives(host: Host, peer: Peer) -> None:
    """A reply in many pieces, larger than one read, is put together."""

    def behave(connection: socket.socket) -> None:
        question = connection.recv(1000)
        for _ in range(100):
            connection.sendall(question * 1000)

    assert host.exchange(peer(behave), "show stat\n", seconds=10) == "show stat\n" * 100_000


def test_host_and_port_work_too(host: Host) -> None:
    """An address that is no path is a host and a port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(connection.recv(100).upper())

        thread = threading.Thread(target=serve)
        thread.start()
        assert host.exchange(f"127.0.0.1:{listener.getsockname()[1]}", "ping") == "PING"
        thread.join(10)


def test_garbage_is_text_for_the_caller_to_judge(host: Host, peer: Peer) -> None:
    """Bytes that are not UTF-8 do not raise; the parser of the reply says what is wrong with it."""

    def behave(connection: socket.socket) -> None:
        connection.recv(10)
        connection.sendall(b"\xff\x00ok")

    assert host.exchange(peer(behave), "x") == "\ufffd\x00ok"


def test_a_missing_socket_is_named(host: Host, tmp_path: Path) -> None:
    """No such socket is an ObserveError with the path: cannot tell, not down."""
    with pytest.raises(ObserveError, match=r"gone\.sock: No such file or directory"):
        host.exchange(str(tmp_path / "gone.sock"), "x")


def test_a_socket_nobody_listens_on_is_named(host: Host, tmp_path: Path) -> None:
    """A socket file left by a dead process refuses, and the message says so."""
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ObserveError, match=r"left\.sock: Connection refused"):
        host.exchange(str(path), "x")


def test_a_path_too_long_for_a_socket_is_said(host: Host) -> None:
    """Unix socket paths end at 107 bytes; the kernel's limit is named instead of a stack trace."""
    with pytest.raises(ObserveError, match="AF_UNIX path too long"):
        host.exchange("/" + "x" * 200, "x")


def test_a_silent_peer_ends_at_the_deadline(host: Host, peer: Peer) -> None:
    """A peer that accepts and never answers costs the deadline, no more."""
    done = threading.Event()
    address = peer(lambda connection: done.wait(10) and None)
    began = time.monotonic()
    with pytest.raises(ObserveError, match=r"peer\.sock: timed out"):
        host.exchange(address, "x", seconds=0.3)
    assert 0.3 <= time.monotonic() - began < 5
    done.set()


def test_a_peer_that_drips_for_ever_ends_at_the_deadline(host: Host, peer: Peer) -> None:
    """A byte now and then does not buy a peer more time than the deadline."""

    def behave(connection: socket.socket) -> None:
        while True:
            connection.sendall(b".")
            time.sleep(0.0005)

    began = time.monotonic()
    with pytest.raises(ObserveError, match=r"peer\.sock: (no end after \d+ bytes|timed out)"):
        host.exchange(peer(behave), "x", seconds=0.3)
    assert 0.3 <= time.monotonic() - began < 5


def test_a_peer_that_closes_without_a_byte_is_no_answer(host: Host, peer: Peer) -> None:
    """An empty reply is not an empty list of servers."""
    with pytest.raises(ObserveError, match=r"peer\.sock: (closed without an answer|Connection reset by peer|Broken pipe)"):
        host.exchange(peer(lambda connection: connection.recv(10) and None), "x")


def test_a_peer_that_resets_half_way_is_no_answer(host: Host, peer: Peer) -> None:
    """Half a reply followed by a reset is not taken for the whole."""

    def behave(connection: socket.socket) -> None:
        connection.sendall(b"half")  # and closing with the question unread resets

    with pytest.raises(ObserveError, match=r"peer\.sock: (Connection reset by peer|Broken pipe)"):
        host.exchange(peer(behave), "x" * 1_000_000)


def test_a_port_in_use_is_not_bindable(host: Host) -> None:
    """A port another process listens on, and an address of another machine, cannot be bound; a free port can."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not host.bindable("127.0.0.1", port)
        assert host.bindable("127.0.0.2", port)
    assert host.bindable("127.0.0.1", port)
    assert not host.bindable("192.0.2.1", port)
