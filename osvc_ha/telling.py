"""What a follower says of what it saw: to its resource and to commands by a file, to the agent by a push."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.reconcile import Health
from osvc_ha.seen import Seen, render_seen

LOG = logging.getLogger("osvc_ha.telling")


class Teller:
    """Tells after each look. Its failures are one line in the log: the follower's work does not depend on it.

    directory: where ``watch.json`` is written. service: the one whose resource the follower is, "" for none.
    Entered once no other follower is known to use the directory.
    """

    def __init__(self, directory: Path, service: str, host: Host) -> None:
        self._file = directory / "watch.json"
        self._service = service
        self._host = host

    def __enter__(self) -> Teller:
        self._write(Seen(pid=os.getpid()))
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def tell(self, problem: str, systems: Mapping[str, Health]) -> None:
        """One look is over."""
        self._write(Seen(os.getpid(), self._host.now(), problem, systems))

    def _write(self, seen: Seen) -> None:
        try:
            self._host.replace(self._file, render_seen(seen))
        except ApplyError as error:
            LOG.warning("%s", error)
