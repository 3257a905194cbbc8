"""The follower's process and what it saw last -> steps, notes and facts: cases/*.json.

A case names the verb, keywords, and ``actual``: pid, argv (by default the one that is wanted), age (seconds since its
last look), looked (has this process looked?), problem, systems (name -> [status, lines]). It expects exactly its steps
as [do, why], its notes, and its facts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from osvc_ha.cluster.types import Cluster, Node
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status, Verb
from osvc_ha.seen import Seen
from osvc_ha.systems.follow import SYSTEM
from osvc_ha.systems.follow.state import Actual
from osvc_ha.testing import Case, load_cases

KEYWORDS = {"path": "prod/svc/ingress"}
CLUSTER = Cluster("id", "lab", "n1", {"n1": Node("n1", True)}, {})


def actual_of(told: dict[str, Any], argv: tuple[str, ...]) -> Actual:
    """The process as the case has it."""
    pid = told.get("pid", 0)
    systems = {name: Health(Status(word), tuple(lines)) for name, (word, lines) in told.get("systems", {}).items()}
    seen = Seen(told.get("noted", pid), 1000.0 if told.get("looked", True) else 0.0, told.get("problem", ""), systems)
    return Actual(pid, tuple(told["argv"].split()) if "argv" in told else argv if pid else (), told.get("age", 0.0), seen)


@pytest.mark.parametrize("case", load_cases(Path(__file__).parent / "cases"), ids=str)
def test_a_follower_becomes_steps(case: Case) -> None:
    """Each case gives exactly its steps, with the sentences an operator reads, its notes and its facts."""
    config = SYSTEM.parse({**KEYWORDS, **case.told.get("keywords", {})})
    desired = SYSTEM.desired(config, CLUSTER, Verb(case.told["verb"]))
    actual = actual_of(case.told.get("actual", {}), config.argv)
    steps = SYSTEM.plan(actual, desired)
    assert [[step.do, step.why] for step in steps] == case.told["steps"]
    assert list(SYSTEM.notes(actual, desired)) == case.told.get("notes", [])
    if "facts" in case.told:
        assert [list(fact) for fact in SYSTEM.facts(actual, desired)] == case.told["facts"]


@pytest.mark.parametrize("verb", Verb)
def test_a_process_that_does_not_run_needs_no_end(verb: Verb) -> None:
    """Whatever is asked, nobody is told to end what is not there."""
    desired = SYSTEM.desired(SYSTEM.parse(KEYWORDS), CLUSTER, verb)
    assert "end" not in [step.do for step in SYSTEM.plan(Actual(), desired)]
