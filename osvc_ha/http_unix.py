"""HTTP to a unix socket, by requests: an answer that ends by ``ask``, for Host.request, and one that does not by ``Stream``.

Imported only to speak to agent 3: that takes 60 ms, and the Python of agent 2.1 may not have requests.
"""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Iterator
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any, Tuple

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError

from osvc_ha.cluster.alphabets import shown
from osvc_ha.planner.errors import ObserveError

LARGEST_ANSWER = 64 * 1024 * 1024
LARGEST_CHUNK = 262144


def ask(path: str, method: str, route: str, seconds: float) -> Tuple[int, str]:
    """The status and the body of an answer, all within ``seconds``. ObserveError for everything that is no whole answer."""
    with _connected(path, seconds) as peer, _sent(peer, method, route, "application/json") as response:
        return response.status_code, response.content.decode("utf-8", "replace")


class Stream:
    """An answer without an end, whose head has to come within ``seconds``. ObserveError for everything that is no such answer.

    status: HTTP's. refusal: what was said with one that is not 200.
    """

    def __init__(self, path: str, route: str, seconds: float, accept: str) -> None:
        with contextlib.ExitStack() as ends:
            self._peer = ends.enter_context(_connected(path, seconds))
            self._response = ends.enter_context(_sent(self._peer, "GET", route, accept))
            self.status = self._response.status_code
            self.refusal = self._response.content.decode("utf-8", "replace") if self.status != 200 else ""
            self._peer.until = self._peer.most = math.inf
            self._ends = ends.pop_all()

    def read(self) -> bytes:
        """What came, waiting for it as long as it takes; b"" when there will be no more. ObserveError when that cannot be told."""
        with _in_words(self._peer):
            try:
                return bytes(self._response.raw.read1(LARGEST_CHUNK))
            except HTTPError as error:
                if isinstance(_cause(error), IncompleteRead):
                    # Without the last chunk: the agent was stopped, or we were (``end``).
                    return b""
                raise

    def end(self) -> None:
        """No more waiting; for a thread that is not in ``read``."""
        with contextlib.suppress(OSError):
            self._peer.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """After the last ``read``."""
        self._ends.close()


class _Peer(socket.socket):
    """Read until a moment (time.monotonic), and no more than so many bytes: an HTTP client's own time-out begins anew at every byte."""

    def __init__(self, path: str, seconds: float) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self.settimeout(seconds)
        self.path = path
        self.until = time.monotonic() + seconds
        self.most: float = LARGEST_ANSWER
        self._seconds, self._size = seconds, 0

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """All that http.client reads comes through here."""
        left = self.until - time.monotonic()
        if left <= 0 or self._size > self.most:
            raise OSError(None, f"no end after {self._size} bytes in {self._seconds - left:.3g} s")
        self.settimeout(None if left == math.inf else left)
        size = super().recv_into(buffer, nbytes, flags)
        self._size += size
        return size


class _Connection(HTTPConnection):
    def __init__(self, *words: Any, peer: _Peer, **more: Any) -> None:
        super().__init__(*words, **more)
        self._peer = peer

    def connect(self) -> None:
        self.sock = self._peer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    """Of one connection, for one question."""

    def __init__(self, peer: _Peer) -> None:
        super().__init__()
        self._pool = _Pool("localhost", peer=peer)

    def get_connection_with_tls_context(self, *words: Any, **more: Any) -> HTTPConnectionPool:
        return self._pool


@contextlib.contextmanager
def _connected(path: str, seconds: float) -> Iterator[_Peer]:
    with _Peer(path, seconds) as peer, _in_words(peer):
        peer.connect(path)
        yield peer


def _sent(peer: _Peer, method: str, route: str, accept: str) -> requests.Response:
    """Without a Session, which would look for proxies and passwords of the user's and follow redirections."""
    headers = {"Accept": accept, "Accept-Encoding": "identity", "Connection": "close"}
    return _Adapter(peer).send(requests.Request(method, f"http://localhost{route}", headers).prepare(), stream=True)


@contextlib.contextmanager
def _in_words(peer: _Peer) -> Iterator[None]:
    try:
        yield
    except (OSError, HTTPError, HTTPException) as error:
        raise ObserveError(f"{peer.path}: {_words(_cause(error))}") from error


def _cause(error: BaseException) -> BaseException:
    """What happened: urllib3 wraps it, if it was not itself who found it, and requests wraps that."""
    while isinstance(error, (requests.RequestException, HTTPError)):
        below = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if below is None:
            break
        error = below
    return error


def _words(error: BaseException) -> str:
    if isinstance(error, RemoteDisconnected):
        return "closed without an answer"
    if isinstance(error, IncompleteRead):
        return "the answer is cut off"
    if isinstance(error, BadStatusLine):
        return f"answers {shown(str(error).strip())!r}, which is not HTTP; is it agent 3's socket?"
    if isinstance(error, HTTPException):
        return f"the answer is not HTTP: {shown(str(error))}; is it agent 3's socket?"
    return str((error.strerror if isinstance(error, OSError) else None) or error)
