"""One Sentinel's events: ``Subscription``. Never blocks, and notices a Sentinel that vanished without a word.

Plain TCP only: the labels of a listener know no TLS, and neither do HAProxy's checks of it.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Sequence
from typing import List, Optional

from osvc_ha.redis_dial import resolve
from osvc_ha.redis_link import Peer
from osvc_ha.redis_resp import Incomplete, Refusal, Reply, encode, parse

PING_AFTER = 2.0
ANSWER_WITHIN = 2.0
RETRY = 1.0
RETRY_DENIED = 10.0


class Subscription:
    """Connects, logs in, subscribes; pings when it is quiet; begins anew when that fails.

    confirmed: the Sentinel has said that it will tell. trouble: why it refuses us, empty when it does not.
    """

    def __init__(self, node: str, sentinel: Peer, channels: Sequence[str]) -> None:
        self.node = node
        self.trouble = ""
        self.confirmed = False
        self._sentinel = sentinel
        self._channels = tuple(channels)
        self._socket: Optional[socket.socket] = None
        self._connected = False
        self._incoming = bytearray()
        self._retry_at = 0.0
        self._heard_at = 0.0
        self._answer_by = 0.0

    @property
    def is_open(self) -> bool:
        """Is there a connection, or one being made?"""
        return self._socket is not None

    @property
    def wants_to_write(self) -> bool:
        """Is it still connecting?"""
        return not self._connected

    def fileno(self) -> int:
        """The socket's number, for poll; -1 while there is none."""
        return self._socket.fileno() if self._socket is not None else -1

    def tend(self) -> None:
        """What is due by the clock: connect, ping, or give up."""
        now = time.monotonic()
        if self._socket is None:
            if now >= self._retry_at:
                self._connect(now)
        elif self._answer_by and now >= self._answer_by:
            self._drop(RETRY)
        elif not self._answer_by and now >= self._heard_at + PING_AFTER:
            self._send(("PING",))

    def advance(self) -> List[str]:
        """The socket is ready: what the Sentinel said, one text for each event."""
        if self._socket is None:
            return []
        try:
            if not self._connected:
                self._greet()
                return []
            chunk = self._socket.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            chunk = b""
        if not chunk:
            self._drop(RETRY)
            return []
        self._heard_at, self._answer_by = time.monotonic(), 0.0
        self._incoming += chunk
        return self._events()

    def close(self) -> None:
        """Hang up; ``tend`` would call again."""
        self._drop(0.0)

    def _connect(self, now: float) -> None:
        try:
            family, address = resolve(self._sentinel.host, self._sentinel.port)
            self._socket = socket.socket(family, socket.SOCK_STREAM)
            self._socket.setblocking(False)
            code = self._socket.connect_ex(address)
        except OSError:
            code = errno.EHOSTUNREACH
        self._answer_by = now + ANSWER_WITHIN
        if code not in (0, errno.EINPROGRESS):
            self._drop(RETRY)

    def _greet(self) -> None:
        assert self._socket is not None
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self._connected = True
        if self._sentinel.secret:
            self._send(("AUTH", *filter(None, (self._sentinel.username, self._sentinel.secret))))
        self._send(("SUBSCRIBE", *self._channels))

    def _send(self, command: Sequence[str]) -> None:
        if self._socket is None:
            return
        self._answer_by = time.monotonic() + ANSWER_WITHIN
        text = encode(command)
        try:
            # A Sentinel that leaves so little unread for so long that it does not fit has stopped listening.
            whole = self._socket.send(text) == len(text)
        except OSError:
            whole = False
        if not whole:
            self._drop(RETRY)

    def _events(self) -> List[str]:
        events: List[str] = []
        position = 0
        try:
            while True:
                reply, position = parse(self._incoming, position)
                if isinstance(reply, Refusal):
                    self.trouble = reply.words
                    self._drop(RETRY_DENIED)
                    return events
                events += self._event(reply)
        except Incomplete:
            del self._incoming[:position]
        except ValueError:
            self._drop(RETRY)
        return events

    def _event(self, reply: Reply) -> List[str]:
        if not isinstance(reply, list) or len(reply) < 2:
            return []
        if reply[0] == "subscribe":
            self.confirmed, self.trouble = True, ""
        return [str(reply[2])] if reply[0] == "message" and len(reply) == 3 else []

    def _drop(self, retry: float) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket, self._connected, self.confirmed = None, False, False
        self._incoming.clear()
        self._answer_by = 0.0
        self._retry_at = time.monotonic() + retry
