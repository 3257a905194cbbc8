"""What goes before the agent's own disk.drbd, on recorded states: each case of check_cases/*.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from osvc_ha.host import Completed
from osvc_ha.planner.types import Verb
from osvc_ha.systems.drbd.plan import check
from osvc_ha.testing import Case, load_cases


@pytest.mark.parametrize("case", load_cases(Path(__file__).parent / "check_cases"), ids=str)
def test_case(case: Case, told, scene, seen_by, text) -> None:
    """It says what the case says; nothing where nothing speaks against a start."""
    found = case.told
    node = told(found.get("state", "connected_uptodate_secondary"), found.get("dump", "fenced"), found.get("change"))
    node.log = text(f"8.4/{found['log']}") if "log" in found else ""
    if found.get("generations") == "none":
        node.generations = Completed(1, "", "")
    for path, content in found.get("files", {}).items():
        node.host.files.pop(path, None)
        if content is not None:
            node.host.files[path] = content
    local = found.get("local", "n2")
    look = scene(node, local, Verb.START, seen_by(local), mode="guard", **found.get("keywords", {}))
    said = check(look.actual, look.desired)
    assert found["says"] in said
    assert bool(said) == bool(found["says"])
