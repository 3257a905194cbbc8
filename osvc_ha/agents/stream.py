"""Following agent 3: server-sent events on its unix socket. Every batch means a glance, whatever the events say."""

from __future__ import annotations

import socket
import time
from collections import deque
from typing import Deque, Optional
from urllib.parse import urlencode

from osvc_ha.agents.follow import Bell, Glances
from osvc_ha.agents.sockets import Door
from osvc_ha.cluster.alphabets import shown
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

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
    with _opened(door) as peer:
        events, pace = Events(), Pace(time.monotonic())
        heard = missed = 0.0
        while not bell.ended:
            rung, readable = bell.wait(pace.at - time.monotonic(), peer)
            now = time.monotonic()
            if readable and _arrived(peer, events):
                heard = now
            if rung or heard == now:
                pace.heard(now)
            if missed and heard < missed and now > missed + GRACE:
                raise ObserveError("agent 3 events: none came though the cluster changed")
            if now >= pace.at:
                quiet = now > heard + CLOSE_FOR
                if glances.look(door) and quiet and heard:
                    missed = now
                    pace.heard(now)
                pace.looked(time.monotonic(), glances.cost)


def _arrived(peer: socket.socket, events: Events) -> bool:
    """Read what is there. Did an event end in it?"""
    try:
        chunk = peer.recv(262144)
    except OSError as error:
        raise ObserveError(f"agent 3 events: {error.strerror or error}") from error
    if not chunk:
        raise ObserveError(f"agent 3 events: the stream has ended{' in the middle of one' if events.cut else ''}")
    return events.take(chunk) > 0


def _opened(door: Door) -> socket.socket:
    """A stream whose subscription has begun: all that changes from now on will be in it."""
    for kinds in (KINDS, ()):
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(SECONDS)
        try:
            peer.connect(str(door.socket))
            status, words = _asked(peer, urlencode([("replay", "true"), *(("filter", kind) for kind in kinds)]))
        except OSError as error:
            peer.close()
            raise ObserveError(f"{door.socket}: {error.strerror or error}") from error
        if status == "200":
            return peer
        peer.close()
        if status != "400":
            break
    raise ObserveError(f"agent 3 events: HTTP {status}: {shown(words)}")


def _asked(peer: socket.socket, query: str) -> tuple[str, str]:
    """The status of the answer, and what else was said. HTTP/1.0: the stream is not in chunks."""
    peer.sendall(f"GET {ROUTE}?{query} HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode())
    head = b""
    # Byte by byte: what follows the head is the stream's.
    while not head.endswith(b"\r\n\r\n"):
        byte = peer.recv(1)
        if not byte or len(head) > 65536:
            raise OSError(None, f"answers {shown(head.decode('utf-8', 'replace'))!r}, which is not HTTP")
        head += byte
    status = (head.split(None, 2) + [b"", b""])[1].decode("ascii", "replace")
    return status, "" if status == "200" else peer.recv(4096).decode("utf-8", "replace")
