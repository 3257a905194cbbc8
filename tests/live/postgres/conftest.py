"""Real PostgreSQL servers on loopback addresses, each with a directory that was provisioned once and copied."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from postgres_server import Server, why_no_postgres

from osvc_ha.drill.processes import Reserved, Run, reserve

HOMES = pytest.StashKey[Path]()
LAST_LINES = 30
MakeServer = Callable[..., Server]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test comes with the last words of every server, which are gone with their directory a moment later."""
    report = yield
    home = item.stash.get(HOMES, None)
    if report.failed and home is not None:
        for log in sorted(home.rglob("*.log")):
            report.sections.append((str(log.relative_to(home)), "\n".join(log.read_text(errors="replace").splitlines()[-LAST_LINES:])))
    return report


@pytest.fixture(scope="session")
def net() -> Iterator[Reserved]:
    """Addresses and ports, ours alone."""
    with reserve(addresses=3, ports=40, prefer="127.0.45") as reserved:
        yield reserved


@pytest.fixture(scope="session")
def ports(net: Reserved) -> Iterator[int]:
    """``next(ports)`` is a port that no test has."""
    return iter(net.ports * 20)


@pytest.fixture(scope="session")
def template(net: Reserved) -> Iterator[Path]:
    """A data directory as provisioning makes it."""
    if why_no_postgres():
        pytest.skip(why_no_postgres())
    with Run("osvc_ha-pgt-") as run:
        server = Server(run, net.addresses[0], net.ports[0])
        server.provision()
        yield server.directory


@pytest.fixture
def make_blank(request: pytest.FixtureRequest, net: Reserved, ports: Iterator[int], template: Path) -> Iterator[MakeServer]:
    """Make services that are not provisioned; what they start ends with the test."""
    with Run("osvc_ha-pg-") as run:
        request.node.stash[HOMES] = run.directory

        made = []

        def make(name: str = "pg", port: int = 0, **keywords: str) -> Server:
            made.append(Server(run, net.addresses[0], port or next(ports), name, **keywords))
            return made[-1]

        try:
            yield make
        finally:
            for server in made:
                server.end()


@pytest.fixture
def make_server(make_blank: MakeServer, template: Path) -> MakeServer:
    """Make services that are provisioned, and not started."""

    def make(name: str = "pg", port: int = 0, **keywords: str) -> Server:
        server = make_blank(name, port, **keywords)
        server.fill(template)
        return server

    return make


@pytest.fixture
def server(make_server: MakeServer) -> Server:
    """One, provisioned and not started."""
    return make_server()


@pytest.fixture
def running(server: Server) -> Server:
    """One that serves."""
    server.start()
    server.ask("create table kept (n int)")
    server.ask("insert into kept values (1)")
    return server
