"""What a follower says of what it saw: to its resource and to commands by a file, to the agent by a push."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Optional

from osvc_ha.agents.push import Push, pushing
from osvc_ha.cluster.types import Cluster
from osvc_ha.following import resources_in
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status
from osvc_ha.seen import Seen, render_seen, troubles

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
        self._open = ExitStack()
        self._push: Optional[Push] = None

    def __enter__(self) -> Teller:
        self._write(Seen(pid=os.getpid()))
        if self._service:
            self._push = self._open.enter_context(pushing(self._host))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def tell(self, problem: str, systems: Mapping[str, Health], cluster: Optional[Cluster]) -> None:
        """One look is over."""
        seen = Seen(os.getpid(), self._host.now(), problem, systems)
        self._write(seen)
        found = cluster.objects.get(self._service) if cluster is not None else None
        if found is None or self._push is None or problem:
            return
        healths = {**systems, "follow": Health(Status.UP, troubles(seen))}
        resources = {rid: healths[name] for rid, name in resources_in(found.config).items() if name in healths}
        if resources:
            self._push(self._service, resources)

    def _write(self, seen: Seen) -> None:
        try:
            self._host.replace(self._file, render_seen(seen))
        except ApplyError as error:
            LOG.warning("%s", error)
