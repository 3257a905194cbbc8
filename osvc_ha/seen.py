"""What a follower saw last: the file by which it tells its resource, ``osvc-ha status`` and ``osvc-ha doctor``. Pure.

{"pid": 4711, "looked_at": 1790000000.0, "problem": "",
 "systems": {"haproxy": {"status": "up", "lines": [...], "facts": [["name", "value"]]}}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Optional, Tuple

from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status


@dataclass(frozen=True)
class Seen:
    """One look. looked_at: seconds since the epoch. problem: why there was nothing to see, or "". systems: as each is now."""

    pid: int = 0
    looked_at: float = 0.0
    problem: str = ""
    systems: Mapping[str, Health] = field(default_factory=dict)


def troubles(seen: Seen) -> Tuple[str, ...]:
    """What the follower cannot put right, a sentence each."""
    problem = (f"the follower sees no cluster: {seen.problem}",) if seen.problem else ()
    return (*problem, *(f"{name}: {line}" for name, health in sorted(seen.systems.items()) for line in health.lines))


def render_seen(seen: Seen) -> str:
    """The file."""
    systems = {
        name: {"status": health.status.value, "lines": list(health.lines), "facts": [list(fact) for fact in health.facts]}
        for name, health in seen.systems.items()
    }
    document = {"pid": seen.pid, "looked_at": seen.looked_at, "problem": seen.problem, "systems": systems}
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def parse_seen(text: Optional[str]) -> Seen:
    """The file, or nothing seen: one that is not there, half written or of another version says nothing, and the next look mends it."""
    try:
        found = json.loads(text or "{}")
        return Seen(
            pid=int(found.get("pid", 0)),
            looked_at=float(found.get("looked_at", 0.0)),
            problem=str(found.get("problem", "")),
            systems={str(name): _health(told) for name, told in found.get("systems", {}).items()},
        )
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError):
        return Seen()


def _health(told: Mapping[str, Any]) -> Health:
    facts = tuple((str(name), str(value)) for name, value in told.get("facts", ()))
    return Health(Status(told["status"]), tuple(str(line) for line in told.get("lines", ())), facts)
