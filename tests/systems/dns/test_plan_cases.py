"""Placement, labels and a zone -> steps and notes: cases/*.json, one list of cases a file.

A case names the cluster (conftest.cluster_of), keywords, what the zone holds (records as lines, ours unless they say foreign or
other), what services tell of their replica sets, the verb, and expects exactly its steps as [do, on, why] and exactly its notes; or the
words of its refusal.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from osvc_ha.cluster.seedlist import told_seedlist
from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Verb
from osvc_ha.testing import Case, load_cases


@pytest.mark.parametrize("case", load_cases(Path(__file__).parent / "cases"), ids=str)
def test_placement_labels_and_zone_become_steps(make_world, case: Case) -> None:
    """Each case gives exactly its steps, with the sentences an operator reads, and exactly its notes."""
    told = case.told
    world = make_world(told.get("cluster"), told.get("zone", ()), **told.get("keywords", {}))
    world.lowest_ttl = told.get("lowest_ttl", 1)
    world.actual = replace(world.actual, holds=told.get("holds", False), addresses=tuple(told.get("addresses", ())))
    world.actual = replace(world.actual, told={path: told_seedlist(json.dumps(one)) for path, one in told.get("told", {}).items()})
    verb = Verb(told.get("verb", "follow"))
    if "refused" in told:
        with pytest.raises(UnsafePlan) as refused:
            world.plan(verb)
        assert str(refused.value) == told["refused"]
        return
    assert [[step.do, step.on, step.why] for step in world.plan(verb)] == told["steps"]
    assert world.notes(verb) == told.get("notes", [])
