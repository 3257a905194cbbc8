"""The long-lived follower: any number of wake-ups, one reconcile at a time.

Events only say "look again", so a wake-up carries nothing: ten thousand of them while one
reconcile runs are one more reconcile. What no event told is closed by a periodic resync.
"""

from __future__ import annotations

import contextlib
import logging
import random
import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional, Tuple

from osvc_ha.cluster.addresses import remembering
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, HaError
from osvc_ha.planner.reconcile import Health, Report, judge, reconcile, status
from osvc_ha.planner.types import Status, Step, System, Verb

LOG = logging.getLogger("osvc_ha.watch")
FIRST_BACK_OFF = 1.0
LONGEST_BACK_OFF = 30.0
LONG_SLEEP = 0.5
# What HAProxy's checks find, no event tells; nobody should read for a minute of a trouble that is over.
UNWELL = 5.0
# And for how long after a step another may become due by itself (a Sentinel is told to forget 30 s after the one before).
ACTIVE_SECONDS = 60.0


@dataclass(frozen=True)
class Followed:
    """One system and its parsed config."""

    system: System[Any, Any, Any]
    config: Any


class StoppableHost(Host):
    """The machine, for a process that may be asked to end while a step waits (for the reload budget, say).

    Only long sleeps are cut short, by an ApplyError: nothing is half done there, and the next look goes on
    from what it finds. The short ones poll for the end of something that has begun.
    """

    def __init__(self) -> None:
        self.stopping = False

    def sleep(self, seconds: float) -> None:
        """Wait; ApplyError when a long wait is cut short."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.stopping and seconds >= LONG_SLEEP:
                raise ApplyError("stopped while waiting; the next look goes on from here")
            time.sleep(min(left, 0.1))


After = Callable[[Cluster, Sequence[Followed]], None]


def ignore(cluster: Cluster, followed: Sequence[Followed]) -> None:
    """For nobody who depends on what was followed."""


def nobody(cluster: Cluster) -> Sequence[Followed]:
    """No siblings."""
    return ()


class Watch:
    """Runs ``follow`` for each system whenever woken, and every ``resync`` seconds.

    read: returns the Cluster; raises HaError while it cannot be told, and then nothing is touched.
    settle: seconds to let a burst of events pass before reading.
    after: called with each Cluster and who followed it, for whoever depends on that; its HaError is logged.
    tell: called after each look with why the cluster could not be read, or "", the health of each system, and the last cluster.
    siblings: called with each Cluster for more that is to follow; on its HaError those of before go on.
    runs: how many reconciles there were.
    """

    def __init__(
        self,
        read: Callable[[], Cluster],
        followed: Sequence[Followed],
        host: Host,
        resync: float = 60.0,
        settle: float = 0.02,
        after: After = ignore,
        tell: Optional[Callable[[str, Mapping[str, Health], Optional[Cluster]], None]] = None,
        siblings: Callable[[Cluster], Sequence[Followed]] = nobody,
    ) -> None:
        self._read = read
        self._followed = tuple(followed)
        self._siblings = siblings
        self._more: Tuple[Followed, ...] = ()
        self._host = host
        self._resync = resync
        self._settle = settle
        self._after = after
        self._tell = tell
        self._health: dict[str, Health] = {}
        self._active_until = 0.0
        # Sockets and not a threading.Event: its lock is not re-entrant, so that a signal handler which sets the event
        # while the main thread is just taking that lock would hang for ever.
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._stopping = False
        self._failures = 0
        self._said: dict[str, Tuple[str, ...]] = {}
        self._before: Optional[Cluster] = None
        self.runs = 0

    def wake(self) -> None:
        """Look again, soon. Safe from any thread and from a signal handler."""
        # A full buffer means that the wake-up is already on its way.
        with contextlib.suppress(BlockingIOError):
            self._waker.send(b"w")

    def stop(self) -> None:
        """End after the reconcile that runs now. Safe where ``wake`` is."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        """Follow until stopped. Starts with one reconcile: whatever happened before is caught up with."""
        self.wake()
        while not self._stopping:
            self._wait(self._pause())
            if self._stopping:
                break
            time.sleep(self._settle)
            # Emptied before reading: what happens from here on is one more run, never a lost one.
            self._drain()
            self._failures = 0 if self.follow() else self._failures + 1
            if self._tell is not None:
                self._tell(" ".join(self._said.get("cluster", ())), dict(self._health), self._before)

    def follow(self) -> bool:
        """One reconcile of every system. True when all of them converged."""
        began = time.monotonic()
        self.runs += 1
        try:
            cluster = self._read()
            if self._before is not None:
                cluster = remembering(cluster, {name: node.labels for name, node in self._before.nodes.items()})
        except HaError as error:
            self._say("cluster", str(error))
            return False
        self._before = cluster
        self._say("cluster")
        known = self._look_around(cluster)
        followed = (*self._followed, *self._more)
        well = all([self._follow(one, cluster) for one in followed]) and known
        try:
            self._after(cluster, followed)
        except HaError as error:
            self._say("after", str(error))
            return False
        self._say("after")
        LOG.debug("looked at %d objects in %.0f ms: %s", len(cluster.objects), 1000 * (time.monotonic() - began), well)
        return well

    def _look_around(self, cluster: Cluster) -> bool:
        try:
            self._more = tuple(self._siblings(cluster))
        except HaError as error:
            self._say("siblings", str(error))
            return False
        self._say("siblings")
        return True

    def _follow(self, one: Followed, cluster: Cluster) -> bool:
        name = one.system.name
        if self._stopping:
            return False
        actual, trouble = None, ""
        try:
            outcome = reconcile(one.system, one.config, cluster, Verb.FOLLOW, self._host, _log_step(name))
            self._say(name, *outcome.notes)
            actual = outcome.actual
            if outcome.steps:
                self._active_until = time.monotonic() + ACTIVE_SECONDS
        except HaError as error:
            trouble = str(error)
            self._say(name, trouble)
        if self._tell is not None:
            self._health[name] = self._judge(one, cluster, actual, trouble)
        return not trouble

    def _judge(self, one: Followed, cluster: Cluster, actual: Any, trouble: str) -> Health:
        """As it was in the last look of its reconcile, or is now if that came to none; and why it is not followed."""
        system, config = one.system, one.config
        try:
            health = status(system, config, cluster, self._host) if actual is None else judge(system, config, cluster, actual)
        except HaError as error:
            return Health(Status.UNDEF, (str(error),))
        return replace(health, lines=(trouble, *health.lines)) if trouble and trouble not in health.lines else health

    def _wait(self, seconds: float) -> None:
        poller = select.poll()
        poller.register(self._woken, select.POLLIN)
        poller.poll(seconds * 1000)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._woken.recv(65536):
                pass

    def _pause(self) -> float:
        """Until the next look if nothing wakes us: the resync, or sooner after failures, ever less so."""
        if not self._failures:
            active = time.monotonic() < self._active_until or any(health.lines for health in self._health.values())
            return min(self._resync, UNWELL) if active else self._resync
        longest = min(self._resync, LONGEST_BACK_OFF, FIRST_BACK_OFF * 2.0 ** min(self._failures - 1, 10))
        return longest * random.uniform(0.8, 1.0)

    def _say(self, what: str, *words: str) -> None:
        """Each sentence once, when it becomes true, and one line when all is well again: not one per attempt."""
        before, self._said[what] = self._said.get(what, ()), words
        for sentence in words:
            if sentence not in before:
                LOG.warning("%s: %s", what, _one_line(sentence))
        if before and not words:
            LOG.info("%s: well again", what)


def _log_step(name: str) -> Report:
    def report(step: Step) -> None:
        LOG.info("%s: %s %s: %s", name, step.do, step.on, _one_line(step.why))

    return report


def _one_line(text: str) -> str:
    """A program's own words may be many lines; a log line is one."""
    return " ".join(text.split())
