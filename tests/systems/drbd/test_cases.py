"""Every case of cases/*.json: a recorded state of the real DRBD, what OpenSVC asks, and what is planned or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from osvc_ha.host import Completed
from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Verb
from osvc_ha.systems.drbd.plan import guard, notes
from osvc_ha.testing import Case, load_cases


@pytest.mark.parametrize("case", load_cases(Path(__file__).parent / "cases"), ids=str)
def test_case(case: Case, told, scene, seen_by, text) -> None:
    """The steps are those of the case, and a refusal says what the case says, once guard has seen it."""
    found = case.told
    node = told(found.get("state", "connected_uptodate_secondary"), found.get("dump", "fenced"), found.get("change"))
    node.shown = found.get("shown", {})
    node.log = text(f"8.4/{found['log']}") if "log" in found else ""
    if found.get("generations") == "none":
        node.generations = Completed(1, "", "modinfo: ERROR: Module drbd not found.\n")
    elif "generations" in found:
        node.generations = Completed(0, text(f"8.4/gi_{found['generations']}"), "")
    for path, content in found.get("files", {}).items():
        if content is None:
            node.host.files.pop(path)
        else:
            node.host.files[path] = content
    local = found.get("local", "n2")
    cluster = seen_by(local, found.get("alive", ("n1", "n2", "n3")), found.get("nodes", ("n1", "n2", "n3")))
    look = scene(node, local, Verb(found.get("verb", "start")), cluster, **found.get("keywords", {}))
    assert list(look.done) == found["steps"]
    if "resolve" in found["steps"]:
        with pytest.raises(UnsafePlan):
            guard(look.actual, look.desired, look.steps)
    for words in found.get("says", ()):
        assert words in " ".join(step.why for step in look.steps)
    for words in found.get("notes", ()):
        assert words in " ".join(notes(look.actual, look.desired))
    if found.get("notes") == []:
        assert notes(look.actual, look.desired) == ()
