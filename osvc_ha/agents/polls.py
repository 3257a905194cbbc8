"""Following agent 2.1: its small question again and again, the large one when the small one's answer changed.

Its event stream is no way: the listener hands events out only when it wakes, once a second, and holds back what follows
another event within 0.3 s until a third (daemon/listener.py, janitor_events; journaled_data.py, emit).
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Deque, List, Optional, Tuple

from osvc_ha.agents import raw
from osvc_ha.agents.follow import Bell, Glances
from osvc_ha.agents.sockets import Door, moved
from osvc_ha.cluster.rereading import Rereader
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

# Seconds between two questions: as long as nothing happens, and for a while after a poke.
CALM = 0.18
CLOSE = 0.025
CLOSE_FOR = 1.0
SLOWEST = 1.0
RECENT = 20
# A question keeps the daemon busy for as long as it takes: of its time no more than 3 %, or 20 % when looking closely.
CALM_SHARE = 0.03
CLOSE_SHARE = 0.2
# Between two large questions when no small one asked for one.
BACKSTOP = 5.0
# Seconds after a change here until the peers are called: when our heartbeat has most likely arrived, and again if it had not.
CALL_AFTER = (0.03, 0.1, 0.3)
# Within a second. Each makes a peer's monitor think once.
MOST_CALLS = 6


def follow_polls(host: Host, door: Door, glances: Glances, bell: Bell) -> None:
    """Until the bell ends it, or another agent is at the door. HaError when this one does not answer."""
    seen: Optional[Tuple[object, ...]] = None
    close_until = backstop = 0.0
    # The least of the last ones: on a busy machine a question takes longer than it costs.
    costs: Deque[float] = deque(maxlen=RECENT)
    calls = Calls(host, door.socket)
    reader = Rereader()
    while not bell.ended and not moved(door):
        began = time.monotonic()
        # Before the glance: what changes between them is seen by the next one.
        found = raw.mark(host, door.socket, reader.parse)
        costs.append(time.monotonic() - began)
        if found != seen or began >= backstop or raw.tells_nothing(found):
            if glances.look(door) and glances.ours:
                calls.plan(time.monotonic())
            seen, backstop = found, began + BACKSTOP
        calls.make(time.monotonic(), glances.peers)
        if bell.wait(min(pause(min(costs), time.monotonic() < close_until), calls.left(time.monotonic()))):
            close_until = time.monotonic() + CLOSE_FOR


class Calls:
    """Has the peers' daemons look at what ours sends them, when an instance here changed.

    A heartbeat is sent at once, but its receiver only puts it into a queue (daemon/hb/hb.py), which the monitor empties at
    its next turn, up to half a second later. To be woken for that is what the agent's own wake_monitor is for. It goes from
    daemon to daemon, and changes nothing.
    """

    def __init__(self, host: Host, socket: Path) -> None:
        self._host = host
        self._socket = socket
        self._due: List[float] = []
        self._made: Deque[float] = deque([-1.0] * MOST_CALLS, maxlen=MOST_CALLS)

    def plan(self, now: float) -> None:
        """An instance here changed just now. The next call that is due stays, or one that never rests would never be called for."""
        self._due = [*self._due[:1], *(now + delay for delay in CALL_AFTER)]

    def make(self, now: float, peers: Sequence[str]) -> None:
        """Those that are due, unless there were too many within the last second. A peer that does not answer is not waited for."""
        if not self._due or now < self._due[0]:
            return
        self._due = [moment for moment in self._due if moment > now]
        if peers and now - self._made[0] >= 1.0:
            self._made.append(now)
            with contextlib.suppress(ObserveError):
                raw.wake(self._host, self._socket, peers)

    def left(self, now: float) -> float:
        """Seconds until the next one."""
        return max(0.0, self._due[0] - now) if self._due else SLOWEST


def pause(cost: float, close: bool) -> float:
    """Seconds until the next question, when one costs the daemon ``cost`` seconds."""
    least, share = (CLOSE, CLOSE_SHARE) if close else (CALM, CALM_SHARE)
    return min(SLOWEST, max(least, cost / share))
