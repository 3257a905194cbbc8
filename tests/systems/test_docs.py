"""Each system's page lists the keywords that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from osvc_ha.registry import SYSTEMS, load_system

PAGES = Path(__file__).parents[2] / "docs" / "systems"
HEAD = "| keyword | default | |\n|---|---|---|\n"


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_docs_list_the_keywords_that_there_are(name: str) -> None:
    """Name, default and text, in the order of the table that the agent shows."""
    keywords = load_system(name).keywords
    rows = [f"| `{one.name}` | {one.default and f'`{one.default}`'} | {one.text} |" for one in keywords]
    table = (PAGES / f"{name}.md").read_text(encoding="utf-8").partition(HEAD)[2]
    assert table.partition("\n\n")[0].splitlines() == rows
    assert all(keyword.text.endswith(".") for keyword in keywords)
