"""A model of a replica set, and the case files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mongo_model import Refused, World

CASES = Path(__file__).parent / "cases"


@pytest.fixture
def world() -> type[World]:
    """Make a World."""
    return World


@pytest.fixture
def refused() -> type[Refused]:
    """What a World's mongod raises."""
    return Refused


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case file."""
    if "case" in metafunc.fixturenames:
        files = sorted(CASES.glob("*.json"))
        metafunc.parametrize("case", [json.loads(file.read_text()) for file in files], ids=[file.stem for file in files])
