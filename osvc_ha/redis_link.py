"""RESP over persistent connections to several Redis servers at once: ``Links.ask``.

Standard library only: a hook that has nothing to do must not pay for a client library, and a planned
handover needs every connection open beforehand, all peers asked in parallel, and no hidden retries.
Every exchange ends at its deadline; a peer that hangs costs nobody else anything.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple, Union

from osvc_ha.planner.errors import ObserveError

from .redis_dial import context, resolve
from .redis_resp import Incomplete, Refusal, Reply, encode, parse

Command = Tuple[str, ...]

# When a switch ends, each Sentinel sends CLIENT KILL TYPE normal to every server it re-points (sentinelSendSlaveOf).
TRIES = 3


@dataclass(frozen=True)
class Peer:
    """One server and how to log in to it. ``secret`` stays out of every representation; tls: (ca, cert, key) files or None.

    lane: peers that differ in it have connections of their own.
    """

    host: str
    port: int
    username: str = ""
    secret: str = ""
    tls: Optional[Tuple[str, str, str]] = None
    lane: str = ""

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}"

    __str__ = __repr__


@dataclass(frozen=True)
class Silence:
    """No answer. ``refused``: nothing listens there, which is a fact; otherwise we cannot tell. ``closed``: by the peer, once open."""

    words: str
    refused: bool = False
    closed: bool = False


Answer = Union[List[Reply], Silence]


class Links:
    """The open connections of one thread. Not for sharing: ``links()`` gives each thread its own."""

    def __init__(self) -> None:
        self._open: Dict[Peer, _Link] = {}

    def ask(self, questions: Mapping[Peer, Sequence[Command]], seconds: float) -> Dict[Peer, Answer]:
        """Send each peer its commands in one go, all peers in parallel; one reply per command, or a Silence.

        A connection that the server closed is opened anew, TRIES in all. The commands of one peer are not
        atomic, but they are in order; one may be sent twice, so ask only what may be.
        """
        give_up = time.monotonic() + seconds
        answers: Dict[Peer, Answer] = {}
        left = list(questions)
        for _ in range(TRIES):
            answers.update(self._exchange({peer: (self._link(peer), questions[peer]) for peer in left}, give_up))
            left = [peer for peer in left if _closed(answers[peer])]
            if not left or time.monotonic() >= give_up:
                break
        return answers

    def _link(self, peer: Peer) -> _Link:
        known = self._open.pop(peer, None)
        return _Link(peer) if known is None else known

    def call(self, peer: Peer, *command: str, seconds: float) -> Reply:
        """One command to one peer. ObserveError when it does not answer; an error reply is returned as a Refusal."""
        answer = self.ask({peer: [command]}, seconds)[peer]
        if isinstance(answer, Silence):
            raise ObserveError(f"{peer}: {answer.words}")
        return answer[0]

    def drop(self, peer: Peer) -> None:
        """Close one connection, if it is open."""
        link = self._open.pop(peer, None)
        if link is not None:
            link.close()

    def close(self) -> None:
        """Close every connection."""
        while self._open:
            self._open.popitem()[1].close()

    def _exchange(self, asked: Mapping[Peer, Tuple[_Link, Sequence[Command]]], give_up: float) -> Dict[Peer, Answer]:
        answers: Dict[Peer, Answer] = {}
        waiting: Dict[int, _Link] = {}
        for peer, (link, commands) in asked.items():
            link.begin(commands)
            if link.done:
                answers[peer] = self._keep(link)
            else:
                waiting[link.fileno()] = link
        while waiting:
            for number in _ready(waiting, give_up):
                link = waiting[number]
                link.advance()
                if link.done:
                    del waiting[number]
                    answers[link.peer] = self._keep(link)
            if time.monotonic() >= give_up:
                break
        for link in waiting.values():
            link.fail("connected, but no answer in time" if link.connected else "no connection in time")
            answers[link.peer] = self._keep(link)
        return answers

    def _keep(self, link: _Link) -> Answer:
        answer = link.answer()
        if isinstance(answer, Silence) or link.denied:
            link.close()
        else:
            self._open[link.peer] = link
        return answer


def _closed(answer: Answer) -> bool:
    return isinstance(answer, Silence) and answer.closed


def _ready(waiting: Mapping[int, _Link], give_up: float) -> List[int]:
    watch = select.poll()
    for number, link in waiting.items():
        watch.register(number, select.POLLOUT if link.wants_to_write else select.POLLIN)
    return [number for number, _ in watch.poll(max(0.0, give_up - time.monotonic()) * 1000)]


class _Link:
    """One connection: connect, TLS, AUTH, then commands. Never blocks; ``advance`` when the socket is ready."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.connected = False
        self.done = False
        self.denied = False
        self.wants_to_write = True
        self._socket: Optional[socket.socket] = None
        self._secured = peer.tls is None
        self._outgoing = b""
        self._incoming = bytearray()
        self._expected = 0
        self._skip = 0
        self._replies: List[Reply] = []
        self._silence: Optional[Silence] = None

    def begin(self, commands: Sequence[Command]) -> None:
        """Queue the commands, connecting and logging in first if need be."""
        self.done = False
        self._replies = []
        login: List[Command] = []
        if self._socket is None:
            self._connect()
            if self.peer.secret:
                login = [("AUTH", *filter(None, (self.peer.username, self.peer.secret)))]
        self._skip = len(login)
        self._expected = len(login) + len(commands)
        self._outgoing = b"".join(encode(command) for command in (*login, *commands))
        self.wants_to_write = True
        if self.connected and self._secured:
            self.advance()

    def _connect(self) -> None:
        try:
            family, address = resolve(self.peer.host, self.peer.port)
            raw = socket.socket(family, socket.SOCK_STREAM)
            self._socket = raw
            raw.setblocking(False)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = raw.connect_ex(address)
            if code not in (0, errno.EINPROGRESS):
                self._fail_with(OSError(code, os.strerror(code)))
            elif self.peer.tls is not None:
                self._socket = context(self.peer.tls).wrap_socket(raw, do_handshake_on_connect=False, server_hostname=self.peer.host)
        except OSError as error:
            self._fail_with(error)

    def fileno(self) -> int:
        """The socket's number, for poll."""
        assert self._socket is not None
        return self._socket.fileno()

    def advance(self) -> None:
        """Do what can be done without waiting."""
        assert self._socket is not None
        try:
            if not self.connected:
                code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    raise OSError(code, os.strerror(code))
                self.connected = True
            if not self._secured:
                assert isinstance(self._socket, ssl.SSLSocket)
                self._socket.do_handshake()
                self._secured = True
            while self._outgoing:
                self._outgoing = self._outgoing[self._socket.send(self._outgoing) :]
            self.wants_to_write = False
            self._receive()
        except (BlockingIOError, ssl.SSLWantReadError):
            self.wants_to_write = self._secured and bool(self._outgoing)
        except ssl.SSLWantWriteError:
            self.wants_to_write = True
        except OSError as error:
            self._fail_with(error)

    def _receive(self) -> None:
        assert self._socket is not None
        while not self.done:
            chunk = self._socket.recv(262144)
            if not chunk:
                self.fail("it closed the connection", closed=True)
                return
            self._incoming += chunk
            self._parse()

    def _parse(self) -> None:
        position = 0
        try:
            while len(self._replies) < self._expected:
                reply, position = parse(self._incoming, position)
                self._replies.append(reply)
            self.done = True
        except Incomplete:
            pass
        except ValueError as error:
            self.fail(f"it does not speak Redis' protocol: {error}")
        del self._incoming[:position]

    def _fail_with(self, error: OSError) -> None:
        self.fail(error.strerror or str(error), error.errno == errno.ECONNREFUSED, self.connected)

    def fail(self, words: str, refused: bool = False, closed: bool = False) -> None:
        """End this exchange with a Silence."""
        self.done = True
        self._silence = Silence(words, refused, closed)

    def answer(self) -> Answer:
        """The replies without the login's; a denied login is the reply to every command."""
        if self._silence is not None:
            return self._silence
        login, replies = self._replies[: self._skip], self._replies[self._skip :]
        if login and isinstance(login[0], Refusal) and login[0].code in ("WRONGPASS", "NOPERM"):
            self.denied = True
            return [login[0]] * len(replies)
        return replies

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()


_mine = threading.local()


def links() -> Links:
    """This thread's connections."""
    if not hasattr(_mine, "links"):
        _mine.links = Links()
    found: Links = _mine.links
    return found
