"""Which rungs of the test ladder can run here, and what the run says about those that cannot."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from osvc_ha.drill.uml.lab import missing
from osvc_ha.host import Host

SERVERS = ("redis-server", "redis-sentinel", "haproxy", "podman", "knotd", "named", "nsupdate")
AGENTS = ("OSVC2_AGENT", "OSVC3_OM")

# A machine shared with real servers stalls for longer than hypothesis' 200 ms.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")


def why_not(rung: str) -> str:
    """The reason a rung cannot run on this machine; empty when it can."""
    if rung in ("live", "drill"):
        absent = [name for name in SERVERS if shutil.which(name) is None]
        return f"not installed: {', '.join(absent)}; `make test` as root installs them" if absent else ""
    if rung == "agent" and not any(os.environ.get(name) for name in AGENTS):
        return f"{' and '.join(AGENTS)} not set"
    if rung == "drbd" and missing():
        return f"not installed: {' '.join(missing())}; `make test` as root installs them"
    return ""


RUNGS = {rung: why_not(rung) for rung in ("live", "drill", "agent", "drbd")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs something this machine lacks."""
    for item in items:
        for rung, reason in RUNGS.items():
            if reason and item.get_closest_marker(rung):
                item.add_marker(pytest.mark.skip(reason=f"{rung} rung: {reason}"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
    """One line for each rung that could not run, right above pytest's closing line, below the list of failures."""
    yield
    for rung, reason in RUNGS.items():
        if reason:
            terminalreporter.write_line(f"{rung} rung skipped: {reason}")


@pytest.fixture
def host() -> Host:
    """The real machine."""
    return Host()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """A listener on a unix socket whose one connection does as told; returns its address."""
    with contextlib.ExitStack() as ends:

        def listen(behave: Callable[[socket.socket], None]) -> str:
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listener.bind(str(tmp_path / "peer.sock"))
            listener.listen()
            listener.settimeout(10)

            def serve() -> None:
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    behave(connection)

            thread = threading.Thread(target=serve)
            thread.start()
            ends.callback(thread.join, 10)
            ends.callback(listener.close)
            return str(tmp_path / "peer.sock")

        yield listen
