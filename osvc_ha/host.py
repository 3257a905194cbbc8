"""The only door to the machine. Everything here ends: each call has a deadline."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.children import killed_at_the_end
from osvc_ha.dial import connect
from osvc_ha.listening import ask_kernel, parse_listening
from osvc_ha.planner.errors import ApplyError, ObserveError

RUN_SECONDS = 10.0
SOCKET_SECONDS = 2.0
LARGEST_REPLY = 64 * 1024 * 1024


@dataclass(frozen=True)
class Completed:
    """A child process that ended: exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """The program's own words on a failure, for the error message."""
        return (self.err.strip() or self.out.strip() or f"exit code {self.code}")[-2000:]


class Host:
    """Run, read, replace, exchange, request, now, monotonic, sleep. ``FakeHost`` in osvc_ha.testing stands in for it."""

    def run(
        self,
        argv: Sequence[str],
        seconds: float = RUN_SECONDS,
        text: str = "",
        env: Optional[Mapping[str, str]] = None,
    ) -> Completed:
        """Run a program to its end; its exit code is the caller's to judge.

        ApplyError when it is missing or outlives its deadline; it is killed then, together with what it
        started. It has no terminal: a program that would ask for a password fails at once.
        """
        try:
            child = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                env=env,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise ApplyError(f"{argv[0]}: not found; install it or name its path by keyword") from error
        except OSError as error:
            raise ApplyError(f"{argv[0]}: {error.strerror}") from error
        with killed_at_the_end(child):
            try:
                out, err = child.communicate(text, timeout=seconds)
            except subprocess.TimeoutExpired as error:
                if child.poll() is None:
                    raise ApplyError(f"{argv[0]}: no answer within {seconds:g} s, killed") from error
                raise ApplyError(
                    f"{argv[0]}: ended with exit code {child.returncode}, but a program it started kept its output open "
                    f"for {seconds:g} s; redirect the output of what is to stay"
                ) from error
        return Completed(child.returncode, out, err)

    def launch(self, argv: Sequence[str], log: Path, env: Optional[Mapping[str, str]] = None) -> int:
        """Start a program that outlives us, in its own session, holding none of our pipes. Returns its pid."""
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with open(log, "ab") as sink:
                child = subprocess.Popen(list(argv), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True, env=env)
        except OSError as error:
            raise ApplyError(f"{argv[0]}: {error.strerror}; install it or name its path by keyword") from error
        return child.pid

    def read(self, path: Path, lossy: bool = False) -> Optional[str]:
        """The text of a file, None when there is none. ObserveError when it is there and cannot be read as UTF-8; ``lossy``: a log."""
        try:
            return path.read_text(encoding="utf-8", errors="replace" if lossy else "strict")
        except (FileNotFoundError, ProcessLookupError):
            # The latter: a file below /proc/<pid>, opened just before the process ended.
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ObserveError(f"{path}: cannot be read: {error}") from error

    def replace(self, path: Path, text: str, mode: int = 0o640, folder: int = 0o755) -> None:
        """Write a whole file: temporary, fsync, rename. On failure the old file stays as it was; a device is never replaced.

        folder: the mode of its directory, where there was none.
        """
        if path.exists() and not path.is_file():
            raise ApplyError(f"{path}: is no regular file; name another")
        temporary = ""
        try:
            path.parent.mkdir(folder, parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as sink:
                sink.write(text)
                sink.flush()
                os.fchmod(sink.fileno(), mode)
                os.fsync(sink.fileno())
            os.replace(temporary, path)
            temporary = ""
        except (OSError, UnicodeEncodeError) as error:
            words = error.strerror if isinstance(error, OSError) else error
            raise ApplyError(f"{path}: cannot be written: {words}; the old file is untouched") from error
        finally:
            if temporary:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)

    def names(self, path: Path) -> Tuple[str, ...]:
        """The entries of a directory, sorted; none when there is no such directory. ObserveError when it cannot be read."""
        try:
            return tuple(sorted(os.listdir(path)))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise ObserveError(f"{path}: cannot be read: {error.strerror}") from error

    def mode(self, path: Path) -> int:
        """What a file is and who may use it: its st_mode. ObserveError with the system's words when that cannot be told."""
        try:
            return path.stat().st_mode
        except OSError as error:
            raise ObserveError(f"{path}: {error.strerror}") from error

    def make_directory(self, path: Path, mode: int) -> None:
        """Make a directory where there is none; one that is there keeps its mode. ApplyError when it cannot be made."""
        try:
            path.mkdir(mode, exist_ok=True)
        except OSError as error:
            raise ApplyError(f"{path}: {error.strerror}") from error

    def remove_directory(self, path: Path) -> None:
        """Remove a directory if it is empty. One with somebody's file in it stays, as does the mount point of a volume."""
        with contextlib.suppress(OSError):
            path.rmdir()

    def remove(self, path: Path) -> None:
        """Remove a file if it is there. ApplyError when it cannot be."""
        try:
            path.unlink()
        except FileNotFoundError:
            return
        except OSError as error:
            raise ApplyError(f"{path}: cannot be removed: {error.strerror}") from error

    def remove_tree(self, path: Path) -> None:
        """Remove a directory and what is in it, if it is there; a link is removed, not followed. ApplyError when it cannot be."""
        try:
            path.unlink() if path.is_symlink() else shutil.rmtree(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise ApplyError(f"{path}: cannot be removed: {error.strerror}") from error

    def exchange(self, address: str, text: str, seconds: float = SOCKET_SECONDS, end: str = "") -> str:
        """Send to a unix socket path (or host:port) and read until the peer closes or says ``end``, all within ``seconds``.

        ObserveError on refusal, silence, a peer that never ends, and one that closes without a byte.
        """
        give_up = time.monotonic() + seconds
        chunks: list[bytes] = []
        size = 0
        try:
            with connect(address, seconds) as peer:
                peer.sendall(text.encode())
                while not chunks or (chunks[-1] and not (end and chunks[-1].endswith(end.encode()))):
                    left = give_up - time.monotonic()
                    if left <= 0 or size > LARGEST_REPLY:
                        raise ObserveError(f"{address}: no end after {size} bytes in {seconds - left:.3g} s")
                    peer.settimeout(left)
                    chunks.append(peer.recv(262144))
                    size += len(chunks[-1])
        except OSError as error:
            raise ObserveError(f"{address}: {error.strerror or error}") from error
        if not size:
            raise ObserveError(f"{address}: closed without an answer")
        return b"".join(chunks).decode("utf-8", "replace")

    def request(self, path: str, method: str, route: str, seconds: float = SOCKET_SECONDS) -> Tuple[int, str]:
        """Ask by HTTP at a unix socket, all within ``seconds``: the status and the body of the answer. ObserveError as ``exchange``."""
        try:
            from osvc_ha.http_unix import ask
        except ImportError as error:
            raise ObserveError(f"{path}: not asked: {error}; install requests for {sys.executable}") from error
        return ask(path, method, route, seconds)

    def alive(self, pid: int) -> bool:
        """Is there such a process (a zombie is not one)?"""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] not in "ZX"

    def kill(self, pid: int, signal: int) -> None:
        """Send a signal; a process that is gone is no error."""
        try:
            os.kill(pid, signal)
        except ProcessLookupError:
            return
        except OSError as error:
            raise ApplyError(f"process {pid}: {error.strerror}") from error

    def file_limit(self) -> int:
        """The hard limit on open files that a child inherits."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    def listening(self) -> frozenset[Tuple[str, int]]:
        """(address, port) of every listening TCP socket here; ``*`` for any address. Raises ObserveError when it cannot be told."""
        # A kernel without the inet_diag module, or a sandbox, refuses the quick question.
        with contextlib.suppress(OSError):
            return ask_kernel(SOCKET_SECONDS)
        tables = [self.read(Path("/proc/net/tcp")), self.read(Path("/proc/net/tcp6"))]
        if tables[0] is None:
            raise ObserveError("/proc/net/tcp: not there; which ports are taken cannot be told")
        return frozenset().union(*(parse_listening(table or "") for table in tables))

    def bindable(self, address: str, port: int) -> bool:
        """Could a listener bind here now? SO_REUSEADDR as HAProxy does, so TIME_WAIT does not count."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
                    return False
                raise ObserveError(f"{address}:{port}: {error.strerror}") from error
        return True

    def now(self) -> float:
        """Seconds since the epoch. For what is told; a clock that is set makes no deadline."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that no setting of the clock moves. For deadlines."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def wait(self, condition: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
        """Poll until true; False when the deadline passes first."""
        give_up = time.monotonic() + seconds
        while not condition():
            if time.monotonic() >= give_up:
                return False
            self.sleep(every)
        return True

    @contextlib.contextmanager
    def lock(self, path: Path, seconds: float) -> Iterator[None]:
        """Hold an exclusive file lock, or raise ApplyError after the deadline. The kernel frees it if we die."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Not `with`: it would have to hold the yield, and this except would then catch the caller's own errors.
            sink = open(path, "a")  # noqa: SIM115
        except OSError as error:
            raise ApplyError(f"{path}: cannot be locked: {error.strerror}") from error
        with sink:
            give_up = time.monotonic() + seconds
            while True:
                try:
                    fcntl.flock(sink, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= give_up:
                        raise ApplyError(f"{path}: another run has held it for {seconds:g} s") from None
                    self.sleep(0.02)
            yield
