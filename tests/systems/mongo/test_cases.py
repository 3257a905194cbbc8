"""Plans as cases: what is seen, what is done about it, and the sentence that a person reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from osvc_ha.cluster.seedlist import Seedlist, told_seedlist
from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo.plan import facts, guard, notes, plan

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"


def told(case, make):
    """The world that the case describes."""
    made = make(case.get("nodes", 3), tuple(case.get("placed", ())), case.get("fresh", False), **case.get("config", {}))
    made.majority = case.get("majority", True)
    made.outside = case.get("outside", {})
    if made.document is not None:
        made.document["members"] += case.get("extra", [])
    for node, entry in case.get("members", {}).items():
        found = next(one for one in made.document["members"] if one["host"] == made.host(node))
        found.update(entry)
    made.settle()
    for event, *rest in case.get("events", ()):
        made.happen(event, *rest)
    made.spoils, made.peer_spoils, made.unreached = case.get("views", {}), case.get("peers", {}), case.get("unreached", {})
    made.disk_spoil = case.get("disk", {})
    if "told" in case:
        members = tuple((host, 27017) for host in case["told"] or ())
        made.told[case["local"]] = Seedlist("", "db", "", members) if case["told"] is not None else None
    return made


def test_case(world, case):
    """The case's steps, in order, with the sentences it promises; an operator finds the same ones in status and in the dry run."""
    made = told(case, world)
    actual, desired = made.actual(case["local"]), made.desired(case["local"], Verb(case["verb"]))
    steps = plan(actual, desired)
    assert [f"{step.do} {step.on}" for step in steps] == case["steps"], [step.why for step in steps]
    if "tells" in case:
        seeds = told_seedlist(steps[0].payload)
        assert seeds is not None and [host for host, _ in seeds.members] == case["tells"]
    for words in case.get("says", []):
        assert any(words in step.why for step in steps), [step.why for step in steps]
    assert not [step.why for step in steps for words in case.get("unsaid", []) if words in step.why]
    for words in case.get("notes", []):
        assert any(words in line for line in notes(actual, desired)), notes(actual, desired)
    assert not [line for line in notes(actual, desired) for words in case.get("silent", []) if words in line]
    for name, words in case.get("facts", {}).items():
        assert words in dict(facts(actual, desired))[name], facts(actual, desired)
    if case.get("refused"):
        with pytest.raises(UnsafePlan):
            guard(actual, desired, steps)
    else:
        guard(actual, desired, steps)


def test_the_runbook_shows_the_sentence_that_is_said(world):
    """docs/operations.md, "MongoDB: majority lost": two nodes without power, as the third says it."""
    made = world()
    for node in ("n1", "n2"):
        made.kill(node)
        made.spoils[node] = {"health": "silent"}
    steps = plan(made.actual("n3"), made.desired("n3", Verb.START))
    said = steps[0].why.rpartition(": ")[0].replace(" db ", " mongo ")
    assert said in " ".join(OPERATIONS.read_text(encoding="utf-8").split())
