"""Since when: what the writer remembers of nodes that went and came back, so that flapping costs few writes. Pure.

Only what deviates is kept: a node that is gone, an ingress node that is out or was lately. A writer that starts anew (a
reboot, another node) knows nothing, so a node that is gone then gets its whole grace again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Tuple

from osvc_ha.planner.types import Step
from osvc_ha.systems.dns.state import Actual, Turn
from osvc_ha.systems.dns.state.wanted import Desired

NODE, INGRESS = "node:", "ingress:"
Memory = Mapping[str, Turn]


def turned(actual: Actual, desired: Desired) -> Memory:
    """The memory after this look; the one before when nothing turned."""
    seen = {NODE + name: alive for name, alive in desired.alive.items()}
    seen.update({INGRESS + name: name in desired.ingress for name in desired.ingress_scope})
    fresh = {key: Turn(well, actual.now) for key, well in seen.items() if _is_news(actual.memory.get(key), well)}
    if not fresh:
        return actual.memory
    kept = {key: turn for key, turn in actual.memory.items() if key in seen and not _is_over(key, turn, actual.now, desired)}
    return {**kept, **fresh}


def _is_news(before: object, well: bool) -> bool:
    """A node that was never remembered was well all the time."""
    return not well if not isinstance(before, Turn) else before.well is not well


def _is_over(key: str, turn: Turn, now: float, desired: Desired) -> bool:
    """It needs no remembering any more: well, and long enough for whoever asks."""
    return turn.well and (key.startswith(NODE) or now - turn.since >= desired.config.settle)


def is_gone(memory: Memory, node: str, now: float, grace: float) -> bool:
    """Has the node been silent for the whole grace?"""
    turn = memory.get(NODE + node)
    return turn is not None and not turn.well and now - turn.since >= grace


def is_settled(memory: Memory, node: str, now: float, settle: float) -> bool:
    """Has the ingress node been in for long enough to be let in again?"""
    turn = memory.get(INGRESS + node)
    return turn is None or (turn.well and now - turn.since >= settle)


def remember(before: Memory, after: Memory) -> Tuple[Step, ...]:
    """The step that keeps it, () when nothing turned."""
    if before is after:
        return ()
    news = sorted(key for key, turn in after.items() if before.get(key) != turn)
    said = ", ".join(f"{key.partition(':')[2]} {_words(key, after[key].well)}" for key in news)
    names = tuple((key.replace(":", " "), f"{after[key].since:.0f}") for key in news)
    return (Step("remember", "since when", f"{said or 'nodes left the cluster'}: the time of it is noted", names, render(after)),)


def _words(key: str, well: bool) -> str:
    if key.startswith(NODE):
        return "is back" if well else "is silent"
    return "is an ingress node again" if well else "is no ingress node now"


def render(memory: Memory) -> str:
    """The memory as its file."""
    return json.dumps({key: [turn.well, turn.since] for key, turn in sorted(memory.items())})


def parse(text: str) -> Memory:
    """The file as memory. A file that is broken is none: that costs a grace period, and no record."""
    try:
        found = json.loads(text or "{}")
        return {str(key): Turn(bool(well), float(since)) for key, (well, since) in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}
