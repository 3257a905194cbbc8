"""Who keeps a DRBD device open, from what /proc and /sys say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import List, Tuple

from osvc_ha.mountinfo import mount_points

from . import Holder

MAJOR = 147


def mounts_of(mountinfo: str, minors: Iterable[int]) -> Tuple[Holder, ...]:
    """Mounts of these minors, from one /proc/PID/mountinfo, each mount point once."""
    wanted = {f"{MAJOR}:{minor}" for minor in minors}
    points = dict.fromkeys(point for device, point in mount_points(mountinfo) if device in wanted)
    return tuple(Holder(f"it is mounted on {point}; umount {point}") for point in points)


def swaps_of(swaps: str, minors: Iterable[int]) -> Tuple[Holder, ...]:
    """Swap areas, from /proc/swaps."""
    devices = {f"/dev/drbd{minor}" for minor in minors}
    used = [line.split()[0] for line in swaps.splitlines() if line.split() and line.split()[0] in devices]
    return tuple(Holder(f"it is used as swap; swapoff {device}") for device in used)


def stacked_on(names: Mapping[int, Iterable[str]]) -> Tuple[Holder, ...]:
    """Devices built on top (LVM, another DRBD): minor -> the entries of /sys/block/drbdN/holders."""
    found: List[str] = sorted({name for entries in names.values() for name in entries})
    return tuple(Holder(f"{name} is built on it; deactivate that first (vgchange -an for LVM)") for name in found)


def process(pid: int, command: str) -> Holder:
    """A process with an open file descriptor. ``command``: /proc/PID/cmdline, whose words end with a zero byte."""
    words = " ".join(part for part in command.split("\0") if part) or "?"
    return Holder(f"process {pid} ({words[:80]}) has it open", pid)


def sentence(holders: Tuple[Holder, ...]) -> str:
    """All of them in one."""
    return "; ".join(holder.what for holder in holders) or "nobody that /proc names: perhaps the kernel, a container, or dead I/O"
