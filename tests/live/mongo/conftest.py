"""Real mongods on loopback addresses, started and stopped through reconcile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from mongo_group import MongoGroup

from osvc_ha.drill.mongo_program import why_no_mongod
from osvc_ha.drill.processes import Run, reserve

LOGS = pytest.StashKey[Path]()
LAST_LINES = 40
MakeGroup = Callable[..., MongoGroup]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test comes with the last words of every mongod, which are gone with their directory a moment later."""
    report = yield
    directory = item.stash.get(LOGS, None)
    if report.failed and directory is not None:
        for log in sorted(directory.rglob("mongod.log")):
            told = log.read_text(errors="replace").splitlines()
            lines = [line for line in told if not any(f'"c":"{dull}"' in line for dull in ("NETWORK", "ACCESS", "STORAGE"))]
            report.sections.append((str(log.relative_to(directory)), "\n".join(line[:400] for line in lines[-LAST_LINES:])))
    return report


@pytest.fixture
def make_group(request: pytest.FixtureRequest) -> Iterator[MakeGroup]:
    """Make groups whose mongods all end with the test."""
    if why_no_mongod():
        pytest.skip(why_no_mongod())
    places = []
    with Run("osvc_ha-mongo-") as run:
        request.node.stash[LOGS] = run.directory

        def make(nodes: int = 3, **keywords: str) -> MongoGroup:
            places.append(reserve(nodes, 4))
            return MongoGroup(run, places[-1].addresses, places[-1].ports[0], **keywords)

        yield make
    for place in places:
        place.close()


@pytest.fixture
def group(make_group: MakeGroup) -> MongoGroup:
    """Three nodes, nothing started yet."""
    return make_group()


@pytest.fixture
def haproxy() -> str:
    """The program."""
    found = os.environ.get("HAPROXY") or shutil.which("haproxy")
    if not found:
        pytest.skip("no haproxy on the path")
    return found


@pytest.fixture
def running(group: MongoGroup) -> MongoGroup:
    """Three nodes, one set, everybody votes, n1 is primary."""
    group.start()
    group.eventually(lambda: group.primary() == "n1")
    return group
