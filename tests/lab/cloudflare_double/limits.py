"""1,200 calls in five minutes, then five minutes of nothing."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Optional

WINDOW = 300.0


class CallLimit:
    """Counts the calls of all tokens together: the limit is the user's."""

    def __init__(self, clock: Callable[[], float], most: int = 1200) -> None:
        self.clock = clock
        self.most = most
        self.blocked_until = 0.0
        self.most_seen = 0
        self._calls: deque[float] = deque()

    def count(self) -> tuple[dict[str, str], Optional[int]]:
        """The headers of this call's answer, and the seconds to wait when it is one too many.

        Whether the window slides is not documented; one that slides is the stricter.
        """
        now = self.clock()
        while self._calls and self._calls[0] <= now - WINDOW:
            self._calls.popleft()
        if now >= self.blocked_until:
            self._calls.append(now)
            self.most_seen = max(self.most_seen, len(self._calls))
            if len(self._calls) > self.most:
                self.blocked_until = now + WINDOW
        wait = math.ceil(self.blocked_until - now) if now < self.blocked_until else None
        left = 0 if wait else self.most - len(self._calls)
        reset = wait or math.ceil(self._calls[0] + WINDOW - now)
        headers = {"Ratelimit": f'"default";r={left};t={reset}', "Ratelimit-Policy": f'"default";q={self.most};w={WINDOW:.0f}'}
        return headers, wait
