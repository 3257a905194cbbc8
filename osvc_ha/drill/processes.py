"""Real servers for demos, drills and tests, and nothing of them left behind.

``Reserved`` holds addresses and ports that no parallel run uses; ``Run`` holds a directory and the
processes that live in it, and ends them all, whatever ends the run: its last line, an exception,
Ctrl-C, SIGTERM, a closed terminal. Only kill -9 of the run itself leaves servers (never load) behind.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Dict, List, Optional, Tuple

from osvc_ha.planner.errors import ApplyError

from .process import Process, residents

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Below the kernel's ephemeral range (32768-60999): a client's own port cannot take a server's.
GUARD_PORT = 20999
FIRST_PORT, LAST_PORT = 21000, 32000
# Loopback networks tried, in order, after the preferred one.
NETWORKS = tuple(f"127.0.{third}" for third in range(100, 200))
END_SECONDS = 2.0


class Reserved:
    """Loopback addresses and a block of free ports, ours until closed.

    addresses: as many as asked, such as 127.0.100.1, .2, .3. ports: consecutive, free on each address.
    """

    def __init__(self, addresses: Tuple[str, ...], ports: Tuple[int, ...], guard: socket.socket) -> None:
        self.addresses = addresses
        self.ports = ports
        self._guard = guard

    def close(self) -> None:
        """Let another run have them."""
        self._guard.close()

    def __enter__(self) -> Reserved:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def reserve(addresses: int = 3, ports: int = 16, prefer: str = "") -> Reserved:
    """Reserve loopback addresses and a block of ports. ``prefer``: a network such as ``127.0.1``, taken if it is free.

    The reservation is a bound socket, so the kernel ends it with this process, however that ends.
    ApplyError when every network is taken.
    """
    for network in ((prefer,) if prefer else ()) + NETWORKS:
        guard = _bind(f"{network}.1", GUARD_PORT)
        if guard is None:
            continue
        names = tuple(f"{network}.{last}" for last in range(1, addresses + 1))
        block = _free_block(names, ports)
        if block is not None:
            return Reserved(names, block, guard)
        guard.close()
    raise ApplyError(f"no free loopback network from {NETWORKS[0]}.1 to {NETWORKS[-1]}.1 (guard port {GUARD_PORT}); end other runs first")


def _free_block(addresses: Sequence[str], count: int) -> Optional[Tuple[int, ...]]:
    for first in range(FIRST_PORT, LAST_PORT - count, count):
        block = tuple(range(first, first + count))
        if all(_free(address, port) for port in block for address in addresses):
            return block
    return None


def _free(address: str, port: int) -> bool:
    probe = _bind(address, port)
    if probe is not None:
        probe.close()
    return probe is not None


def _bind(address: str, port: int) -> Optional[socket.socket]:
    probe = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        probe.bind((address, port))
    except OSError:
        probe.close()
        return None
    return probe


def listening(address: str, port: int) -> bool:
    """Does somebody accept connections there?"""
    with contextlib.suppress(OSError), socket.create_connection((address, port), 0.5):
        return True
    return False


class Run:
    """The processes of one drill, and their directory. A context manager; use it in the main thread.

    directory: temporary, the working directory of every process, removed at the end together with
    whatever was started in it by anybody (a driver, a server that forked itself).
    """

    def __init__(self, prefix: str = "osvc_ha-") -> None:
        self._prefix = prefix
        self._processes: List[Process] = []
        self._pidfiles: List[Path] = []
        self._handlers: Dict[signal.Signals, Any] = {}
        self.directory = Path()

    def __enter__(self) -> Run:
        self.directory = Path(tempfile.mkdtemp(prefix=self._prefix)).resolve()
        if threading.current_thread() is threading.main_thread():
            for number in END_SIGNALS:
                # nohup: who asked to outlive his terminal does. An ignored SIGINT is only a shell's "&", and no wish.
                if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                    self._handlers[number] = signal.signal(number, _end)
        return self

    def __exit__(self, *error: object) -> None:
        with self._deaf():
            left = self._end_all()
        if left:
            raise ApplyError(f"processes {', '.join(map(str, left))} of {self.directory} survived SIGKILL; the directory stays")

    @contextlib.contextmanager
    def _deaf(self) -> Iterator[None]:
        # An impatient second Ctrl-C must not interrupt the cleaning up of the first.
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)
        try:
            yield
        finally:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Optional[Mapping[str, str]] = None,
        pidfile: Optional[Path] = None,
        held: bool = False,
    ) -> Process:
        """Start a program; its output goes to ``<directory>/<name>.log``. ApplyError when it cannot be started.

        pidfile: the program forks itself and writes its pid there; whoever it names at the end is ended too.
        held: it reads its standard input and ends when that does (``Process.release``, or our death).
        """
        if pidfile is not None:
            self._pidfiles.append(pidfile)
        log = self.directory / f"{name.replace(' ', '-').replace('/', '-')}.log"
        process = Process.start(name, argv, log, self.directory, env, held)
        self._processes.append(process)
        return process

    def adopt(self, name: str, pidfile: Path) -> Process:
        """Take over a daemon that somebody else started. ApplyError when the file names no living process."""
        if pidfile not in self._pidfiles:
            self._pidfiles.append(pidfile)
        process = Process.of_pidfile(name, pidfile)
        if process is None:
            raise ApplyError(f"{name}: {pidfile} names no living process; start it first")
        self._processes.append(process)
        return process

    def _end_all(self) -> List[int]:
        for pidfile in self._pidfiles:
            late = Process.of_pidfile(str(pidfile), pidfile)
            if late is not None:
                self._processes.append(late)
        for process in self._processes:
            process.ask_to_end()
        give_up = time.monotonic() + END_SECONDS
        for process in self._processes:
            process.wait(max(0.0, give_up - time.monotonic()))
            process.kill()
            process.close()
        left = self._end_residents()
        if not left:
            shutil.rmtree(self.directory, ignore_errors=True)
        return left

    def _end_residents(self) -> List[int]:
        """End what still lives in our directory; loops, for one may fork while we look."""
        give_up = time.monotonic() + END_SECONDS
        while True:
            left = residents(self.directory)
            if not left or time.monotonic() >= give_up:
                return left
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)


def wait_until(what: str, condition: Callable[[], bool], seconds: float = 10.0, every: float = 0.02) -> float:
    """Poll until true, and return the seconds it took. ApplyError saying what did not happen."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began >= seconds:
            raise ApplyError(f"{what}: not within {seconds:g} s")
        time.sleep(every)
    return time.monotonic() - began


def _end(number: int, frame: Optional[FrameType]) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)
