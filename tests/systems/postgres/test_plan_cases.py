"""Plans as cases: what is seen, what is done about it, the sentence that a person reads, and the status that follows from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.reconcile import judge
from osvc_ha.planner.types import Verb
from osvc_ha.systems.postgres import SYSTEM
from osvc_ha.testing import load_cases


@pytest.mark.parametrize("case", load_cases(Path(__file__).parent / "cases"), ids=str)
def test_case(case, read) -> None:
    """The steps in order with their sentences; an operator finds the same ones in the dry run and in the status."""
    actual, desired = read(case.told)
    steps = SYSTEM.plan(actual, desired)
    assert [step.do for step in steps] == [do for do, _ in case.told["steps"]], [step.why for step in steps]
    for step, (_, words) in zip(steps, case.told["steps"]):
        assert words in step.why
    if case.told.get("refused"):
        with pytest.raises(UnsafePlan):
            SYSTEM.guard(actual, desired, steps)
    else:
        SYSTEM.guard(actual, desired, steps)
    if "notes" in case.told:
        notes = SYSTEM.notes(actual, desired)
        assert len(notes) == len(case.told["notes"]), notes
        assert all(words in note for words, note in zip(case.told["notes"], notes)), notes
    if desired.verb is Verb.START:
        health = judge(SYSTEM, desired.config, Cluster("", "", "n1", {}, {}), actual)
        assert health.status.value == case.told["status"]
