"""docs/examples: what two of them have in common is the same in both."""

from __future__ import annotations

import configparser
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
SHARED = ("DEFAULT", "app#0passive", "app#1primary", "app#2volume")


def test_the_disk_below_postgres_is_the_one_of_the_volume() -> None:
    """An OpenSVC config includes no other: so a change of one of the two is one of both."""
    volume, postgres = (_sections(f"{name}-drbd-8.4-agent-3") for name in ("volume", "postgres"))
    assert {name: postgres[name] for name in SHARED} == {name: volume[name] for name in SHARED}
    assert set(postgres) - set(volume) == {"app#3postgres"}


def _sections(name: str) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="", interpolation=None)
    parser.read_string((EXAMPLES / f"{name}.conf").read_text(encoding="utf-8"))
    return {section: dict(parser[section]) for section in parser.sections()}
