"""DNS records follow placement: per-node wildcards, global names, names of services, MongoDB's seed list.

One writer: the node on which OpenSVC placed the service that the resource is in.
"""

from osvc_ha.planner.types import Follows, System

from .client import apply, apply_all, observe
from .config import KEYWORDS, Config
from .plan import desired, facts, guard, notes, plan

SYSTEM = System(
    "dns",
    Follows.EVERYTHING,
    KEYWORDS,
    Config.parse,
    observe,
    desired,
    plan,
    apply,
    guard,
    notes,
    facts,
    apply_all,
    needs=("cloudflare", "dns", "httpx", "psutil", "tenacity"),
)
