"""A time limit for a whole command: a Host that waits no longer, and an alarm for what does not wait by it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Optional

from osvc_ha.host import RUN_SECONDS, Completed, Host
from osvc_ha.planner.errors import ApplyError

# A program that tidies up (a reload that has begun, the end of a write pause) still gets this long.
LEAST_SECONDS = 2.0
RINGS = 5
AGAIN_SECONDS = 1.0


class TimedHost(Host):
    """The machine, until the time is up: then every wait ends with an ApplyError, as any failed step does.

    So what a plan wants done in any case (``Step.always``) is done, and no clean-up is cut short.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = time.monotonic() + seconds

    def sleep(self, seconds: float) -> None:
        """Wait; ApplyError when there is no time left."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise ApplyError(f"no end after {self._seconds:g} s; what was done so far stays, and the next run goes on from there")
        super().sleep(min(seconds, left))

    def run(
        self,
        argv: Sequence[str],
        seconds: float = RUN_SECONDS,
        text: str = "",
        env: Optional[Mapping[str, str]] = None,
    ) -> Completed:
        """As any Host, within the time that is left."""
        left = self._until - time.monotonic()
        return super().run(argv, max(LEAST_SECONDS, min(seconds, left)), text, env)


class TooLate(BaseException):
    """The alarm rang. Not an Exception, so that nobody on the way takes it for an answer."""


@contextlib.contextmanager
def alarm(seconds: float, words: str, code: int) -> Iterator[None]:
    """TooLate in the body after so many seconds, and once a second from then on: a ``finally`` may have swallowed the first.

    After five of them the process prints ``words`` and ends with ``code``. In the main thread only.
    """
    rung = 0

    def ring(*_: object) -> None:
        nonlocal rung
        rung += 1
        if rung > RINGS:
            os.write(2, f"{words}\n".encode())
            os._exit(code)
        raise TooLate

    before = signal.signal(signal.SIGALRM, ring)
    other = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, *other)
