"""One reading of a resource on this node, in as few programs as can tell it: one while all is well, and none right before a promotion."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import List, Optional, Tuple, TypeVar
from weakref import WeakKeyDictionary

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.plan.splitting import all_same
from osvc_ha.systems.drbd.state import STANDALONE, UP_TO_DATE, Actual, Configured, Metadata, Resource, Split, Versions
from osvc_ha.systems.drbd.state.generations import parse_generations
from osvc_ha.systems.drbd.state.kernel_log import SPLIT, parse_reason
from osvc_ha.systems.drbd.state.marks import parse_split
from osvc_ha.systems.drbd.state.naming import with_names
from osvc_ha.systems.drbd.state.progress import parse_code, parse_version

from . import kernel
from .asking import SECONDS, ask, spoken
from .dumped import Configuration, configuration
from .fence_notes import Lineage, Noted, Notes, is_fenced, is_outdone, lineage_of
from .marks import Marks

T = TypeVar("T")
# So long one look may be handed on to who needs no more than the role, while /proc/drbd says the very same.
HOLDS_SECONDS = 2.0
HANDED: WeakKeyDictionary[Host, Tuple[Config, float, str, Actual]] = WeakKeyDictionary()


class Doubts:
    """What could not be told. Only the kernel's own word on roles may keep a node from being demoted; with a doubt, nobody is promoted."""

    def __init__(self) -> None:
        self.said: List[str] = []

    def ask(self, question: Callable[[], T]) -> Optional[T]:
        """The answer, or None and a doubt."""
        try:
            return question()
        except ObserveError as error:
            self.said.append(str(error))
            return None


def observe(config: Config, cluster: Cluster, host: Host) -> Actual:
    """What is configured, what runs, and what is on the disk. ObserveError when the kernel does not tell; anything else is a doubt."""
    return look(config, cluster.local, host)


def glance(config: Config, cluster: Cluster, host: Host) -> Optional[Actual]:
    """What the last look of this process told, if that was a moment ago and /proc/drbd still says the same. Runs no program."""
    config_then, at, proc, actual = HANDED.get(host, (None, 0.0, "", None))
    if config_then != config or actual is None or actual.local != cluster.local or time.monotonic() - at > HOLDS_SECONDS:
        return None
    return actual if proc and host.read(kernel.PROC) == proc else None


def look(config: Config, local: str, host: Host, states: bool = False) -> Actual:
    """The same, for a step that waits. states: only what changes by itself."""
    doubts, marks = Doubts(), Marks(config, host)
    # Before the kernel is asked: what is lifted below is older than what it says.
    marked = doubts.ask(marks.split)
    proc = host.read(kernel.PROC) or ""
    versions = _versions(config, proc, doubts, host)
    told: Optional[Configuration] = doubts.ask(lambda: configuration(config, proc, host, again=states))
    configured, trouble = told or (None, "")
    resource, running, doubt = kernel.look_at_kernel(config, versions, proc, states, host)
    doubts.said += [doubt] if doubt else []
    if resource is not None:
        resource = with_names(resource, configured, local)
    dropped = _dropped(config, resource, host)
    split, resyncing = doubts.ask(lambda: _marked(marks, marked, resource, dropped)) or (None, ())
    noted: Noted = doubts.ask(Notes(config.res, host).read) or frozenset()
    apart = split is not None or (resource is not None and any(peer.connection == STANDALONE for peer in resource.peers))
    lineage = _lineage(config, noted, local, apart, host)
    found = Actual(
        local,
        versions=versions,
        file=doubts.ask(lambda: host.read(Path(config.file), lossy=True)),
        configured=configured,
        config_trouble=trouble,
        running=running,
        resource=resource,
        dropped=dropped,
        metadata=() if states else _metadata(config, resource, configured, local, host),
        resyncing=resyncing,
        split=split,
        fenced=tuple(sorted({node for node, _ in noted if node != local or is_fenced(noted, local, lineage)})),
        outdone=tuple(sorted({node for node, _ in noted if apart and node != local and is_outdone(noted, node, lineage)})),
        doubts=tuple(doubts.said),
    )
    # 9 says nothing of a resource there.
    if not states and versions.loaded and not versions.nine:
        HANDED[host] = (config, time.monotonic(), proc, found)
    return found


def _versions(config: Config, proc: str, doubts: Doubts, host: Host) -> Versions:
    if proc:
        return Versions(parse_version(proc))
    done = doubts.ask(lambda: ask(host, (config.drbdadm, "--version")))
    return Versions(parse_code(done.out if done else ""), loaded=False)


def _marked(marks: Marks, text: Optional[str], resource: Optional[Resource], dropped: str) -> Tuple[Optional[Split], Tuple[int, ...]]:
    """The marks as they are after this look, which leaves one where a split brain is seen, and takes away what is over."""
    resyncing = marks.resyncing(volume.number for volume in resource.volumes) if resource else ()
    if resource is not None and all_same(resource):
        # One that this process may not remove says nothing while all copies are the same.
        with contextlib.suppress(ApplyError):
            marks.lift_resync(resyncing)
            if text is not None:
                marks.lift_split(text)
        return None, ()
    found = parse_split(text) if text is not None else None
    if SPLIT in dropped and (found is None or not found.known):
        found = Split()
        # It is known now all the same: the kernel's log still has it.
        with contextlib.suppress(ApplyError):
            found = parse_split(marks.note_split(known=True))
    return found, resyncing


def _dropped(config: Config, resource: Optional[Resource], host: Host) -> str:
    if resource is None or not any(peer.connection == STANDALONE for peer in resource.peers):
        return ""
    try:
        log = host.run(("dmesg",), SECONDS).out
    except ApplyError:
        # Only a hint: that it is StandAlone is known without.
        return ""
    return parse_reason(log, config.res, tuple(volume.minor for volume in resource.volumes))


def _metadata(
    config: Config, resource: Optional[Resource], configured: Optional[Configured], local: str, host: Host
) -> Tuple[Metadata, ...]:
    """Only where it matters: before `up`, and of disks that were never good. Not of a Primary's: a failed disk hangs who reads it."""
    here = next((one for one in configured.hosts if one.host == local), None) if configured else None
    if here is None or (resource is not None and (resource.primary or all(volume.disk == UP_TO_DATE for volume in resource.volumes))):
        return ()
    numbers = [volume.number for volume in resource.volumes] if resource else list(range(len(here.disks)))
    found: List[Metadata] = []
    for number in numbers:
        if resource is None and here.disks[number] in ("none", ""):
            continue
        try:
            done = ask(host, (config.drbdadm, "get-gi", f"{config.res}/{number}"))
        except ObserveError as error:
            return (*found, Metadata(number, "unknown", str(error)))
        found.append(parse_generations(done.out, spoken(done) if done.code else "", number, done.code))
    return tuple(found)


def _lineage(config: Config, noted: Noted, local: str, apart: bool, host: Host) -> Lineage:
    """The disk is asked only when this node is noted (a note is old once it has been resynced), or a peer that was not met since."""
    asked = any(node == local or apart for node, _ in noted)
    return lineage_of(config.res, host, config.drbdadm) if asked else Lineage()
