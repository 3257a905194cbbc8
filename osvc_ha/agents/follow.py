"""Wake-ups from the agent on this node, whichever it is: 2.1 by polling (polls.py), 3 by its event stream (stream.py).

Neither is believed: what they lead to is a glance at the cluster, and only one that differs from the glance before wakes.
So a storm of events about nothing wakes nobody, and an event that runs ahead of the status it announces is not lost.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Dict, Optional, Tuple

from osvc_ha.agents.feed import Glancer, Glimpse
from osvc_ha.agents.sight import Sight
from osvc_ha.agents.sockets import Door, find_door
from osvc_ha.cluster.types import Cluster, Instance
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError

LOG = logging.getLogger("osvc_ha.follow")
FIRST_BACK_OFF = 0.2
LONGEST_BACK_OFF = 2.0
Wake = Callable[[], None]


@contextlib.contextmanager
def follow_agent(host: Host, wake: Wake, sight: Optional[Sight] = None) -> Iterator[Wake]:
    """While it lasts, wake soon after anything about placement changed in the view of this node's agent.

    Yields a function that makes it look closely for a second: to be called when something else (a hook, a driver) has
    heard of a change, which the agent may tell only in a moment. It may be called from any thread.
    sight: of the feed that is read when it wakes.
    """
    from osvc_ha.agents.polls import follow_polls
    from osvc_ha.agents.stream import follow_stream

    bell = Bell()
    follower = _Follower(host, Glances(Glancer(sight or Sight(host)), wake), bell, {"2.1": follow_polls, "3": follow_stream})
    thread = threading.Thread(target=follower.run, name="follow agent", daemon=True)
    thread.start()
    try:
        yield bell.ring
    finally:
        bell.end()
        thread.join()


class Bell:
    """Rung to look, and to end. From any thread, though not from a signal handler: an Event's lock is not re-entrant."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self.ended = False

    def ring(self) -> None:
        """Look closely from now on."""
        self._rung.set()

    def end(self) -> None:
        """No more waiting."""
        self.ended = True
        self._rung.set()

    def wait(self, seconds: float) -> bool:
        """Until it is rung, or the time is up. Was it rung since the last wait?"""
        rung = self._rung.wait(max(0.0, seconds))
        self._rung.clear()
        if self.ended:
            # It may have been ended just before it was cleared.
            self._rung.set()
        return rung


class Glances:
    """What the cluster looked like last; wakes when it looks otherwise.

    cost: seconds that the last one took, of which the agent has its part. ours: did it find another status of an instance on
    this node? peers: the nodes that were alive then, without this one.
    """

    def __init__(self, glancer: Glancer, wake: Wake) -> None:
        self._glancer = glancer
        self._wake = wake
        self._last: Optional[Glimpse] = None
        self.failures = 0
        self.cost = 0.0
        self.ours = False
        self.peers: Tuple[str, ...] = ()

    def look(self, door: Door) -> bool:
        """Look, and wake if it differs, also by being the first one since a failure. HaError when it cannot be told."""
        began = time.monotonic()
        now = self._glancer.glance(door)
        self.cost = time.monotonic() - began
        if self.failures:
            LOG.info("agent %s answers again", door.agent)
        self.failures = 0
        self.ours = False
        if now == self._last:
            return False
        self.ours = self._last is not None and _instances_here(now[0]) != _instances_here(self._last[0])
        self.peers = tuple(name for name in now[0].alive() if name != now[0].local)
        self._last = now
        self._glancer.leave()
        self._wake()
        return True

    def failed(self, words: str) -> None:
        """It cannot be told. Said once; whoever followed the last glimpse is not disturbed: "cannot tell" is not "changed"."""
        if not self.failures:
            LOG.warning("%s; what was last seen stays in force until the agent answers", words)
        self.failures += 1
        self._last = None


def _instances_here(cluster: Cluster) -> Dict[str, Optional[Instance]]:
    return {path: found.instances.get(cluster.local) for path, found in cluster.objects.items()}


Follow = Callable[[Host, Door, Glances, Bell], None]


class _Follower:
    def __init__(self, host: Host, glances: Glances, bell: Bell, ways: Dict[str, Follow]) -> None:
        self._host = host
        self._bell = bell
        self._ways = ways
        self._glances = glances
        self._agent = ""

    def run(self) -> None:
        """Until the bell ends it. Which agent is asked is decided again whenever a way of following ends."""
        while not self._bell.ended:
            try:
                door = find_door()
                self._meet(door)
                self._ways[door.agent](self._host, door, self._glances, self._bell)
            except HaError as error:
                self._glances.failed(str(error))
                self._bell.wait(self._back_off())
            except Exception:
                # What an agent from the future says may break us in a way that nobody thought of; the resync goes on meanwhile.
                LOG.exception("following the agent broke")
                self._glances.failed("following the agent broke")
                self._bell.wait(LONGEST_BACK_OFF)

    def _meet(self, door: Door) -> None:
        if self._agent and self._agent != door.agent:
            LOG.info("agent %s has taken the place of agent %s: following it", door.agent, self._agent)
        self._agent = door.agent

    def _back_off(self) -> float:
        """All nodes may have lost their daemons at once: none comes back in step with the others."""
        longest = min(LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(self._glances.failures - 1, 10))
        return longest * random.uniform(0.5, 1.0)
