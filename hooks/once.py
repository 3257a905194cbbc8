"""One command at a time, and once more if it was asked for meanwhile: what a daemon hook does where no watcher runs.

Ten thousand hooks during one run are one more run after it. None is lost: a hook leaves its mark before it looks at the lock,
and whoever holds the lock looks for a mark after it let go.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
import zlib

from waking import run

# Between two runs, so that an hour of events is not an hour of runs back to back.
PAUSE = 1.0


def run_detached(argv: list[str], directory: str, seconds: float) -> None:
    """Have the command run, and return at once. It ends within ``seconds``; what the last run printed is in ``directory``/hooks."""
    if os.fork():
        return
    try:
        _let_go()
        _run_if_first(argv, f"{directory}/hooks", seconds)
    finally:
        os._exit(0)


def _let_go() -> None:
    """Hold nothing of the agent's: neither its session nor its pipes."""
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    for name in os.listdir("/proc/self/fd"):
        # One of them was the listing's own.
        with contextlib.suppress(OSError):
            if int(name) > 2:
                os.close(int(name))


def _run_if_first(argv: list[str], directory: str, seconds: float) -> None:
    os.makedirs(directory, mode=0o700, exist_ok=True)
    # Other words are another command: neither may take the other's mark.
    place = f"{directory}/{os.path.basename(argv[0])}-{zlib.crc32(chr(0).join(argv).encode('utf-8', 'surrogateescape')):08x}"
    mark = f"{place}.again"
    os.close(os.open(mark, os.O_CREAT | os.O_WRONLY, 0o600))
    while os.path.exists(mark):
        with open(f"{place}.lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            _run_while_marked(argv, place, mark, seconds)


def _run_while_marked(argv: list[str], place: str, mark: str, seconds: float) -> None:
    while True:
        # Before the run, which then sees all that was marked so far.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(mark)
        with open(f"{place}.log", "wb") as log:
            code = run(argv, seconds, log.fileno())
        if code:
            _tell(f"{' '.join(argv)}: exit code {code}, its words are in {place}.log")
        time.sleep(PAUSE)
        if not os.path.exists(mark):
            return


def _tell(sentence: str) -> None:
    import syslog

    syslog.openlog("osvc_ha")
    syslog.syslog(syslog.LOG_WARNING, sentence)
