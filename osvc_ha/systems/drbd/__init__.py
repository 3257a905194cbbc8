"""DRBD: one writer, promoted by OpenSVC and only by OpenSVC."""

from __future__ import annotations

from osvc_ha.planner.types import Follows, System

from .client import apply, glance, observe
from .config import KEYWORDS, Config, parse
from .plan import desired, facts, guard, notes, plan
from .state import Actual, Desired

SYSTEM: System[Config, Actual, Desired] = System(
    name="drbd",
    follows=Follows.NOTHING,
    keywords=KEYWORDS,
    parse=parse,
    observe=observe,
    desired=desired,
    plan=plan,
    apply=apply,
    guard=guard,
    notes=notes,
    facts=facts,
    stops_alone=True,
    glance=glance,
)
