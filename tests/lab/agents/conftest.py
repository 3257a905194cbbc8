"""A running three-node cluster of each agent that is at hand, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator

import opensvc2
import opensvc3
import pytest
from agent_lab import Lab

# Agent -> the variable that says where it is, and how to run it from there.
AGENTS = {"2.1": ("OSVC2_AGENT", opensvc2.agent), "3": ("OSVC3_OM", opensvc3.agent)}


def why_not(version: str) -> str:
    """The reason an agent cannot run here; empty when it can."""
    variable, _ = AGENTS[version]
    if os.geteuid() != 0:
        return "namespaces need root"
    return "" if os.environ.get(variable) else f"{variable} not set"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which agent was left out; the run as a whole says it when there is none at all."""
    if any(os.environ.get(variable) for variable, _ in AGENTS.values()):
        for version in AGENTS:
            if why_not(version):
                terminalreporter.write_line(f"agent {version} skipped: {why_not(version)}")


@pytest.fixture(scope="session", params=list(AGENTS))
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Nodes n1, n2, n3: a flex service on all of them, a failover service on n2, a secret. Leave it as you found it."""
    version: str = request.param
    if why_not(version):
        pytest.skip(f"agent {version}: {why_not(version)}")
    variable, make = AGENTS[version]
    found = Lab(make(os.environ[variable]))
    yield found
    found.close()
