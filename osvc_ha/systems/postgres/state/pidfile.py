"""postmaster.pid, as src/include/utils/pidfile.h describes it, and the lock file of a socket, which begins alike. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

# A pid of Linux, at most (PID_MAX_LIMIT).
LARGEST_PID = 4_194_304
PHASES = frozenset({"starting", "stopping", "ready", "standby"})


@dataclass(frozen=True)
class PidFile:
    """pid: 0 when it cannot be told. started: seconds since the epoch. phase: starting, stopping, ready, standby or "".

    ``ready`` is a server that takes writes; one in hot standby says ``standby``.
    """

    pid: int = 0
    directory: str = ""
    started: int = 0
    port: int = 0
    socket_dir: str = ""
    phase: str = ""


def parse_pid_file(text: str) -> PidFile:
    """Any text: lines that are missing, as in one that is just being written, leave the defaults."""
    lines = text.split("\n")
    phase = _line(lines, 7)
    return PidFile(
        # postgres --single writes a negative one.
        pid=_number(_line(lines, 0).lstrip("-"), LARGEST_PID),
        directory=_line(lines, 1),
        started=_number(_line(lines, 2), 2**62),
        port=_number(_line(lines, 3), 65535),
        socket_dir=_line(lines, 4),
        phase=phase if phase in PHASES else "",
    )


def _line(lines: List[str], at: int) -> str:
    return lines[at].strip() if at < len(lines) else ""


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        return 0
    return int(text) if int(text) <= most else 0
