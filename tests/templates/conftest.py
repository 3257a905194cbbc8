"""The two trees of service templates, as text and as what they declare."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from osvc_ha.agents.v3 import keywords_from
from osvc_ha.registry import SYSTEMS, load_system

ROOT = Path(__file__).resolve().parents[2]
TREES, DOCS = ROOT / "service_templates", ROOT / "docs/templates.md"
VERSIONS = ("2.1", "3")
NAMES = ("dns", "l4-ingress", "mongodb-replicaset", "postgres-drbd", "redis-sentinel", "volume-cephfs", "volume-drbd", "volume-glusterfs")
# What the agents fill in by themselves.
WORDS = {"namespace": "prod", "kind": "svc", "name": "redis", "clusternodes": "n1 n2 n3"}
REFERENCE = re.compile(r"\{(?:env\.)?([\w.]+)\}")


@dataclass(frozen=True)
class Template:
    """One file: ``sections`` as they are written."""

    version: str
    name: str
    text: str
    sections: Mapping[str, Mapping[str, str]]

    @property
    def env(self) -> Mapping[str, str]:
        """Values and their defaults."""
        return self.sections["env"]

    def system_of(self, rid: str) -> str:
        """The system that a resource is; "" when it is none of ours."""
        section = self.sections[rid]
        words = f"{section.get('type', '')} {section.get('start', '')}"
        return next((name for name in SYSTEMS if words.startswith(f"ha{name}") or f" resource {name} start" in words), "")

    def given(self, rid: str) -> dict[str, str]:
        """The keywords that reach the system of a resource, references as they are written."""
        section, system = self.sections[rid], load_system(self.system_of(rid))
        if self.version == "3":
            pairs = (word.partition("=") for word in shlex.split(section["environment"]))
            given, unknown = keywords_from({key: value for key, _, value in pairs}, system)
            assert not unknown, unknown
            return given
        return {key: value for key, value in section.items() if key in {keyword.name for keyword in system.keywords}}

    def evaluated(self, value: str) -> str:
        """A value with the defaults of [env], as an agent would give it to us."""
        while (found := REFERENCE.search(value)) is not None:
            word = found.group(1)
            value = value[: found.start()] + {**self.env, **WORDS}[word] + value[found.end() :]
        return value


def _read(version: str, name: str) -> Template:
    text = (TREES / version / f"{name}.conf").read_text(encoding="utf-8")
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",), inline_comment_prefixes=None, default_section="none")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    # Agent 3 runs no driver of ours in the group fs.
    same = {"app#1volume": "fs#1volume"}
    return Template(version, name, text, {same.get(section, section): dict(parser[section]) for section in parser.sections()})


@pytest.fixture(params=[(version, name) for version in VERSIONS for name in NAMES], ids="-".join)
def template(request: pytest.FixtureRequest) -> Template:
    """Each of the files."""
    return _read(*request.param)


@pytest.fixture(params=NAMES)
def pair(request: pytest.FixtureRequest) -> tuple[Template, Template]:
    """The same service in both trees."""
    one, other = (_read(version, request.param) for version in VERSIONS)
    return one, other


@pytest.fixture
def trees() -> dict[str, set[str]]:
    """The files of each tree."""
    return {version: {file.name for file in (TREES / version).iterdir()} for version in VERSIONS}


@pytest.fixture(scope="session")
def documented() -> str:
    """docs/templates.md"""
    return DOCS.read_text(encoding="utf-8")
