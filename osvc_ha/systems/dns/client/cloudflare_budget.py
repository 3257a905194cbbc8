"""How many calls this node may still make. Cloudflare counts 1,200 in five minutes for a user, all tokens together, and
then answers nothing for five minutes: it blocks whoever else uses that account, too.

All processes on the node share one small file. Calls are counted in slots of ten seconds, and a slot counts until the whole
of it is older than the window: never too few.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Optional

from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError

WINDOW = 300.0
SLOT = 10.0
LOCK_SECONDS = 5.0


class Spent(HaError):
    """No call may be made now; nothing was sent. ``wait``: seconds until one may."""

    def __init__(self, words: str, wait: float) -> None:
        super().__init__(words)
        self.wait = wait


class Budget:
    """The calls of this node within the last five minutes."""

    def __init__(self, path: Path, most: int, host: Host) -> None:
        self.path = path
        self.most = most
        self.host = host

    def take(self) -> None:
        """Count one call that is about to be made, or raise Spent with the time to wait. ApplyError when the file cannot be kept."""
        with self.host.lock(self.path.with_suffix(".lock"), LOCK_SECONDS):
            now = self.host.now()
            slots, closed = self._read(now)
            if now < closed:
                wait = closed - now
                raise Spent(f"Cloudflare asked to be left alone, for another {wait:.0f} s; nothing was sent", wait)
            if sum(slots.values()) >= self.most:
                wait = _until_one_is_free(slots, self.most, now)
                raise Spent(
                    f"{sum(slots.values())} calls of Cloudflare's API in the last five minutes, all that the keyword budget={self.most} "
                    f"allows; the next in {wait:.0f} s, nothing was sent",
                    wait,
                )
            slot = int(now // SLOT)
            slots[slot] = slots.get(slot, 0) + 1
            self._write(slots, closed)

    def close_until(self, when: float) -> None:
        """Nobody on this node calls before: what a 429 asks for."""
        with self.host.lock(self.path.with_suffix(".lock"), LOCK_SECONDS):
            slots, closed = self._read(self.host.now())
            self._write(slots, max(closed, when))

    def _read(self, now: float) -> tuple[dict[int, int], float]:
        """The slots that count, and until when all calls are held back. A file that makes no sense counts as empty."""
        kept = _parsed(self.host.read(self.path, lossy=True))
        if kept is None:
            return {}, 0.0
        slots, closed = kept
        # A clock that was set back must not hold calls for ever: what lies ahead never happened.
        closed = closed if closed <= now + 2 * WINDOW else 0.0
        return {slot: calls for slot, calls in slots.items() if now - WINDOW < (slot + 1) * SLOT and slot * SLOT <= now}, closed

    def _write(self, slots: dict[int, int], closed: float) -> None:
        text = json.dumps({"closed_until": closed, "calls": {str(slot): calls for slot, calls in slots.items()}})
        self.host.replace(self.path, text + "\n")


def _parsed(text: Optional[str]) -> Optional[tuple[dict[int, int], float]]:
    try:
        kept = json.loads(text or "")
        return {int(slot): int(calls) for slot, calls in kept["calls"].items()}, float(kept["closed_until"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _until_one_is_free(slots: dict[int, int], most: int, now: float) -> float:
    """Seconds until enough slots have left the window."""
    over = sum(slots.values()) - most + 1
    for slot in sorted(slots):
        over -= slots[slot]
        if over <= 0:
            return math.ceil((slot + 1) * SLOT + WINDOW - now)
    return WINDOW
