"""Volumes: a filesystem on a promoted device, GlusterFS, CephFS, or a folder of this node, mounted where the service runs."""

from __future__ import annotations

from osvc_ha.planner.types import Follows, System

from .client import apply, observe
from .config import KEYWORDS, Config, parse
from .plan import desired, facts, guard, notes, plan
from .state import Actual, Desired

SYSTEM: System[Config, Actual, Desired] = System(
    name="volumes",
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
)
