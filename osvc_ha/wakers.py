"""Where wake-ups come from. Each only says "look again"."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.planner.errors import ConfigError

MOST_POKES = 1000
Wake = Callable[[], None]


@contextlib.contextmanager
def follow_file(path: Optional[Path], wake: Wake, every: float) -> Iterator[None]:
    """Wake whenever a file is replaced, while the context lasts. Without a path, do nothing.

    Polls: a rename over the file is seen on every kind of filesystem, and a missed one by the next look.
    """
    if path is None:
        yield
        return
    ended = threading.Event()
    before = _mark(path)

    def look() -> None:
        last = before
        while not ended.wait(every):
            now = _mark(path)
            if now != last:
                last = now
                wake()

    thread = threading.Thread(target=look, name=f"follow {path}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _mark(path: Path) -> Optional[Tuple[int, int, int]]:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextlib.contextmanager
def follow_pokes(path: Optional[Path], wake: Wake) -> Iterator[None]:
    """Listen on a unix datagram socket, mode 0600; any datagram wakes, whatever it says. Without a path, do nothing.

    A socket that a dead watcher left is replaced. ConfigError when a living one listens there, or when the
    socket cannot be made.
    """
    if path is None:
        yield
        return
    try:
        ear = _listen(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot listen for pokes: {error.strerror or error}; --poke names another path") from error
    ours = path.stat().st_ino
    ended, end = socket.socketpair()
    thread = threading.Thread(target=_hear, args=(ear, ended, wake), name=f"poke {path}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.close()
        thread.join()
        ear.close()
        ended.close()
        with contextlib.suppress(OSError):
            if path.stat().st_ino == ours:
                path.unlink()


def poke(path: Path) -> None:
    """Have the watcher that listens there look again. It may be gone, or have too much to read already: then it looks by itself."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
        mouth.setblocking(False)
        mouth.sendto(b"look", str(path))


def _listen(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear(path)
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        # Before bind: Linux gives the file the mode of the socket, so that it is never open to others.
        os.fchmod(ear.fileno(), 0o600)
        ear.bind(str(path))
    except OSError:
        ear.close()
        raise
    ear.setblocking(False)
    return ear


def _clear(path: Path) -> None:
    """Remove what a dead watcher left; refuse anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"{path}: is no socket; --poke names another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConfigError(f"{path}: another watcher listens there; stop it, or give this one another --poke")


def _hear(ear: socket.socket, ended: socket.socket, wake: Wake) -> None:
    poller = select.poll()
    poller.register(ear, select.POLLIN)
    poller.register(ended, select.POLLIN)
    while True:
        ready = {number for number, _ in poller.poll()}
        if ended.fileno() in ready:
            return
        # Bounded: someone who never stops poking must not keep us from passing it on.
        with contextlib.suppress(BlockingIOError):
            for _ in range(MOST_POKES):
                ear.recv(1)
        wake()
