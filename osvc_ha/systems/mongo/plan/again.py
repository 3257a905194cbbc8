"""Is a change still wanted when it is about to be made? Pure: the same look, and the same plan, as when it was decided."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import Optional, Tuple

from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Plan, Step
from osvc_ha.systems.mongo.state import Actual, Desired
from osvc_ha.systems.mongo.state.documents import Change

from . import plan
from .standing import primary


class NotWantedError(ApplyError):
    """What was decided on has changed: the step must not be done any more."""


def decide_again(step: Step, actual: Actual, desired: Desired) -> bool:
    """Is this very step still planned? False: nobody can tell now, for there is no primary.

    NotWantedError when it is not, and ApplyError with the sentence of a ``resolve``.
    """
    if not primary(actual, desired):
        return False
    left = plan(_as_committed(actual, desired), desired)
    refused = next((each for each in left if each.do == "resolve"), None)
    if refused is not None:
        raise ApplyError(refused.why)
    if not _holds(step, left):
        now = "; ".join(each.why for each in left) or "all is as it should be"
        raise NotWantedError(f"{step.do} {step.on}: what this was decided on has changed, and it is not done; now: {now}")
    return True


def _holds(step: Step, left: Plan) -> bool:
    ahead = tuple(takewhile(lambda each: _what(each) != _what(step), left))
    # A primary that has still to step down is not removed.
    return len(ahead) < len(left) and all(each.do != "step-down" for each in ahead)


def _what(step: Step) -> Tuple[str, str, Optional[Change]]:
    change = dict(step.args).get("change")
    return step.do, step.on, Change.parse(change) if change else None


def _as_committed(actual: Actual, desired: Desired) -> Actual:
    """Whether the configuration is on a majority, the primary is asked at the moment that counts; a look would only hit it by luck."""
    head = actual.views.get(primary(actual, desired))
    return replace(actual, views={**actual.views, head.node: replace(head, committed=True)}) if head is not None else actual
