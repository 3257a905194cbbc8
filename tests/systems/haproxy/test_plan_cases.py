"""Labels, placements and what HAProxy is now -> steps and notes: cases/*.json, one list of cases a file.

A case names objects (labels, scope, up), ``before`` (those HAProxy converged on), ``actual`` (what to change in that), the
verb, and expects exactly its steps as [do, on, why] and exactly its notes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.planner.types import Verb

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parent / "cases").glob("*.json"))
    for case in json.loads(path.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES)
def test_labels_and_placement_become_steps(make_world, case: dict[str, Any]) -> None:
    """Each case gives exactly its steps, with the sentences an operator reads, and exactly its notes."""
    world = make_world(case.get("before", case["objects"]), **case.get("keywords", {}))
    if "before" in case:
        world.converge()
    change = {key: frozenset(map(tuple, value)) if isinstance(value, list) else value for key, value in case.get("actual", {}).items()}
    if "busy" in change:
        change["busy"] |= world.actual.busy
    world.actual = replace(world.actual, **change)
    steps = world.turn(case["objects"]).plan(Verb(case["verb"]))
    assert [[step.do, step.on, step.why] for step in steps] == case["steps"]
    assert world.notes(Verb(case["verb"])) == case.get("notes", [])
