"""The kernel's table of mounts, proc_pid_mountinfo(5). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Tuple

from osvc_ha.mountinfo import plain
from osvc_ha.planner.errors import ObserveError

# ext4 of Linux 6.15 and later says the second when errors=remount-ro has struck, and rw beside it.
READ_ONLY = frozenset({"ro", "emergency_ro", "shutdown"})


@dataclass(frozen=True)
class Mount:
    """One row. device: ``major:minor``. root: the part of the filesystem that is mounted.

    own, shared: options of the mount, and of the filesystem.
    """

    device: str
    root: str
    at: str
    fstype: str
    source: str
    own: Tuple[str, ...] = ()
    shared: Tuple[str, ...] = ()

    @property
    def read_only(self) -> bool:
        """Would a write be refused?"""
        return bool(READ_ONLY & {*self.own, *self.shared})

    @property
    def struck(self) -> bool:
        """Has the filesystem turned read only while its mount has not: it met an error."""
        return bool(READ_ONLY & set(self.shared)) and "ro" not in self.own


def parse_mountinfo(text: str) -> Tuple[Mount, ...]:
    """The rows, in the kernel's order: of two at one place, the later hides the earlier. ObserveError for a row that is none."""
    return tuple(_row(line) for line in text.split("\n") if line)


def _row(line: str) -> Mount:
    left, dash, right = line.partition(" - ")
    before, after = left.split(" "), right.split(" ")
    if not dash or len(before) < 6 or len(after) < 3:
        raise ObserveError(f"mountinfo: {line!r} is no row of it")
    fstype, source, shared = after[0], after[1], after[2]
    return Mount(
        device=before[2],
        root=plain(before[3]),
        at=plain(before[4]),
        fstype=fstype,
        source=plain(source),
        own=tuple(before[5].split(",")),
        shared=tuple(shared.split(",")),
    )


def topmost(mounts: Sequence[Mount], place: str) -> Optional[Mount]:
    """What one sees there; None when nothing is mounted."""
    return next((mount for mount in reversed(mounts) if mount.at == place), None)


def below(mounts: Sequence[Mount], place: str) -> Tuple[str, ...]:
    """Mount points inside it."""
    return tuple(sorted({mount.at for mount in mounts if mount.at.startswith(f"{place}/")}))


def elsewhere(mounts: Sequence[Mount], place: str, device: str) -> Tuple[str, ...]:
    """Where else a device is mounted, in whole."""
    return tuple(sorted({mount.at for mount in mounts if device and mount.device == device and mount.root == "/" and mount.at != place}))
