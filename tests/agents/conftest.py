"""A unix socket that answers as agent 2.1's daemon does, from recorded documents."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parent.parent / "cluster" / "samples"


def sample(name: str) -> Any:
    """A fresh copy of a recorded document."""
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


@dataclass
class Agent:
    """The daemon: its status, its objects' configs, and how it misbehaves.

    asked: what it was asked, in order. cut: answer only this many bytes, then hang up. silent: answer nothing.
    holds: keep the connection open after the answer. raw: answer this instead.
    """

    status: dict[str, Any]
    configs: dict[str, Any]
    asked: list[tuple[str, str]] = field(default_factory=list)
    cut: int = 0
    silent: bool = False
    holds: bool = True
    raw: bytes = b""
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

    def _reply(self, asked: dict[str, Any]) -> Any:
        if asked["action"] == "daemon_status":
            return self.status
        path = asked["options"]["path"]
        return self.configs.get(path, {"status": "1", "error": repr(path), "traceback": "Traceback ..."})


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
