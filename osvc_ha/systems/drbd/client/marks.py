"""The marks of one resource: what DRBD's handlers (hooks/drbd-*), and what our own looks see, left for the looks that follow.

``/var/lib/osvc_ha/drbd/RES.split-brain``: both sides were written while apart, and nobody has decided. It outlives a reboot, as the two
histories do; the kernel's log, which is the only other place that says so, does not.
``RUNTIME_DIR/RES.resync-VOLUME``: a resync to this node has begun. Whatever a crash leaves of it goes with the reboot.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.state.marks import render_split

from .fence_notes import NOTES


class Marks:
    """directory: of what outlives a reboot; NOTES when not named."""

    def __init__(self, config: Config, host: Host, directory: Optional[Path] = None) -> None:
        self.file = (directory or NOTES) / f"{config.res}.split-brain"
        self._resync = f"{config.runtime_dir}/{config.res}.resync-"
        self._host = host

    def split(self) -> Optional[str]:
        """The text of the mark of a split brain, None without one. ObserveError when it is there and cannot be read."""
        return self._host.read(self.file, lossy=True)

    def note_split(self, known: bool) -> str:
        """Leave one; its text. ApplyError when it cannot be written."""
        text = render_split(datetime.fromtimestamp(self._host.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), known)
        self._host.replace(self.file, text)
        return text

    def lift_split(self, text: str = "") -> None:
        """Both have the same data, or a person has chosen. text: only while it still says this: a newer one stays."""
        with contextlib.suppress(ObserveError):
            if text and self.split() != text:
                return
        self._host.remove(self.file)

    def resyncing(self, volumes: Iterable[int]) -> Tuple[int, ...]:
        """Those of the volumes to which a resync has begun and, as far as the handlers told, not ended."""
        return tuple(number for number in volumes if self._host.read(Path(f"{self._resync}{number}"), lossy=True) is not None)

    def lift_resync(self, volumes: Iterable[int]) -> None:
        """All copies are the same: the handler that would have said so did not come to it."""
        for number in volumes:
            self._host.remove(Path(f"{self._resync}{number}"))
