"""HAProxy follows the labels and the placement. Node-local: every node writes its own."""

from osvc_ha.planner.types import Follows, System

from .client import apply, observe
from .config import KEYWORDS, Config
from .plan import desired, guard, notes, plan

SYSTEM = System(
    "haproxy", Follows.EVERYTHING, KEYWORDS, Config.parse, observe, desired, plan, apply, guard=guard, notes=notes, stops_alone=True
)
