"""One process, known by a pidfd: the kernel guarantees that we never signal a stranger with its old number."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import List, Optional

from osvc_ha.planner.errors import ApplyError


class Process:
    """A running program: ours, or a daemon adopted by its pid file.

    Pause, resume and kill act on its whole process group when it leads one: a paused HAProxy
    with working workers would be no pause.
    """

    def __init__(self, name: str, pid: int, log: Optional[Path] = None, child: Optional[subprocess.Popen[bytes]] = None) -> None:
        self.name = name
        self.pid = pid
        self.log = log
        self._child = child
        self._fd = os.pidfd_open(pid)

    @classmethod
    def start(
        cls, name: str, argv: Sequence[str], log: Path, directory: Path, env: Optional[Mapping[str, str]] = None, held: bool = False
    ) -> Process:
        """Start a program in a session of its own, so that the terminal's Ctrl-C reaches us and not it. See ``Run.start``."""
        try:
            with open(log, "ab") as sink:
                child = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.PIPE if held else subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    cwd=directory,
                    env=env,
                    start_new_session=True,
                )
        except OSError as error:
            raise ApplyError(f"{name}: {argv[0]}: {error.strerror}; install it or name its path") from error
        return cls(name, child.pid, log, child)

    @classmethod
    def of_pidfile(cls, name: str, pidfile: Path) -> Optional[Process]:
        """The living process that a pid file names, None when there is none."""
        try:
            found = cls(name, int(pidfile.read_text().split()[0]))
        except (OSError, ValueError, IndexError):
            return None
        if found.alive:
            return found
        found.close()
        return None

    @property
    def alive(self) -> bool:
        """Has it not ended? A zombie has."""
        return not self.wait(0.0)

    @property
    def returncode(self) -> int:
        """The exit code of a child of ours, minus the signal that ended it; 0 for an adopted daemon, whose parent is another.

        ApplyError while it runs.
        """
        if self._child is None:
            return 0
        if self._child.returncode is not None:
            return self._child.returncode
        # WNOWAIT: looking must not reap it, see _signal.
        ended = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None:
            raise ApplyError(f"{self.name}: still running, no exit code yet")
        return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when the time passes first."""
        if self._fd < 0:
            return True
        poller = select.poll()
        poller.register(self._fd, select.POLLIN)
        return bool(poller.poll(round(seconds * 1000)))

    def await_ready(self, condition: Callable[[], bool], seconds: float = 10.0) -> Process:
        """Wait until it serves. ApplyError with the end of its log when it dies or takes longer."""
        give_up = time.monotonic() + seconds
        while not condition():
            if not self.alive:
                raise ApplyError(f"{self.name}: ended at once: {self.words()}")
            if time.monotonic() >= give_up:
                raise ApplyError(f"{self.name}: not ready within {seconds:g} s: {self.words()}")
            time.sleep(0.01)
        return self

    def words(self) -> str:
        """The end of its log, on one line."""
        try:
            text = self.log.read_text(errors="replace") if self.log else ""
        except OSError:
            text = ""
        return " | ".join(text.strip().splitlines()[-3:])[-500:]

    def pause(self) -> None:
        """SIGSTOP: its sockets stay open and answer nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, as a crash; returns when it is gone. What is left of its group goes with it."""
        self._signal(signal.SIGKILL)
        self.wait(5.0)

    def terminate(self, seconds: float = 5.0) -> None:
        """SIGTERM, and after the deadline SIGKILL; returns when it is gone. Works on a paused process."""
        self.ask_to_end()
        self.wait(seconds)
        self.kill()

    def ask_to_end(self) -> None:
        """SIGTERM only, without waiting. To the leader alone: it knows in which order its children end."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._fd, signal.SIGTERM)
        # After SIGTERM, so that a paused server wakes up to end and not to serve.
        self.resume()

    def release(self) -> None:
        """Close the standard input of a program started with ``held``."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.close()

    def close(self) -> None:
        """Forget a process that has ended: reap it when it is ours."""
        if self.alive:
            return
        if self._child is not None:
            self.release()
            self._child.wait()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _signal(self, number: signal.Signals) -> None:
        # An unreaped child keeps its group number from being reused; of a daemon that is gone nothing does.
        if self._fd < 0 or (self._child is None and not self.alive):
            return
        with contextlib.suppress(ProcessLookupError):
            if self._child is not None or os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, number)
            else:
                signal.pidfd_send_signal(self._fd, number)


def residents(directory: Path) -> List[int]:
    """Processes of ours (for root: of anybody, such as a server's own account) that live in a directory: started there, or with its name
    on their command line.

    Processes of a terminal are left alone: somebody who reads the logs in his shell is no leftover.
    """
    return sorted(pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if pid != os.getpid() and _lives(pid, str(directory)))


def _lives(pid: int, directory: str) -> bool:
    try:
        if os.geteuid() not in (0, os.stat(f"/proc/{pid}").st_uid):
            return False
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[4] != "0":
            return False
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        # A zombie has none, and so is no resident.
        home = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return False
    return home == directory or home.startswith(directory + "/") or any(directory in word for word in words)
