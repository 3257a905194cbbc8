"""The follower as a resource: OpenSVC starts ``osvc-ha watch``, keeps it alive, and shows what it sees."""

from __future__ import annotations

from osvc_ha.planner.types import Follows, System

from .client import apply, observe
from .config import KEYWORDS, Config, parse
from .plan import desired, facts, notes, plan
from .state import Actual, Desired

SYSTEM: System[Config, Actual, Desired] = System(
    name="follow",
    follows=Follows.NOTHING,
    keywords=KEYWORDS,
    parse=parse,
    observe=observe,
    desired=desired,
    plan=plan,
    apply=apply,
    notes=notes,
    facts=facts,
    stops_alone=True,
)
