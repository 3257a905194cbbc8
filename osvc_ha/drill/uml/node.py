"""One node: a User-Mode-Linux kernel in a process group of its own, and commands run in it without its network."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Dict, List, Optional

from osvc_ha.drill.process import Process
from osvc_ha.host import Completed
from osvc_ha.planner.errors import ApplyError

BOOT_SECONDS = 60.0
RUN_SECONDS = 30.0
# Beyond a command's own deadline, which the node keeps: after that it is the node that hangs.
GRACE = 5.0


class Node:
    """Boot, run, kill, freeze, reboot. May be used from several threads.

    A command is a file that the node reads from a directory of the host, and one line on its serial port that says so: so it works
    whatever is cut. argv: its kernel's command line, without where that comes from. directory: the lab's.
    """

    def __init__(self, name: str, address: str, argv: List[str], directory: Path) -> None:
        self.name = name
        self.address = address
        self.shared = directory / "ctl" / name
        self._argv = argv
        self._directory = directory
        self._log = directory / f"{name}.log"
        self._process: Optional[Process] = None
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._ready = threading.Event()
        self._codes: Dict[str, int] = {}
        self._ended = threading.Condition()
        self._count = 0

    @property
    def alive(self) -> bool:
        """Has its kernel not ended?"""
        return self._process is not None and self._process.alive

    def boot(self) -> None:
        """Switch it on; ``await_ready`` waits for it. Its disk is as it was."""
        if self.alive:
            raise ApplyError(f"{self.name}: runs already")
        self._ready.clear()
        # A kernel finds no socket of its own name to bind to, and would have no network.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._directory / f"{self.name}.me")
        env = {**os.environ, "TMPDIR": str(self._directory)}
        try:
            with open(self._log, "ab") as sink:
                self._child = subprocess.Popen(
                    self._argv,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=sink,
                    cwd=self._directory,
                    env=env,
                    start_new_session=True,
                )
        except OSError as error:
            raise ApplyError(f"{self.name}: {self._argv[0]}: {error.strerror}; install user-mode-linux") from error
        self._process = Process(self.name, self._child.pid, self._log, self._child)
        threading.Thread(target=self._listen, args=(self._child,), daemon=True).start()

    def await_ready(self, seconds: float = BOOT_SECONDS) -> None:
        """Until it takes commands. ApplyError with the kernel's last words when it does not."""
        give_up = time.monotonic() + seconds
        while not self._ready.wait(0.05):
            if not self.alive or time.monotonic() > give_up:
                words = self._process.words() if self._process else "never switched on"
                raise ApplyError(f"{self.name}: not ready within {seconds:g} s: {words}")

    def _listen(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None
        with child.stdout as lines:
            for line in lines:
                words = line.decode(errors="replace").split()
                if words == ["READY"]:
                    self._ready.set()
                elif len(words) == 3 and words[0] == "END":
                    with self._ended:
                        self._codes[words[1]] = int(words[2])
                        self._ended.notify_all()
        with self._ended:
            self._ended.notify_all()

    def run(self, command: str, seconds: float = RUN_SECONDS) -> Completed:
        """Run a shell command to its end, as root. ApplyError when it outlives ``seconds`` (it is killed then), or the node dies."""
        child = self._child
        with self._ended:
            self._count += 1
            mark = f"c{self._count}"
        (self.shared / f"{mark}.cmd").write_text(command + "\n")
        try:
            assert child is not None and child.stdin is not None
            os.write(child.stdin.fileno(), f"{mark} {seconds:g}\n".encode())
        except (AssertionError, OSError, ValueError) as error:
            raise ApplyError(f"{self.name}: is off, and cannot run {command!r}") from error
        give_up = time.monotonic() + seconds + GRACE
        with self._ended:
            while mark not in self._codes:
                self._ended.wait(0.1)
                if not self.alive or time.monotonic() > give_up:
                    why = "no answer" if self.alive else "died"
                    raise ApplyError(f"{self.name}: {why} while it ran {command!r} (within {seconds:g} s)")
            code = self._codes.pop(mark)
        out, err = ((self.shared / f"{mark}.{kind}").read_text(errors="replace") for kind in ("out", "err"))
        if code == 124:
            raise ApplyError(f"{self.name}: {command!r} did not end within {seconds:g} s: {(err or out).strip()[-500:]}")
        return Completed(code, out, err)

    def must(self, command: str, seconds: float = RUN_SECONDS) -> str:
        """What it printed. ApplyError unless it succeeds."""
        done = self.run(command, seconds)
        if done.code:
            raise ApplyError(f"{self.name}: {command!r}: exit code {done.code}: {done.words}")
        return done.out.strip()

    def kill(self) -> None:
        """A power cut: kill -9 of the kernel and all in it."""
        if self._process is not None:
            self._process.kill()
            self._process.close()
        self._forget()

    def freeze(self) -> None:
        """It stops, and does not know it; ``thaw`` lets it go on. The kernel's own process alone: it panics if its children are woken."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on after ``freeze``."""
        self._signal(signal.SIGCONT)

    def power_off(self, seconds: float = 20.0) -> None:
        """Shut down in order."""
        self.run("sync; (sleep 0.1; busybox poweroff -f) >/dev/null 2>&1 &", seconds)
        if self._process is not None and not self._process.wait(seconds):
            raise ApplyError(f"{self.name}: still on {seconds:g} s after poweroff")
        self.kill()

    def reboot(self, seconds: float = BOOT_SECONDS) -> None:
        """At once, with nothing written back: what a reset button does. Returns when it takes commands again."""
        self.kill()
        self.boot()
        self.await_ready(seconds)

    def _signal(self, number: signal.Signals) -> None:
        # Not reaped before ``kill``, so the number is still its own.
        if self._process is not None and self.alive:
            os.kill(self._process.pid, number)

    def _forget(self) -> None:
        self._ready.clear()
        if self._child is not None and self._child.stdin is not None:
            with contextlib.suppress(OSError):
                self._child.stdin.close()
        self._process = self._child = None
