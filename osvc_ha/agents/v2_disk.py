"""A system as a native disk driver of agent 2.1, with a passive side: ``standby = true`` keeps it up on the other nodes too.

The agent starts such a resource on every node by ``startstandby``, and at the stop of an instance asks ``stopstandby`` in place of ``stop``
(core/resource.py, do_action). The passive side is the same system with its keyword ``passive`` set.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from osvc_ha.agents.v2 import HaDriver

if TYPE_CHECKING:
    from osvc_ha.agents.resource import Resource
    from osvc_ha.planner.reconcile import Health


class HaDisk(HaDriver):
    """What a stub of the group disk inherits from. Its system has a keyword ``passive``."""

    group: ClassVar[str] = "disk"

    def __init__(self, **kwargs: Any) -> None:
        self._passive = False
        super().__init__(**kwargs)
        # A start that fails further on leaves no writer behind, standby or not.
        self.rollback_even_if_standby = True

    def resource(self, fresh: bool = True) -> Resource:
        """The system; while the passive side is asked for, as that."""
        found = super().resource(fresh)
        return replace(found, given={**found.given, "passive": "true"}) if self._passive else found

    def startstandby(self) -> None:
        """START of the passive side."""
        if self.is_standby:
            with self._as_passive():
                self._do("start")

    def stopstandby(self) -> None:
        """STOP: the role goes, the rest stays."""
        self._do("stop")

    def post_provision_start(self) -> None:
        """Provisioning starts what comes next on the leader alone; any other node becomes the passive side."""
        if self.svc.options.leader:
            self.start()
        else:
            self.startstandby()

    def rollback(self) -> None:
        """What a failed start of the service undoes: the role, if this start took it."""
        if self.can_rollback:
            self._do("stop")

    def _health(self) -> Health:
        """As START would have it; where that is not so, and this node is to stand by, as its passive side would."""
        found = super()._health()
        if found.status.value != "down" or not self.is_standby:
            return found
        with self._as_passive():
            return super()._health()

    @contextmanager
    def _as_passive(self) -> Iterator[None]:
        self._passive = True
        try:
            yield
        finally:
            self._passive = False
