"""A running cluster of each agent that is at hand: all tests with the one, then all with the other."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Optional

import opensvc2
import opensvc3
import pytest
from agent_lab import Agent, Lab
from agreement import agree
from ha_lab import HaLab

SERVERS = ("redis-server", "redis-sentinel", "redis-cli", "haproxy")
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the cluster with servers come last, so that each cluster is started once. pytest sorts by agent afterwards."""
    items.sort(key=lambda item: "installed" in getattr(item, "fixturenames", ()))


class Bench:
    """Room for one cluster: the machine has few cores, and agents that come late give up."""

    def __init__(self) -> None:
        self.lab: Optional[Lab] = None
        self._of = ""

    def take(self, of: str, make: Callable[[], Lab]) -> Lab:
        """The cluster of this kind; another one that is there has to go."""
        if self.lab is None or self._of != of:
            self.clear()
            self.lab = make()
            self._of = of
        return self.lab

    def clear(self) -> None:
        """Power off."""
        if self.lab is not None:
            self.lab.close()
        self.lab = None


@pytest.fixture(scope="session")
def bench() -> Iterator[Bench]:
    """Empty at first and at the end."""
    found = Bench()
    yield found
    found.clear()


# Of the session, so that pytest does not change agents with each test.
@pytest.fixture(scope="session", params=list(AGENTS))
def agent(request: pytest.FixtureRequest) -> Agent:
    """Each agent that is here."""
    version: str = request.param
    if why_not(version):
        pytest.skip(f"agent {version}: {why_not(version)}")
    variable, make = AGENTS[version]
    return make(os.environ[variable])


@pytest.fixture
def lab(agent: Agent, bench: Bench) -> Lab:
    """Nodes n1, n2, n3: a flex service on all of them, a failover service on n2, a secret. Leave it as you found it."""

    def make() -> Lab:
        found = Lab(agent)
        found.add_secret()
        return found

    return bench.take(f"samples {agent.version}", make)


@pytest.fixture
def installed(agent: Agent, bench: Bench) -> HaLab:
    """Nodes n1, n2, n3 with osvc_ha installed, and n4 beside them."""
    absent = [name for name in SERVERS if shutil.which(name) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}; `make test-agent` as root installs them")
    found = bench.take(f"servers {agent.version}", lambda: HaLab(agent))
    assert isinstance(found, HaLab)
    found.ready_spare()
    return found


@pytest.fixture
def serving(installed: HaLab, bench: Bench) -> HaLab:
    """The same with Redis behind HAProxy on n1, n2 and n3, all well, whatever an earlier test has left behind."""
    try:
        installed.bring_up()
        agree(installed)
        return installed
    except AssertionError:
        bench.clear()
        fresh = bench.take(f"servers {installed.agent.version}", lambda: HaLab(installed.agent))
        assert isinstance(fresh, HaLab)
        fresh.bring_up()
        agree(fresh)
        return fresh
