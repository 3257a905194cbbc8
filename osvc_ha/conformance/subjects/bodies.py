"""What there is of a resource while it runs, and nothing of when it does not: processes, a mount, a mark."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ContextManager, Protocol, Tuple

from osvc_ha.conformance.verdict import Failed
from osvc_ha.drill.process import Process, residents

GONE_SECONDS = 5.0
UMOUNT_SECONDS = 30.0
EVERY = 0.05


class Body(Protocol):
    """home: where the resource lives; beside: where what it asks lives."""

    def parts(self, home: Path) -> Tuple[str, ...]:
        """A word for each thing: the same word as long as it is the same thing."""

    def lasting(self, home: Path) -> Tuple[str, ...]:
        """Of the parts, those that stay as long as it runs."""

    def describe(self, part: str) -> str:
        """For a report."""

    def end(self, home: Path) -> None:
        """Take all of it away, as a crash would."""

    def hang(self, home: Path, beside: Path) -> ContextManager[None]:
        """While it lasts, whoever asks gets no answer."""


@dataclass(frozen=True)
class Processes:
    """All that live in its home. passing: command lines, as patterns, of those that come and go by themselves."""

    passing: Tuple[str, ...] = ()

    def parts(self, home: Path) -> Tuple[str, ...]:
        """Their pids."""
        return tuple(map(str, residents(home)))

    def lasting(self, home: Path) -> Tuple[str, ...]:
        """Those that are not passing."""
        found = {part: _command_line(part) for part in self.parts(home)}
        return tuple(part for part, words in found.items() if not any(fnmatch.fnmatch(words, one) for one in self.passing))

    def describe(self, part: str) -> str:
        """With its command line."""
        return f"{part} {_command_line(part)}"

    def end(self, home: Path) -> None:
        """SIGKILL, until none is left."""
        give_up = time.monotonic() + GONE_SECONDS
        while (left := residents(home)) and time.monotonic() < give_up:
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(EVERY)

    def hang(self, home: Path, beside: Path) -> ContextManager[None]:
        """SIGSTOP to each."""
        return stopped(home)


@dataclass(frozen=True)
class Mounts:
    """What is mounted below its home."""

    def parts(self, home: Path) -> Tuple[str, ...]:
        """The kernel's number of each mount, which no other gets while it is there, and where it is."""
        rows = (line.split() for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines())
        return tuple(f"{row[0]} {row[4]}" for row in rows if row[4].startswith(f"{home}/"))

    def lasting(self, home: Path) -> Tuple[str, ...]:
        """All."""
        return self.parts(home)

    def describe(self, part: str) -> str:
        """Where it is."""
        return f"the mount {part.partition(' ')[2]}"

    def end(self, home: Path) -> None:
        """Unmount, the last one first."""
        for part in reversed(self.parts(home)):
            subprocess.run(["umount", "-i", "-c", part.partition(" ")[2]], capture_output=True, timeout=UMOUNT_SECONDS, check=False)

    def hang(self, home: Path, beside: Path) -> ContextManager[None]:
        """A folder or a disk of this machine does not."""
        raise Failed("a mount that can hang", "this one cannot")


@dataclass(frozen=True)
class Mark:
    """A file below its home that says that it runs here; what it asks is a server beside it."""

    file: str

    def parts(self, home: Path) -> Tuple[str, ...]:
        """The file, by its inode: one that was written anew is another."""
        with contextlib.suppress(FileNotFoundError):
            return (f"{(home / self.file).stat().st_ino} {self.file}",)
        return ()

    def lasting(self, home: Path) -> Tuple[str, ...]:
        """It."""
        return self.parts(home)

    def describe(self, part: str) -> str:
        """Its name."""
        return f"the file {part.partition(' ')[2]}"

    def end(self, home: Path) -> None:
        """As a reboot does."""
        (home / self.file).unlink(missing_ok=True)

    def hang(self, home: Path, beside: Path) -> ContextManager[None]:
        """The server does."""
        return stopped(beside)


@contextlib.contextmanager
def stopped(directory: Path) -> Iterator[None]:
    """While it lasts, every process that lives there is stopped. Failed when there is none."""
    found = []
    for pid in residents(directory):
        # One that comes and goes by itself may have gone.
        with contextlib.suppress(ProcessLookupError):
            found.append(Process(str(pid), pid))
    if not found:
        raise Failed("processes that can hang", "none runs")
    for process in found:
        process.pause()
    try:
        yield
    finally:
        for process in found:
            process.resume()


def _command_line(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "(gone)"
