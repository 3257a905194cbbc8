"""A driver in one file, with a server in the same file, that keeps the contract, or breaks it in the way that it is told.

toy.py toy VERB --snapshot FILE        OSVC_HA_DIRECTORY, OSVC_HA_PROGRAM, OSVC_HA_COUNT, OSVC_HA_PATIENCE, OSVC_HA_BROKEN
toy.py serve SOCKET
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

UP, DOWN, UNDEF = 0, 1, 5


def serve(path: str) -> None:
    """Answer every connection, until told to end."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    Path(path).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(path)
        ear.listen()
        while True:
            peer, _ = ear.accept()
            peer.close()


class Toy:
    """The driver."""

    def __init__(self, broken: str) -> None:
        self.broken = broken
        self.home = Path(os.environ["OSVC_HA_DIRECTORY"])
        self.program = os.environ.get("OSVC_HA_PROGRAM") or sys.executable
        self.socket = str(self.home / "toy.sock")
        self.settings = self.home / "toy.conf"
        count = os.environ.get("OSVC_HA_COUNT") or "1"
        if not count.isdigit():
            if broken == "trace":
                int(count)
            self.fail(f"count={count} is not a number", UNDEF if sys.argv[2] == "status" else 2)

    def fail(self, words: str, code: int) -> None:
        """A sentence and the end."""
        print(words, file=sys.stderr)
        sys.exit(code)

    def servers(self) -> list[int]:
        """Pids of ours."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
                dead = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
            except OSError:
                continue
            if self.socket.encode() in words and not dead:
                found.append(int(pid))
        return found

    def answers(self) -> bool:
        """Within a second."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(1.0)
            try:
                peer.connect(self.socket)
                return peer.recv(1) == b""
            except OSError:
                return False

    def status(self) -> None:
        """Up, down, or cannot tell."""
        if self.broken == "writes":
            (self.home / "looked").write_text("x")
        if not self.servers():
            sys.exit(DOWN)
        sys.exit(UP if self.answers() else DOWN if self.broken == "blind" else UNDEF)

    def start(self) -> None:
        """One server, and no more."""
        self.settings.write_text("x")
        if not self.servers() or self.broken == "double":
            self.launch()
        patience = float(os.environ.get("OSVC_HA_PATIENCE") or "10")
        if not self.wait(self.answers, patience) and self.broken != "hopeful":
            self.fail(f"{self.socket}: no answer within {patience:g} s", 5)

    def launch(self) -> None:
        """Holding no pipe of ours."""
        sink = None if self.broken == "pipe" else subprocess.DEVNULL
        argv = [self.program, __file__, "serve", self.socket]
        try:
            subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, start_new_session=True)
        except OSError as error:
            self.fail(f"{self.program}: {error.strerror}", 5)

    def stop(self) -> None:
        """The end of all of ours; one that does not hear is killed."""
        if self.broken == "deaf":
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self.servers():
                os.kill(pid, number)
            if self.wait(lambda: not self.servers(), 1.0):
                return

    def provision(self) -> None:
        """Nothing is needed."""

    def unprovision(self) -> None:
        """Nothing is left."""
        self.stop()
        if self.broken != "forgets":
            shutil.rmtree(self.home)
            self.home.mkdir()

    def info(self) -> None:
        """One line."""
        print("servers: " + str(len(self.servers())) + (" at 12:00" if self.broken == "colons" else ""))

    def check(self) -> None:
        """Never refused."""

    def wait(self, condition: object, seconds: float = 10.0) -> bool:
        """Until it is so."""
        give_up = time.monotonic() + seconds
        while not condition():  # type: ignore[operator]
            if time.monotonic() > give_up:
                return False
            time.sleep(0.01)
        return True


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    toy = Toy(os.environ.get("OSVC_HA_BROKEN", ""))
    with open(Path(toy.home).with_name("lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        getattr(toy, sys.argv[2])()
