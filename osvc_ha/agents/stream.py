"""Following agent 3: server-sent events on its unix socket. Every batch means a glance, whatever the events say."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Deque, Optional
from urllib.parse import urlencode

from osvc_ha.agents.follow import Bell, Glances
from osvc_ha.agents.sockets import Door
from osvc_ha.cluster.alphabets import shown
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

if TYPE_CHECKING:
    from osvc_ha.http_unix import Stream

ROUTE = "/api/node/name/localhost/daemon/event"
# What a Cluster is made of. An agent that does not know one of them refuses the question; it is then asked for all it has.
KINDS = (
    "ClusterConfigUpdated",
    "ForgetPeer",
    "HeartbeatAlive",
    "HeartbeatStale",
    "InstanceConfigDeleted",
    "InstanceConfigUpdated",
    "InstanceMonitorDeleted",
    "InstanceMonitorUpdated",
    "InstanceStatusDeleted",
    "InstanceStatusUpdated",
    "NodeAlive",
    "NodeConfigUpdated",
    "NodeFrozen",
    "NodeLabelsUpdated",
    "NodeStale",
    "NodeStatusUpdated",
    "ObjectCreated",
    "ObjectDeleted",
    "ObjectStatusUpdated",
)
SECONDS = 5.0
LARGEST_EVENT = 16 * 1024 * 1024
# An event may run ahead of the status it announces: so look again, ever less often, for as long as this.
CLOSE_FOR = 1.0
CLOSEST = 0.02
RECENT = 20
# Of the time, how much looking may take in a storm of events; the agent has its part of it.
SHARE = 0.05
# Between two glances when no event asked for one. One that finds something is one that the stream has missed.
BACKSTOP = 5.0
GRACE = 1.0


class Events:
    """Cuts what arrives into events, and counts them. Their data is skipped, not parsed."""

    def __init__(self) -> None:
        self._rest = b""
        self._id: Optional[int] = None

    @property
    def cut(self) -> bool:
        """Is an event only half here?"""
        return bool(self._rest.strip())

    def take(self, chunk: bytes) -> int:
        """How many events ended in this chunk. ObserveError when one before them is missing, or one never ends."""
        *whole, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n\n")
        if len(self._rest) > LARGEST_EVENT:
            raise ObserveError(f"agent 3 events: one has no end after {len(self._rest)} bytes")
        return sum(self._one(event) for event in whole)

    def _one(self, event: bytes) -> bool:
        fields = dict(line.partition(b":")[::2] for line in event.split(b"\n") if line and not line.startswith(b":"))
        number = fields.get(b"id", b"").strip()
        if number.isdigit():
            before, self._id = self._id, int(number)
            if before is not None and self._id != before + 1:
                raise ObserveError(f"agent 3 events: {before} is followed by {self._id}: something is missing")
        return bool(fields)


class Pace:
    """When to glance next: at once after an event, then 20, 40, 80 ms ... later for a second, then once in a while."""

    def __init__(self, now: float) -> None:
        self._gap = 0.0
        self._last = now - BACKSTOP
        self._close_until = 0.0
        self._least = CLOSEST
        self._costs: Deque[float] = deque(maxlen=RECENT)
        self.at = now

    def heard(self, now: float) -> None:
        """Something happened."""
        self._close_until = now + CLOSE_FOR
        self._gap = CLOSEST
        self.at = min(self.at, max(now, self._last + self._least))

    def looked(self, now: float, cost: float) -> None:
        """A glance ended."""
        # The least of the last ones: on a busy machine a glance takes longer than it costs.
        self._costs.append(cost)
        self._last, self._least = now, max(CLOSEST, min(self._costs) / SHARE)
        close = now - cost < self._close_until
        self.at = now + (max(self._gap, self._least) if close else BACKSTOP)
        self._gap *= 2


def follow_stream(host: Host, door: Door, glances: Glances, bell: Bell) -> None:
    """Until the bell ends it. HaError when the agent does not answer, and when its stream ends or loses something."""
    with _listening(door, bell) as ear:
        pace = Pace(time.monotonic())
        missed = 0.0
        while not bell.ended:
            rung = bell.wait(pace.at - time.monotonic())
            heard, now = ear.heard(), time.monotonic()
            if rung:
                pace.heard(now)
            if missed and heard < missed and now > missed + GRACE:
                raise ObserveError("agent 3 events: none came though the cluster changed")
            if now >= pace.at:
                quiet = now > heard + CLOSE_FOR
                if glances.look(door) and quiet and heard:
                    missed = now
                    pace.heard(now)
                pace.looked(time.monotonic(), glances.cost)


@contextlib.contextmanager
def _listening(door: Door, bell: Bell) -> Iterator[_Ear]:
    """One who rings the bell for each event of a new stream."""
    stream = _opened(door)
    ear = _Ear(stream, bell)
    thread = threading.Thread(target=ear.listen, name="agent 3 events", daemon=True)
    thread.start()
    try:
        yield ear
    finally:
        stream.end()
        thread.join()
        stream.close()
        # The last ring is for the end of this stream, and would cut short the pause before the next one.
        bell.wait(0.0)


class _Ear:
    """Listens in a thread of its own: HTTP reads ahead, so an event may be here though there is nothing more to read from the socket."""

    def __init__(self, stream: Stream, bell: Bell) -> None:
        self._stream = stream
        self._bell = bell
        self._heard = 0.0
        self._trouble: Optional[Exception] = None

    def heard(self) -> float:
        """When an event ended last (time.monotonic). The HaError, or whatever else, by which the listening ended."""
        if self._trouble is not None:
            raise self._trouble
        return self._heard

    def listen(self) -> None:
        """Until the stream ends."""
        events = Events()
        try:
            for chunk in iter(self._stream.read, b""):
                if events.take(chunk):
                    self._heard = time.monotonic()
                    self._bell.ring()
            raise ObserveError(f"agent 3 events: the stream has ended{' in the middle of one' if events.cut else ''}")
        except Exception as error:
            # Whatever it is, the follower has to know: a thread that is gone looks like an agent that is silent.
            self._trouble = error
            self._bell.ring()


def _opened(door: Door) -> Stream:
    """A stream whose subscription has begun: all that changes from now on will be in it."""
    from osvc_ha.http_unix import Stream

    for kinds in (KINDS, ()):
        query = urlencode([("replay", "true"), *(("filter", kind) for kind in kinds)])
        stream = Stream(str(door.socket), f"{ROUTE}?{query}", SECONDS, "text/event-stream")
        if stream.status == 200:
            return stream
        stream.close()
        if stream.status != 400:
            break
    raise ObserveError(f"agent 3 events: HTTP {stream.status}: {shown(stream.refusal)}")
