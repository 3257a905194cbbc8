"""Take back what is noted and marked of nodes that had other data, once they have the same again."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError
from osvc_ha.systems.drbd.client.elsewhere import over, whereabouts
from osvc_ha.systems.drbd.client.fence_notes import Notes
from osvc_ha.systems.drbd.client.marks import Marks
from osvc_ha.systems.drbd.client.reading import look
from osvc_ha.systems.drbd.client.witness import Eyes
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan.splitting import all_same
from osvc_ha.systems.drbd.plan.upkeep import state_of

LOOK_SECONDS = 5.0
REMOTE_SECONDS = 10.0


@dataclass(frozen=True)
class Reach:
    """By which means the other nodes are known and asked."""

    snapshot: Optional[Path]
    remote: str
    program: str


def refusal(config: Config, local: str, host: Host) -> str:
    """Why nothing may be taken back now, by what this node's DRBD says, or ""."""
    actual = look(config, local, host)
    if actual.resource is None:
        return f"{config.res} is not up on {local}, so whether all copies are the same cannot be told; run this on a node that has one"
    if all_same(actual.resource):
        return ""
    why = f"{state_of(actual, actual.resource)}: the note may be what keeps old data from being promoted"
    return f"{why}; connect them, and the end of the resync takes it back"


def unfence(resource: str, nodes: Tuple[str, ...], notes: Path, reach: Optional[Reach], host: Host) -> Tuple[str, ...]:
    """Here, then (unless ``reach`` is None) on every other node. Returns a sentence for each on which it failed.

    No harm comes of these: a note there is seen to be old by the generation of the data (fence_notes.py), and the mark of a split brain
    goes with the first look that sees all copies the same.
    """
    for gone in nodes:
        Notes(resource, host, notes).lift(gone)
    Marks(Config(path="", res=resource), host, notes).lift_split()
    if reach is None:
        return ()
    failed = []
    cluster = Eyes(reach.snapshot, host).insist(time.monotonic() + LOOK_SECONDS)
    words = shlex.join((reach.program, "drbd", "unfence", resource, *nodes, "--here", "--resynced"))
    for name in cluster.nodes:
        if name == cluster.local:
            continue
        try:
            done = host.run(over(reach.remote, whereabouts(cluster, name), words), seconds=REMOTE_SECONDS)
        except HaError as error:
            failed.append(f"{name}: {error}")
            continue
        if done.code:
            failed.append(f"{name}: {done.words}")
    return tuple(failed)
