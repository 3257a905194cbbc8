"""Host.request: whole answers of an HTTP server on a unix socket, and all that is none."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from osvc_ha import http_unix
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

Behaviour = Callable[[socket.socket], None]
Peer = Callable[[Behaviour], str]
HEAD = b"HTTP/1.1 200 OK\r\n"


def saying(*pieces: bytes, every: float = 0.0) -> Behaviour:
    """Reads the question, and answers it in these pieces."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(every)

    return behave


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"Content-Length: 5\r\n\r\nhello",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nhello",
    ],
    ids=["length", "chunks", "until it hangs up"],
)
def test_the_whole_answer_arrives(host: Host, peer: Peer, answer: bytes) -> None:
    """However the server says where it ends, and in however many pieces it comes."""
    assert host.request(peer(saying(*(answer[at : at + 1] for at in range(len(answer))))), "GET", "/", 10) == (200, "hello")


def test_the_question_is_what_was_asked(host: Host, peer: Peer) -> None:
    """Method and route as they were given, and no more in it than an agent needs to know."""
    asked = []

    def behave(connection: socket.socket) -> None:
        asked.append(connection.recv(65536).decode())
        connection.sendall(HEAD + b"Content-Length: 2\r\n\r\n{}")

    host.request(peer(behave), "POST", "/api/x?kw=app%231.start&impersonate=n1", 10)
    line, *headers = asked[0].split("\r\n")
    assert line == "POST /api/x?kw=app%231.start&impersonate=n1 HTTP/1.1"
    assert {"Host: localhost", "Content-Length: 0", "Accept: application/json", "Connection: close"} <= set(headers)


def test_a_refusal_has_its_words(host: Host, peer: Peer) -> None:
    """The status is the caller's to judge, and what was said with it is there."""
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno such"
    assert host.request(peer(saying(answer)), "GET", "/", 10) == (404, "no such")


def test_nobody_is_sent_elsewhere(host: Host, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redirection is an answer, and a proxy in the environment is for other sockets."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    assert host.request(peer(saying(answer)), "GET", "/", 10) == (302, "")


def test_a_missing_socket_is_named(host: Host, tmp_path: Path) -> None:
    """No such socket, one that nobody listens at, a path that no socket can have: the path, and what is wrong."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "left.sock"))
    for path, words in (("gone.sock", "No such file or directory"), ("left.sock", "Connection refused"), ("x" * 200, "path too long")):
        with pytest.raises(ObserveError, match=rf"{path}: .*{words}"):
            host.request(str(tmp_path / path), "GET", "/")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", r"(closed without an answer|Connection reset by peer)"),
        (b"SSH-2.0-OpenSSH\r\n", "answers 'SSH-2.0-OpenSSH', which is not HTTP; is it agent 3's socket\\?"),
        (b"HTTP/9.9 200 OK\r\n\r\n", "the answer is not HTTP: HTTP/9.9"),
        (HEAD + b"x: y\r\n" * 200 + b"\r\n", "the answer is not HTTP: got more than 100 headers"),
        (HEAD + b"Content-Length: 10\r\n\r\nhello", "the answer is cut off"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "(the answer is cut off|Response ended prematurely)"),
    ],
    ids=["nothing", "another protocol", "another version", "too many headers", "cut off", "no last chunk"],
)
def test_what_is_no_whole_answer_is_named(host: Host, peer: Peer, answer: bytes, words: str) -> None:
    """Cannot tell, with the socket and what is wrong, never half an answer."""
    with pytest.raises(ObserveError, match=rf"peer\.sock: {words}"):
        host.request(peer(saying(answer)), "GET", "/", 10)


def test_a_silent_server_ends_at_the_deadline(host: Host, peer: Peer) -> None:
    """One that takes the question and never answers costs the deadline, no more."""
    done = threading.Event()
    address = peer(lambda connection: done.wait(10) and None)
    began = time.monotonic()
    with pytest.raises(ObserveError, match=r"peer\.sock: timed out"):
        host.request(address, "GET", "/", 0.3)
    assert 0.3 <= time.monotonic() - began < 5
    done.set()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b"H"),
        (HEAD, b"x"),
        (HEAD + b"\r\n", b"."),
        (HEAD + b"Content-Length: 100000\r\n\r\n", b"."),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n.\r\n"),
    ],
    ids=["status line", "headers", "until it hangs up", "length", "chunks"],
)
def test_a_server_that_drips_ends_at_the_deadline(host: Host, peer: Peer, first: bytes, then: bytes) -> None:
    """A byte now and then buys no time, wherever in the answer."""
    address = peer(saying(first, *[then] * 10000, every=0.001))
    began = time.monotonic()
    with pytest.raises(ObserveError, match=r"peer\.sock: (no end after \d+ bytes in 0\.3|timed out)"):
        host.request(address, "GET", "/", 0.3)
    assert 0.3 <= time.monotonic() - began < 5


def test_an_answer_without_end_does_not_fill_the_memory(host: Host, peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is given up long before the deadline."""
    monkeypatch.setattr(http_unix, "LARGEST_ANSWER", 100_000)
    with pytest.raises(ObserveError, match=r"peer\.sock: no end after \d+ bytes"):
        host.request(peer(saying(HEAD + b"\r\n", *[b"x" * 10_000] * 1000)), "GET", "/", 60)


def test_a_python_without_requests_says_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """In agent 2.1's own, say: what is missing and where, as an answer that cannot be had."""
    monkeypatch.delitem(sys.modules, "osvc_ha.http_unix")
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(ObserveError, match=r"/x\.sock: not asked: .*requests.*; install requests for .*python"):
        host.request("/x.sock", "GET", "/")
