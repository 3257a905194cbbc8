"""The watcher's poke socket, and the daemon hook that pokes it."""

from __future__ import annotations

import os
import select
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.planner.errors import ConfigError
from osvc_ha.wakers import follow_pokes

HOOK = Path(__file__).parent.parent / "hooks" / "placement"


def poke(path: Path, text: bytes = b"look") -> None:
    """One datagram."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
        mouth.sendto(text, str(path))


def hook(*words: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the hook as a daemon would: with next to no environment."""
    return subprocess.run([str(HOOK), *map(str, words)], timeout=10, capture_output=True, env={}, cwd="/", **options)


@pytest.fixture
def ear(tmp_path: Path) -> Iterator[socket.socket]:
    """A watcher's socket that nobody reads from."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "watch.sock"))
        yield sock


def hears(sock: socket.socket) -> bool:
    """Is there something to read within a moment?"""
    return bool(select.select([sock], [], [], 2)[0])


@pytest.mark.parametrize("text", [b"look", b"", b"\xff\x00" * 1000])
def test_any_datagram_wakes(tmp_path: Path, text: bytes) -> None:
    """What a poke says means nothing: empty, garbage or polite, the watcher looks."""
    woken = threading.Event()
    with follow_pokes(tmp_path / "deep" / "watch.sock", woken.set):
        poke(tmp_path / "deep" / "watch.sock", text)
        assert woken.wait(5)


def test_only_the_owner_may_poke(tmp_path: Path) -> None:
    """The socket has mode 0600 from its first moment, and is gone when the watcher ends."""
    path = tmp_path / "watch.sock"
    before = os.umask(0)
    try:
        with follow_pokes(path, lambda: None):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert not path.exists()


def test_a_socket_left_by_a_dead_watcher_is_replaced(tmp_path: Path, ear: socket.socket) -> None:
    """After kill -9 of a watcher the next one listens at the same place."""
    ear.close()
    woken = threading.Event()
    with follow_pokes(tmp_path / "watch.sock", woken.set):
        poke(tmp_path / "watch.sock")
        assert woken.wait(5)


def test_a_second_watcher_is_refused(tmp_path: Path) -> None:
    """Two watchers of one HAProxy are a mistake: the second says so, and the first still listens."""
    path, woken = tmp_path / "watch.sock", threading.Event()
    with follow_pokes(path, woken.set):
        with pytest.raises(ConfigError, match=r"watch\.sock: another watcher listens there"), follow_pokes(path, lambda: None):
            pass
        poke(path)
        assert woken.wait(5)


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    """--poke with the name of somebody's file destroys nothing."""
    path = tmp_path / "precious"
    path.write_text("data")
    with pytest.raises(ConfigError, match="precious: is no socket"), follow_pokes(path, lambda: None):
        pass
    assert path.read_text() == "data"


def test_a_place_that_cannot_be_is_named(tmp_path: Path) -> None:
    """A path too long for a socket is a sentence with the way out."""
    with pytest.raises(ConfigError, match="too long; --poke names another path"), follow_pokes(tmp_path / ("x" * 120), lambda: None):
        pass


def test_the_hook_pokes_every_socket_it_is_given(tmp_path: Path, ear: socket.socket) -> None:
    """Some may be gone: the others are poked all the same."""
    done = hook(tmp_path / "gone.sock", tmp_path / "watch.sock", stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert hears(ear)


@pytest.mark.parametrize("text", [b'{"kind": "event", "data": {"id": "hb_stale"}}', b'{"kind": ', b"\xff\xfe", b"", b"x" * 1_000_000])
def test_the_hook_believes_nothing_it_is_told(tmp_path: Path, ear: socket.socket, text: bytes) -> None:
    """Agent 2.1's event on standard input is taken, whole or broken or huge, and only means: look."""
    done = hook(tmp_path / "watch.sock", input=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert hears(ear)


def test_the_hook_does_not_wait_for_an_input_that_never_ends(tmp_path: Path, ear: socket.socket) -> None:
    """A daemon that keeps the pipe open gets its hook back in a moment, and the poke went out before."""
    reader, writer = os.pipe()
    began = time.monotonic()
    done = hook(tmp_path / "watch.sock", stdin=reader)
    assert time.monotonic() - began < 2
    os.close(reader)
    os.close(writer)
    assert done.returncode == 0 and hears(ear)


def test_the_hook_works_with_its_standard_input_closed(tmp_path: Path, ear: socket.socket) -> None:
    """Some daemons close everything."""
    done = subprocess.run(["/bin/sh", "-c", f"exec {HOOK} {tmp_path}/watch.sock <&- >&- 2>&-"], timeout=10, env={})
    assert done.returncode == 0 and hears(ear)


def test_the_hook_without_a_watcher_does_nothing(tmp_path: Path) -> None:
    """No watcher on this node is no error, by name or by default."""
    assert hook(tmp_path / "watch.sock", stdin=subprocess.DEVNULL).returncode == 0
    assert hook(stdin=subprocess.DEVNULL).returncode == 0


def test_the_hook_does_not_wait_for_a_watcher_that_hangs(tmp_path: Path, ear: socket.socket) -> None:
    """A full socket means that the wake-up is on its way: the hook returns at once."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
        mouth.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                mouth.sendto(b"x", str(tmp_path / "watch.sock"))
    began = time.monotonic()
    done = hook(tmp_path / "watch.sock", stdin=subprocess.DEVNULL)
    assert done.returncode == 0 and time.monotonic() - began < 2


def test_the_hook_is_not_fooled_by_the_daemons_environment(tmp_path: Path, ear: socket.socket) -> None:
    """The daemon's PYTHONPATH holds modules of its own; none of them is imported here."""
    (tmp_path / "select.py").write_text("raise SystemExit(3)")
    (tmp_path / "socket.py").write_text("raise SystemExit(3)")
    done = subprocess.run([str(HOOK), str(tmp_path / "watch.sock")], timeout=10, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0 and hears(ear)
