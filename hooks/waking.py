"""What the hooks share: poke the watchers of this node, and run one command that ends.

The scripts beside this file find it through their own place, links followed. They run with -IBS: the daemon's
PYTHONPATH, and what is installed beside Python, are none of their business, and nothing is written here.
"""

from __future__ import annotations

import os
import socket
import sys

DIRECTORY = "/run/osvc_ha"
PROGRAM = "/usr/share/osvc-ha/bin/osvc-ha"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
USAGE = 2
NOT_FOUND = 127
TOO_LONG = 124


class Mistake(Exception):
    """In what the operator wrote."""


class Words:
    """A hook's command line: ``--directory``, ``--program`` and ``--seconds``, then ``rest``.

    Mistake when an option is none of these, or has no value.
    """

    def __init__(self, given: list[str], seconds: float = 0.0) -> None:
        self.directory = DIRECTORY
        self.program = PROGRAM
        self.seconds = seconds
        self.rest = list(given)
        while self.rest and self.rest[0].startswith("-"):
            option, *values = self.rest[:2]
            if option not in ("--directory", "--program", "--seconds") or not values:
                raise Mistake(f"{option}: no such option, or no value behind it; --help shows what there is")
            del self.rest[:2]
            self._take(option[2:], values[0])

    def _take(self, name: str, value: str) -> None:
        if name != "seconds":
            setattr(self, name, value)
            return
        try:
            self.seconds = float(value)
        except ValueError:
            self.seconds = 0.0
        if not 0 < self.seconds < float("inf"):
            raise Mistake(f"--seconds {value}: want a number of seconds above 0")


def complain(sentence: object) -> int:
    """One line on standard error, under the hook's name; the exit code of a mistake."""
    print(f"{os.path.basename(sys.argv[0])}: {sentence}", file=sys.stderr)
    return USAGE


def asks_for_help(text: str | None) -> bool:
    """Print the hook's own text if that is all that was asked for."""
    if sys.argv[1:] not in (["--help"], ["-h"]):
        return False
    print((text or "").strip())
    return True


def poke_watchers(directory: str) -> bool:
    """Wake every watcher below ``directory``. Did one hear?"""
    try:
        names = sorted(os.listdir(directory))
    except OSError:
        return False
    return poke([f"{directory}/{name}/watch.sock" for name in names])


def poke(paths: list[str]) -> bool:
    """Wake the watchers at these sockets. Did one hear?"""
    # A list, not a generator: every one is to be poked.
    return any([_poke(path) for path in paths])


def _poke(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
        mouth.setblocking(False)
        try:
            mouth.sendto(b"look", path)
        except BlockingIOError:
            # Full: wake-ups are waiting there already.
            return True
        except OSError:
            return False
    return True


def run(argv: list[str], seconds: float, sink: int) -> int:
    """Run a command to its end, all it prints going to the descriptor ``sink``. Its exit code; 124 after the deadline, 127 not found.

    It is killed with its session at the deadline, and when we are told to end. What it left running, in a session of its own
    or not, holds no pipe of ours.
    """
    import signal
    import subprocess

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        child = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=_environment(), cwd="/", start_new_session=True
        )
    except OSError as error:
        os.write(sink, f"{argv[0]}: {error.strerror}; `osvc-ha install` puts it there, --program names another\n".encode())
        return NOT_FOUND
    try:
        code = child.wait(seconds)
    except subprocess.TimeoutExpired:
        _kill(child.pid)
        os.write(sink, f"{' '.join(argv)}: no end within {seconds:.3g} s, killed\n".encode())
        return TOO_LONG
    except BaseException:
        _kill(child.pid)
        raise
    return code if code >= 0 else 128 - code


def _kill(leader: int) -> None:
    import signal

    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def _environment() -> dict[str, str]:
    """Agent 3 gives a daemon hook nothing but EVENT, agent 2.1 its own PYTHONPATH. What the agents say of the service is kept."""
    told = {name: value for name, value in os.environ.items() if name.startswith(("OPENSVC_", "OSVC_"))}
    return {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **told}
