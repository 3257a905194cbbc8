"""What is to be said about a volume although nothing is to be done. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Tuple

from osvc_ha.planner.types import Facts
from osvc_ha.systems.volumes.config import Config, Kind
from osvc_ha.systems.volumes.state import Actual, CephFs, Desired, Volume
from osvc_ha.systems.volumes.state.gluster import SHOWN

from .ours import is_ours

FULL = 97


def notes(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """Warnings."""
    config = desired.config
    found = list(_of_mount(actual, config)) if is_ours(actual, config) else []
    if config.kind is Kind.LOCAL and desired.moves:
        found.append(
            f"{config.device} is on {desired.local} alone: what is written there does not move with {config.path or 'the service'}"
        )
    if actual.volume is not None:
        found += _of_volume(actual.volume)
    if actual.cephfs is not None:
        found += _of_cephfs(actual.cephfs)
    return tuple(found)


def _of_mount(actual: Actual, config: Config) -> Iterator[str]:
    if actual.errors:
        yield (
            f"{config.device} has recorded {actual.errors} errors of its filesystem since its last check; "
            f"stop the service, then `e2fsck -f {config.device}`"
        )
    if actual.answer.used >= FULL:
        yield f"{actual.place.path} is {actual.answer.used} % full"
    if config.kind.block and actual.device.trouble:
        yield f"{actual.device.trouble}, though it is mounted"


def _of_volume(volume: Volume) -> Iterator[str]:
    if not volume.started:
        yield f"Gluster volume {volume.name} is not started; `gluster volume start {volume.name}`"
        return
    up = volume.up
    for brick in volume.down:
        yield f"brick {brick} of {volume.name} is down"
    for group in volume.groups if up is not None else ():
        if up is not None and not group.writable(up):
            there = sum(brick in up for brick in group.bricks)
            which = " ".join(group.bricks)
            yield f"{volume.name} has no quorum: {there} of {len(group.bricks)} bricks are up ({which}), {group.needed} are needed to write"
    if volume.pending:
        yield f"{volume.name}: {volume.pending} entries wait to be healed"
    if volume.split:
        shown = " ".join(volume.split_files[:SHOWN]) or "see `gluster volume heal " + volume.name + " info split-brain`"
        more = f" and {len(volume.split_files) - SHOWN} more" if len(volume.split_files) > SHOWN else ""
        yield f"{volume.name}: {volume.split} entries are in split-brain and cannot be read: {shown}{more}; choose a copy of each"


def _of_cephfs(found: CephFs) -> Iterator[str]:
    if found.missing or not found.ranks:
        yield f"CephFS {found.name}: {' '.join(found.missing) or 'no metadata server'} does not serve"


def facts(actual: Actual, desired: Desired) -> Facts:
    """What is mounted, how full it is, and what its servers say."""
    return tuple(_facts(actual, desired.config))


def _facts(actual: Actual, config: Config) -> Iterator[Tuple[str, str]]:
    if actual.mount is not None:
        yield "mounted", f"{actual.mount.source} at {actual.place.path}, {actual.mount.fstype}, {'ro' if actual.mount.read_only else 'rw'}"
    if actual.answer.used >= 0:
        yield "used", f"{actual.answer.used} %"
    volume = actual.volume
    if volume is not None:
        up = "unknown" if volume.up is None else str(len(volume.bricks) - len(volume.down))
        yield "bricks up", f"{up} of {len(volume.bricks)}"
        yield "quorum", f"{volume.quorum}, {volume.groups[0].needed if volume.groups else 0} bricks of {_size(volume)} needed to write"
        yield "to heal", "unknown" if volume.pending is None else str(volume.pending)
        yield "split-brain", "unknown" if volume.split is None else str(volume.split)
    if actual.cephfs is not None:
        yield "metadata servers", ", ".join(f"{server} {state}" for server, state in actual.cephfs.ranks) or "none"
        yield "standbys", str(actual.cephfs.standbys)
        yield "clients", str(actual.cephfs.clients)
    if actual.unheard:
        yield "servers", f"not asked, {actual.unheard}"


def _size(volume: Volume) -> int:
    return len(volume.groups[0].bricks) if volume.groups else 0
