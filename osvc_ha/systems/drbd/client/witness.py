"""What a node says when another one, which runs the fence-peer handler, asks it about their common peer."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional, Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.discovery import load_cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError, ObserveError
from osvc_ha.systems.drbd.client.fence_notes import Lineage, Notes, is_fenced

EVERY = 0.1
# A file that its writer has not replaced for this long says nothing any more.
STALE = 3.0


class Eyes:
    """The cluster as it is since these eyes opened: never what somebody wrote down before.

    From the agent, which is asked anew each time. A snapshot file counts only once it was written anew since then, and while that
    goes on; compared by its text, so neither its own clock nor this node's, nor one that jumps, has a say.
    """

    def __init__(self, snapshot: Optional[Path], host: Host) -> None:
        self._snapshot = snapshot
        self._host = host
        self._text = host.read(snapshot) if snapshot else None
        self._written: Optional[float] = None
        self._feed: Any = None

    def look(self) -> Cluster:
        """The Cluster now. An HaError when it cannot be told."""
        if self._snapshot is None:
            return self._ask_agent()
        text = self._host.read(self._snapshot)
        now = time.monotonic()
        if text != self._text:
            self._text, self._written = text, now
        if self._written is None:
            raise ObserveError(f"{self._snapshot}: not written anew since it was asked for")
        if now - self._written > STALE:
            raise ObserveError(f"{self._snapshot}: not written for {now - self._written:.1f} s")
        return load_cluster(self._snapshot, self._host)[0]

    def insist(self, give_up: float) -> Cluster:
        """Look until it can be told; the HaError of the last look once ``time.monotonic()`` is past ``give_up``."""
        while True:
            try:
                return self.look()
            except HaError:
                if time.monotonic() >= give_up:
                    raise
                self._host.sleep(EVERY)

    def _ask_agent(self) -> Cluster:
        # Not source.Source: containers and a resolver that hangs while the network is cut have no say here.
        if self._feed is None:
            from osvc_ha.agents.feed import Feed

            self._feed = Feed(self._host)
        cluster: Cluster = self._feed.read()
        return cluster


@dataclass(frozen=True)
class Testimony:
    """A node's own word. fenced: (node, generation) as noted there. noted: it has noted just now that the peer is fenced off."""

    node: str
    hears_peer: bool
    hears_us: bool
    fenced: Tuple[Tuple[str, str], ...] = ()
    noted: bool = False


def testify(eyes: Eyes, notes: Notes, peer: str, by: str, lineage: Lineage, note: bool, seconds: float, host: Host) -> Testimony:
    """Wait until this node does not hear ``peer`` any more but still hears ``by``, or until the time is up; say how it is.

    note: note then that the peer is fenced off, unless ``by`` itself is. An HaError when this node cannot tell.
    """
    give_up = time.monotonic() + seconds
    while True:
        cluster = eyes.insist(give_up)
        alive = cluster.alive()
        told = Testimony(cluster.local, peer in alive, by in alive, tuple(sorted(notes.read())))
        agrees = told.hears_us and not told.hears_peer
        if agrees or time.monotonic() >= give_up or is_fenced(frozenset(told.fenced), by, lineage):
            noted = agrees and note and notes.write(peer, by, lineage)
            return Testimony(told.node, told.hears_peer, told.hears_us, tuple(sorted(notes.read())), noted)
        host.sleep(EVERY)


def written(told: Testimony) -> str:
    """As one line."""
    return json.dumps(asdict(told))


def read(text: str) -> Optional[Testimony]:
    """From what a remote shell printed, or None: banners and warnings of ssh around it are no answer."""
    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
            fenced = tuple((str(node), str(generation)) for node, generation in found["fenced"])
            if all(type(found[name]) is bool for name in ("hears_peer", "hears_us", "noted")):
                return Testimony(str(found["node"]), found["hears_peer"], found["hears_us"], fenced, found["noted"])
        except (ValueError, TypeError, KeyError):
            continue
    return None
