"""One run of a driver as a process of its own: watched, timed, and killed in the middle if need be."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from osvc_ha.conformance.verdict import Failed
from osvc_ha.planner.errors import ApplyError

# What an agent would wait for: more than a scheduler's hiccup, less than anybody would take for instant.
HELD_SECONDS = 1.0


@dataclass(frozen=True)
class Ended:
    """How it ended. seconds: until its process was gone. held: something it started kept its output open after that."""

    word: str
    code: int
    out: str
    err: str
    seconds: float
    held: bool = False

    @property
    def said(self) -> str:
        """All it printed, on one line."""
        return " ".join(f"{self.out} {self.err}".split())

    def __str__(self) -> str:
        return f"{self.word} ended with {self.code} after {self.seconds:.1f} s: {self.said[-600:] or '(it said nothing)'}"


class Command:
    """A process that was just started, its output ours to read, as an agent has it."""

    def __init__(self, word: str, argv: Sequence[str], env: Mapping[str, str]) -> None:
        self.word = word
        self._began = time.monotonic()
        try:
            self._child = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(env),
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise ApplyError(f"{argv[0]}: {error.strerror}") from error

    @property
    def running(self) -> bool:
        """Has it not ended?"""
        return self._child.poll() is None

    def kill(self) -> None:
        """SIGKILL to this process alone: what it started lives on, as when an agent is killed."""
        self._child.send_signal(signal.SIGKILL)
        self._child.wait()
        self._close()

    def end(self, seconds: float) -> Ended:
        """Wait for its end. Failed when it takes longer than ``seconds``; its process group is killed then."""
        texts = {"out": b"", "err": b""}
        gone = 0.0
        with selectors.DefaultSelector() as selector:
            for name, pipe in (("out", self._child.stdout), ("err", self._child.stderr)):
                assert pipe is not None
                selector.register(pipe, selectors.EVENT_READ, name)
            while selector.get_map():
                for key, _ in selector.select(0.02):
                    chunk = os.read(key.fd, 65536)
                    texts[key.data] += chunk
                    if not chunk:
                        selector.unregister(key.fileobj)
                now = time.monotonic()
                if not gone and not self.running:
                    gone = now
                if gone and now - gone > HELD_SECONDS:
                    break
                if not gone and now - self._began > seconds:
                    self._give_up(seconds, texts)
            held = bool(selector.get_map())
        code = self._wait(seconds, texts)
        took = (gone or time.monotonic()) - self._began
        self._close()
        out, err = (texts[name].decode(errors="replace") for name in ("out", "err"))
        return Ended(self.word, code, out, err, took, held)

    def _wait(self, seconds: float, texts: Mapping[str, bytes]) -> int:
        try:
            return self._child.wait(max(0.1, seconds - (time.monotonic() - self._began)))
        except subprocess.TimeoutExpired:
            self._give_up(seconds, texts)
            raise

    def _give_up(self, seconds: float, texts: Mapping[str, bytes]) -> None:
        os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._close()
        said = b" ".join(texts.values()).decode(errors="replace")
        raise Failed(f"{self.word} ends within {seconds:g} s", f"it still ran, having said: {' '.join(said.split())[-400:] or 'nothing'}")

    def _close(self) -> None:
        for pipe in (self._child.stdout, self._child.stderr):
            if pipe is not None:
                pipe.close()
