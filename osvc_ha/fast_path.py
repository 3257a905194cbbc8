"""Hears Sentinel's events and hurries HAProxy along: one thread per Redis group.

An event only starts a close look (``authority``), repeated until the Sentinels agree; what the
event says is never believed. Everything here may fail or be killed: HAProxy's own checks reach
the same answer a little later (DESIGN: a push only makes it faster).
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha import frontdoor
from osvc_ha.authority import Grant, View, authority, named
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError
from osvc_ha.redis_groups import Group, group_of, read_answers, view_of
from osvc_ha.redis_link import Links, Peer, Silence
from osvc_ha.sentinel_events import Subscription
from osvc_ha.systems.haproxy.plan import redis_groups

LOG = logging.getLogger("osvc_ha.fast_path")
EVENTS = ("+try-failover", "+failover-state-wait-promotion", "+promoted-slave", "+config-update-from", "+switch-master")
LOOK_EVERY = 0.01
LOOK_SECONDS = 0.08
LOOK_FOR = 5.0
# A poke says only that something happened: where all is well one look tells, else there are more for so long.
POKED_FOR = 1.0
POKED_EVERY = 0.1
LEAVE_OUT = (0.1, 0.5)
RENEW = 1.0
TICK = 0.5
END_SECONDS = 1.0


def is_about(event: str, master: str) -> bool:
    """Other groups share the Sentinels. Every event names its master as a word of its own (sentinel.c, sentinelEvent)."""
    return master in event.split()


def is_settled(view: View, grant: Grant) -> bool:
    """A majority names it and nothing is in the air: HAProxy's own checks come to the same by themselves."""
    failing_over = any(vote.deposing for vote in view.votes)
    rival = any(claim.role == "master" and claim.node != grant.node for claim in view.claims)
    return named(view) == grant.node and not failing_over and not rival


class FastPath(threading.Thread):
    """Follows one group until ``stop``.

    holder: whom it saw entitled last. pushes: how many grants HAProxy took. looks: how often it looked.
    pushed_at: time.monotonic() of the first push to the present holder, 0 for none.
    """

    def __init__(self, group: Group, runtime_socket: str, host: Host) -> None:
        super().__init__(name=f"fast-path {group.id}", daemon=True)
        self.group = group
        self.holder = ""
        self.pushes = 0
        self.looks = 0
        self.pushed_at = 0.0
        self._socket = runtime_socket
        self._host = host
        self._links = Links()
        self._ended = threading.Event()
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._mouth.setblocking(False)
        self._deaf_until = 0.0
        self._left_out: dict[Peer, Tuple[float, float]] = {}
        self._said: dict[str, str] = {}
        self._subscriptions = tuple(Subscription(node, sentinel, EVENTS) for node, sentinel in group.sentinels)

    @property
    def listening(self) -> int:
        """How many Sentinels tell us their events."""
        return sum(subscription.confirmed for subscription in self._subscriptions)

    def stop(self) -> None:
        """End within a second."""
        self._ended.set()
        self.look()

    def look(self) -> None:
        """Look now, whatever the Sentinels tell. From any thread, as often as one likes: a storm is a look each POKED_EVERY."""
        # A full buffer means that it is woken already.
        with contextlib.suppress(OSError):
            self._mouth.send(b"l")

    def run(self) -> None:
        """Subscribe, wait, look."""
        try:
            while True:
                new, heard = self._listen()
                poked = self._is_poked()
                if self._ended.is_set():
                    return
                if heard:
                    self._look(LOOK_FOR)
                elif poked:
                    self._look(POKED_FOR)
                elif new:
                    # It may have spoken before we listened; one look tells.
                    self._look(0.0)
        finally:
            for subscription in self._subscriptions:
                subscription.close()
            self._links.close()

    def _listen(self) -> Tuple[bool, bool]:
        """Wait for something: did a Sentinel begin to tell, and did one tell of this group?"""
        poller = select.poll()
        deaf = self._deaf_until - time.monotonic()
        if deaf <= 0:
            poller.register(self._ear, select.POLLIN)
        by_number = {}
        for subscription in self._subscriptions:
            subscription.tend()
            self._say(f"{subscription.node}: its Sentinel tells no events", subscription.trouble)
            if subscription.is_open:
                by_number[subscription.fileno()] = subscription
                poller.register(subscription, select.POLLOUT if subscription.wants_to_write else select.POLLIN)
        before = self.listening
        pause = deaf if 0 < deaf < TICK else TICK
        events = [event for number, _ in poller.poll(pause * 1000) if number in by_number for event in by_number[number].advance()]
        return self.listening > before, any(is_about(event, self.group.master) for event in events)

    def _is_poked(self) -> bool:
        """Was it asked to look? All who did are answered by one look, and for POKED_EVERY nobody else is listened to."""
        now = time.monotonic()
        if now < self._deaf_until:
            return False
        try:
            self._ear.recv(65536)
        except BlockingIOError:
            return False
        self._deaf_until = now + POKED_EVERY
        return True

    def _look(self, seconds: float) -> None:
        """Look closely until a majority names the one that is entitled, or nothing came of it within ``seconds``."""
        give_up = time.monotonic() + seconds
        pushed = 0.0
        while True:
            view = self._view()
            grant = authority(view)
            now = time.monotonic()
            if grant is not None and not self.holder and not seconds:
                # What held before we came is no news to HAProxy.
                self.holder = grant.node
            elif grant is not None and grant.node != self.holder:
                self._push(grant)
                pushed, give_up = now, now + LOOK_FOR
            elif grant is not None and pushed and now - pushed >= RENEW and not is_settled(view, grant):
                self._push(grant)
                pushed = now
            if grant is not None and is_settled(view, grant):
                return
            if self._ended.wait(LOOK_EVERY) or now >= give_up:
                return

    def _view(self) -> View:
        """One look. A peer that hangs costs LOOK_SECONDS, so it is left out for a while, ever longer."""
        now = time.monotonic()
        self.looks += 1
        leave_out = [peer for peer, (until, _) in self._left_out.items() if now < until]
        answers = read_answers(self._links, self.group, LOOK_SECONDS, leave_out)
        for peer, answer in answers.items():
            if isinstance(answer, Silence) and not answer.refused:
                _, last = self._left_out.get(peer, (0.0, LEAVE_OUT[0] / 2))
                span = min(2 * last, LEAVE_OUT[1])
                self._left_out[peer] = time.monotonic() + span, span
            else:
                self._left_out.pop(peer, None)
        return view_of(self.group, answers)

    def _push(self, grant: Grant) -> None:
        others = [node for node, _ in self.group.servers if node != grant.node]
        trouble = ""
        try:
            frontdoor.grant(self._host, self._socket, self.group.id, grant.node, others, self.group.backends)
        except HaError as error:
            trouble = str(error)
        self._cut_old_workers(others)
        if grant.node != self.holder:
            LOG.info("%s: %s", self.group.id, grant.reason)
            self.holder, self.pushed_at = grant.node, time.monotonic()
        # Last: who sees it counted finds its holder named.
        self.pushes += not trouble
        self._say("HAProxy was not told, its own checks will find out", trouble)

    def _cut_old_workers(self, others: Sequence[str]) -> None:
        """Workers of before a reload check nothing any more; their sessions end here, or at hard_stop_after."""
        with contextlib.suppress(HaError):
            for backend in self.group.backends:
                for other in others:
                    frontdoor.cut_old_workers(self._host, str(Path(self._socket).with_name("master.sock")), backend, other)

    def _say(self, what: str, words: str) -> None:
        """One line when it changes, not one per attempt."""
        before, self._said[what] = self._said.get(what, ""), words
        if words and words != before:
            LOG.warning("%s: %s: %s", self.group.id, what, words)


class FastPaths:
    """The threads of this node: started, replaced and stopped as groups come, change and go."""

    def __init__(self, runtime_socket: str, credentials_dir: Path, host: Host) -> None:
        self._socket = runtime_socket
        self._credentials = credentials_dir
        self._host = host
        # Replaced, never changed: ``look`` goes through it in a thread of its own.
        self._running: Mapping[str, FastPath] = {}

    def follow(self, cluster: Cluster) -> None:
        """Run exactly the groups of this cluster. ObserveError when a group's credentials cannot be read; it stays as it is."""
        failure: Optional[HaError] = None
        wanted = set()
        for found in redis_groups(cluster):
            wanted.add(found.id)
            try:
                self._replace(found.id, group_of(found, self._credentials, self._host))
            except HaError as error:
                failure = failure or error
        gone = [path for key, path in self._running.items() if key not in wanted]
        self._running = {key: path for key, path in self._running.items() if key in wanted}
        for path in gone:
            path.stop()
        if failure is not None:
            raise failure

    def _replace(self, key: str, group: Group) -> None:
        before = self._running.get(key)
        if before is not None and before.group == group and before.is_alive():
            return
        if before is not None:
            before.stop()
        path = FastPath(group, self._socket, self._host)
        path.start()
        self._running = {**self._running, key: path}

    def look(self) -> None:
        """Have every group looked at now: somebody says that something happened. From any thread, at once, as often as one likes."""
        for path in self._running.values():
            path.look()

    def get(self, key: str) -> Optional[FastPath]:
        """The thread of one group, if it runs."""
        return self._running.get(key)

    def stop(self) -> None:
        """End all of them."""
        threads, self._running = tuple(self._running.values()), {}
        for thread in threads:
            thread.stop()
        give_up = time.monotonic() + END_SECONDS
        for thread in threads:
            thread.join(max(0.0, give_up - time.monotonic()))
