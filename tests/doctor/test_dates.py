"""How far a peer's clock is ahead, as its agent tells it."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.doctor import dates
from osvc_ha.host import Host
from osvc_ha.testing import FakeHost

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the test's certificate")
DOOR = Path("/var/lib/opensvc/lsnr/lsnr.sock")


class Refuses(BaseHTTPRequestHandler):
    """Every question, as agent 3 does without a token. ahead: of our clock, in seconds."""

    ahead = 0.0

    def do_HEAD(self) -> None:
        self.send_error(401)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(time.time() + self.ahead)

    def log_message(self, *words: Any) -> None:
        """Not on the test's output."""


class NeverEnds(Refuses):
    """One line after the other, each well before the client loses patience."""

    def do_HEAD(self) -> None:
        self.send_response(401)
        self.flush_headers()
        for number in range(1000):
            self.wfile.write(f"X-{number}: 1\r\n".encode())
            self.wfile.flush()
            time.sleep(0.1)


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """One that nobody signed, of another name than the peer's: agent 3 makes its own."""
    made = ["-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate"), "-subj", "/CN=somebody"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *made], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    return context


@pytest.fixture
def listener(certificate: ssl.SSLContext, request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a TLS listener here that answers in this way."""
    with HTTPServer(("127.0.0.1", 0), request.param) as server:
        server.socket = certificate.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *words: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_port
        # A handler that never ends does so when its client has gone.
        server.shutdown()
        thread.join()


@needs_openssl
@pytest.mark.parametrize(
    ("listener", "ahead"),
    [(Refuses, 0.0), (type("Ahead", (Refuses,), {"ahead": 60.0}), 60.0), (type("Behind", (Refuses,), {"ahead": -60.0}), -60.0)],
    indirect=["listener"],
)
def test_the_date_of_a_refusal_bounds_a_clock_on_both_sides(listener: int, ahead: float, host: Host) -> None:
    """To a second, which is what a Date tells, and the time that the answer took."""
    began = time.time()
    bounds = dates.clock_of_v3("127.0.0.1", listener, host)
    took = time.time() - began
    assert bounds is not None
    assert bounds[0] <= ahead <= bounds[1] <= bounds[0] + 1.0 + took


@needs_openssl
@pytest.mark.parametrize("listener", [Refuses], indirect=True)
def test_nothing_of_the_environment_stands_between(listener: int, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy for the world outside is not asked, and the certificate that nobody signed is neither refused nor warned of."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            before = list(warnings.filters)
            assert dates.clock_of_v3("127.0.0.1", listener, host) is not None
            assert warnings.filters == before
    assert seen == []


@needs_openssl
@pytest.mark.parametrize("listener", [NeverEnds], indirect=True)
def test_an_answer_without_an_end_is_given_up(listener: int, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """In all, though each line comes in time."""
    monkeypatch.setattr(dates, "SECONDS", 1.0)
    began = time.monotonic()
    assert dates.clock_of_v3("127.0.0.1", listener, host) is None
    assert 0.9 < time.monotonic() - began < 20.0


def test_a_peer_that_does_not_answer_has_no_clock(host: Host) -> None:
    """Refused: not known, and no error."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert dates.clock_of_v3("127.0.0.1", closed.getsockname()[1], host) is None


def v2(answer: dict[str, Any]) -> tuple[FakeHost, list[Any]]:
    """A node whose agent passes a question on and answers so, half a second later; and what it was asked."""
    asked = []

    def serve(text: str) -> str:
        asked.append(json.loads(text.rstrip("\0")))
        host.clock += 0.5
        return json.dumps(answer) + "\0"

    host = FakeHost(sockets={str(DOOR): serve})
    return host, asked


def test_agent_2_1_passes_the_question_on() -> None:
    """The peer stamped its answer between our question and our reading of it; of no service it is asked."""
    host, asked = v2({"nodes": {"n2": {"status": 0, "data": {"timestamp": 1_000_060.0, "services": {}}}}, "status": 0})
    assert dates.clock_of_v2("n2", DOOR, host) == (59.5, 60.0)
    assert [(one["action"], one["node"], one["options"]) for one in asked] == [("daemon_stats", "n2", {"namespace": "-"})]


@pytest.mark.parametrize(
    "answer",
    [
        {"nodes": {"n2": {"status": 1, "error": "request failed"}}, "status": 1},
        {"nodes": {}, "status": 0},
        {"info": "empty node selection", "status": 0},
        {"nodes": {"n2": None}, "status": 0},
        {"nodes": {"n2": {"data": {"timestamp": None}}}},
        {"nodes": "n2"},
    ],
)
def test_a_peer_that_agent_2_1_cannot_reach_has_no_clock(answer: dict[str, Any]) -> None:
    """As the daemon says it, or in any other shape: not known, and no error."""
    assert dates.clock_of_v2("n2", DOOR, v2(answer)[0]) is None


def test_an_agent_2_1_that_is_silent_knows_no_clock() -> None:
    """Not known, and no error."""
    assert dates.clock_of_v2("n2", DOOR, FakeHost()) is None
