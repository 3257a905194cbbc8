"""HTTP/1.1 on loopback in front of the double, and the faults that are HTTP's."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import parse_qsl, urlsplit

from .answers import Refused
from .faults import Fault

if TYPE_CHECKING:
    from .double import Double

PREFIX = "/client/v4"
LONGEST_SILENCE = 60.0


class Server:
    """Answers in threads of this process until ``close``."""

    def __init__(self, double: Double) -> None:
        self._server = _Listener(("127.0.0.1", 0), _Caller)
        self._server.double = double
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}{PREFIX}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    # A client that holds its connection must not keep the double from closing.
    block_on_close = False
    request_queue_size = 64
    double: Double

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no trouble of ours."""


class _Caller(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One segment for headers and body: two wait for the client's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Listener

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""

    def do_GET(self) -> None:
        """Every method is one."""
        double = self.server.double
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        split = urlsplit(self.path)
        path = split.path[len(PREFIX) :] if split.path.startswith(PREFIX + "/") else ""
        with double.lock:
            double.calls.append((self.command, path, 0))
            number = len(double.calls)
            headers, wait = double.limit.count()
            fault = double.faults.strike(number, self.command, path)
            status, body = self._decide(double, fault, wait, path, dict(parse_qsl(split.query, keep_blank_values=True)), text)
            if wait is not None:
                headers["Retry-After"] = str(wait)
            if fault is not None and fault.retry_after is not None:
                headers["Retry-After"] = fault.retry_after
            double.calls[number - 1] = (self.command, path, status)
        self._send(fault, status, headers, body)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def _decide(
        self, double: Double, fault: Optional[Fault], wait: Optional[int], path: str, query: dict[str, str], text: bytes
    ) -> tuple[int, bytes]:
        if fault is not None and fault.kind == "reset":
            return 0, b""
        if fault is not None and fault.kind == "status":
            words = "Rate limited. Please wait and consider throttling your request speed" if fault.status == 429 else "Internal error"
            return fault.status, Refused(fault.status, 10000 + fault.status, words).body()
        try:
            if wait is not None:
                # The words as reported; the code is not documented.
                raise Refused(429, 971, "Please wait and consider throttling your request speed")
            return 200, double.answer(self.command, path, query, self.headers, _parsed(text))
        except Refused as refused:
            return refused.status, refused.body()

    def _send(self, fault: Optional[Fault], status: int, headers: dict[str, str], body: bytes) -> None:
        kind = fault.kind if fault is not None else ""
        if kind == "lost":
            self.server.double.closing.wait(LONGEST_SILENCE)
        if kind in ("lost", "reset", "reset_after"):
            self._cut()
            return
        if kind == "garbage":
            body = b"<html>502 Bad Gateway</html>"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("CF-Ray", f"{secrets.token_hex(8)}-LAB")
        self.end_headers()
        if kind != "trickle":
            self.wfile.write(body)
            return
        with contextlib.suppress(OSError):
            for place in range(len(body)):
                self.wfile.write(body[place : place + 1])
                self.wfile.flush()
                if self.server.double.closing.wait(0.05):
                    return

    def _cut(self) -> None:
        """A reset, not an orderly end."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        given = json.loads(text or b"{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise Refused(400, 9207, "Request body is invalid.")
    return given
