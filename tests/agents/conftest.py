"""A unix socket that answers as agent 2.1's daemon does, from recorded documents."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.agents import config_memory

SAMPLES = Path(__file__).parent.parent / "cluster" / "samples"


def sample(name: str) -> Any:
    """A fresh copy of a recorded document."""
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where configs are kept, not this machine's own place; it is made by who writes first."""
    directory = tmp_path / "kept" / "configs"
    monkeypatch.setattr(config_memory, "DIRECTORY", directory)
    return directory


@dataclass
class Agent:
    """The daemon: its status, its objects' configs, and how it misbehaves.

    asked: what it was asked, in order. full: how often for all of its status. cut: answer only this many bytes, then hang up.
    silent: answer nothing.
    holds: keep the connection open after the answer. raw: answer this instead. posted: what was told to it, by action.
    """

    status: dict[str, Any]
    configs: dict[str, Any]
    asked: list[tuple[str, str]] = field(default_factory=list)
    full: int = 0
    cut: int = 0
    silent: bool = False
    holds: bool = True
    raw: bytes = b""
    evaluated: dict[str, Any] = field(default_factory=dict)
    posted: list[dict[str, Any]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def serve(self, listener: socket.socket) -> None:
        """One connection after the other, one request each, as the daemon does."""
        while not self.ended.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            request = b""
            while not request.endswith(b"\0"):
                request += connection.recv(4096)
            asked = json.loads(request.rstrip(b"\0"))
            self.asked.append((asked["action"], asked["options"].get("path", "")))
            if self.silent:
                self.ended.wait(20)
                return
            answer = self.raw or json.dumps(self._reply(asked)).encode() + b"\0"
            connection.sendall(answer[: self.cut] if self.cut else answer)
            if self.holds and not self.cut:
                self.ended.wait(20)

    def change(self, node: str, path: str, **values: Any) -> None:
        """An instance's status changes: its node publishes that, and this one has merged it."""
        entry = self.status["monitor"]["nodes"][node]
        entry["services"]["status"][path].update(values)
        entry["updated"] += 1.0

    def stamp(self, node: str) -> None:
        """Something changed on a node that is none of our business."""
        self.status["monitor"]["nodes"][node]["stats"]["load_15m"] += 0.1
        self.status["monitor"]["nodes"][node]["updated"] += 1.0

    def _reply(self, asked: dict[str, Any]) -> Any:
        if asked["method"] == "POST":
            self.posted.append(asked)
            return {"status": 0}
        if asked["action"] == "daemon_status":
            self.full += not asked["options"]
            return _without_objects(self.status) if asked["options"] else self.status
        path = asked["options"]["path"]
        if asked["action"] == "object_status":
            nodes = self.status["monitor"]["nodes"]
            return {"nodes": {name: {"status": entry["services"]["status"].get(path)} for name, entry in nodes.items()}}
        if asked["options"].get("evaluate"):
            return self.evaluated[path]
        return self.configs.get(path, {"status": "1", "error": repr(path), "traceback": "Traceback ..."})


def _without_objects(status: dict[str, Any]) -> dict[str, Any]:
    """The answer when a namespace is asked for that is not there."""
    nodes = {name: {**entry, "services": {"status": {}, "config": {}}} for name, entry in status["monitor"]["nodes"].items()}
    return {**status, "monitor": {**status["monitor"], "nodes": nodes, "services": {}}}


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """A daemon on this node, n1 of the recorded failover cluster, as its clients find it."""
    root = tmp_path / "root"
    (root / "var" / "lsnr").mkdir(parents=True)
    monkeypatch.setenv("OSVC_ROOT_PATH", str(root))
    monkeypatch.setattr(socket, "gethostname", lambda: "N1")
    found = Agent(sample("v2_failover"), {"fo": sample("v2_failover_config"), "probe": {"DEFAULT": {"nodes": "n1 n2 n3"}}})
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(root / "var" / "lsnr" / "lsnr.sock"))
        listener.listen(16)
        listener.settimeout(0.05)
        thread = threading.Thread(target=found.serve, args=(listener,))
        thread.start()
        yield found
        found.ended.set()
        thread.join(5)


@dataclass
class Agent3:
    """Agent 3: its status, and the event streams that are open, in chunks as it sends them.

    refused: answers HTTP 400 to a question with filters. forbidden: and 403 to any for events. first: said together with the
    head of a stream. ends: hangs up then.
    """

    status: dict[str, Any]
    refused: bool = False
    forbidden: bool = False
    first: str = ""
    ends: bool = False
    asked: list[str] = field(default_factory=list)
    streams: list[socket.socket] = field(default_factory=list)
    looks: int = 0

    def change(self, node: str, path: str, **values: Any) -> None:
        """An instance's status changes."""
        self.status["cluster"]["node"][node]["instance"][path]["status"].update(values)

    def say(self, text: str) -> None:
        """On the newest stream, each event in a chunk of its own."""
        self.streams[-1].sendall(in_chunks(text))

    def hang_up(self) -> None:
        """The newest stream ends."""
        self.streams[-1].shutdown(socket.SHUT_RDWR)


def in_chunks(text: str) -> bytes:
    """As HTTP/1.1 sends what has no end."""
    events = [event.encode() for event in re.split(r"(?<=\n\n)", text) if event]
    return b"".join(b"%x\r\n%s\r\n" % (len(event), event) for event in events)


@pytest.fixture
def agent3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent3]:
    """Agent 3 on this node, n1 of the recorded cluster; beside ``agent``, it is the one that has replaced it."""
    root = Path(os.environ["OSVC_ROOT_PATH"]) if "OSVC_ROOT_PATH" in os.environ else tmp_path
    (root / "var" / "lsnr").mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("OSVC_ROOT_PATH", str(root))
    monkeypatch.setattr(socket, "gethostname", lambda: "n1")
    found = Agent3(sample("opensvc3/settled"))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found.asked.append(self.path)
            if not self.path.startswith("/api/node"):
                found.looks += 1
                self._answer(200, json.dumps(found.status))
            elif found.refused and "filter=" in self.path:
                self._answer(400, '{"detail": "no such kind"}')
            elif found.forbidden:
                self._answer(403, '{"detail": "no such role"}')
            else:
                self.connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + in_chunks(found.first))
                found.streams.append(self.connection)
                # Until either side hangs up.
                with contextlib.suppress(OSError):
                    self.connection.recv(0 if found.ends else 1)
                self.close_connection = True

        def _answer(self, code: int, body: str) -> None:
            self.send_response(code)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *words: object) -> None:
            return

    with socketserver.ThreadingUnixStreamServer(str(root / "var" / "lsnr" / "http.sock"), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield found
        server.shutdown()
        thread.join(5)


@dataclass
class Woken:
    """Counts wake-ups."""

    times: list[float] = field(default_factory=list)

    def wake(self) -> None:
        """One more."""
        self.times.append(time.monotonic())

    def more_than(self, count: int, seconds: float = 3.0) -> bool:
        """Wait until there were more than this many."""
        give_up = time.monotonic() + seconds
        while len(self.times) <= count and time.monotonic() < give_up:
            time.sleep(0.005)
        return len(self.times) > count


@pytest.fixture
def woken() -> Woken:
    """What follow_agent wakes."""
    return Woken()
