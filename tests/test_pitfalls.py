"""The field's known pitfalls (docs/systems): each is handled and tested under its own number, or its explanation is written down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TREE = Path(__file__).parents[1]
SYSTEMS = {"R": "redis", "H": "haproxy", "M": "mongo", "C": "dns", "D": "drbd", "P": "postgres"}
DOCS = {letter: TREE / f"docs/systems/{system}.md" for letter, system in SYSTEMS.items()}
# The pitfalls of MongoDB that are DNS': its seed list.
DOCS.update({f"M{number}": DOCS["C"] for number in range(13, 17)})
MOST = {"R": 21, "H": 18, "M": 17, "C": 11, "D": 12, "P": 6}
ROWS = [f"{letter}{number}" for letter, most in MOST.items() for number in range(1, most + 1)]


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
