"""A change of the configuration is decided again before it is made, whenever what it was decided on may have changed."""

from __future__ import annotations

from osvc_ha.host import Host
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan.again import decide_again
from osvc_ha.systems.mongo.plan.steps import recall

from .reading import look

# So old may a decision be when it is carried out. A look at every member takes longer than the moment between two changes of somebody
# who makes one after the other: so it cannot be looked in that moment, but is looked all the while.
FRESH_SECONDS = 1.0
NEVER = float("-inf")
# A member that is gone, a majority that is there, data that is in sync: after a wait of any length it may be otherwise.
OF_THE_MOMENT = frozenset({"remove", "vote"})


class Decision:
    """That a step is wanted, as far as has been seen. ``step``: with all that is needed to plan again (steps.group_args)."""

    def __init__(self, config: Config, step: Step, host: Host) -> None:
        self._config, self._step, self._host = config, step, host
        self._made = NEVER if step.do in OF_THE_MOMENT else host.monotonic()

    @property
    def fresh(self) -> bool:
        """May it be carried out now?"""
        return self._host.monotonic() - self._made < FRESH_SECONDS

    def spoil(self) -> None:
        """An attempt came to nothing: whoever was quicker may have changed what this rests on."""
        self._made = NEVER

    def renew(self) -> bool:
        """Look and plan again; as ``decide_again``, which raises when it is no longer wanted. False: it cannot be told now."""
        wanted = recall(self._config, self._step)
        if not decide_again(self._step, look(self._config, wanted, self._host), wanted):
            return False
        self._made = self._host.monotonic()
        return True
