"""The field's known pitfalls (docs/systems): each is handled and tested under its own number, or its explanation is written down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
DOCS = {"R": TREE / "docs/systems/redis.md", "H": TREE / "docs/systems/haproxy.md", "C": TREE / "docs/systems/dns.md"}
# The pitfalls of MongoDB that are DNS': its seed list.
DOCS.update({f"M{number}": DOCS["C"] for number in range(13, 17)})
ROWS = [*(f"R{number}" for number in range(1, 22)), *(f"H{number}" for number in range(1, 19)), *(f"C{number}" for number in range(1, 12))]
ROWS += [name for name in DOCS if name.startswith("M")]


def row_of(name: str) -> str:
    """The line of the table of pitfalls that begins with this number."""
    page = DOCS.get(name) or DOCS[name[0]]
    found = [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name} |")]
    assert len(found) == 1, f"{name}: {len(found)} rows in {page}"
    return found[0]


def is_tested(name: str) -> bool:
    """Does a test carry its number, as a function or as a case file?"""
    functions = re.compile(rf"def test_{name.lower()}_")
    cases = list((TREE / "tests").rglob(f"{name.lower()}_*.json"))
    return bool(cases) or any(functions.search(file.read_text(encoding="utf-8")) for file in (TREE / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("name", ROWS)
def test_each_pitfall_is_tested_or_explained(name: str) -> None:
    """Who knows the pitfall finds in the table what is done about it, and the test that shows it."""
    row = row_of(name)
    assert is_tested(name) or "explained" in row, row
