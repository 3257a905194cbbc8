"""One lab for all tests of the rung, started over from the same disks for each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from osvc_ha.drill.uml.drbd import HANDLERS, DrbdLab


@pytest.fixture(scope="session")
def nodes() -> Iterator[DrbdLab]:
    """Made once: booting and the first full sync take most of the time."""
    with DrbdLab() as lab:
        lab.make()
        yield lab


@pytest.fixture
def lab(nodes: DrbdLab) -> Iterator[DrbdLab]:
    """r0 up, connected, UpToDate and Secondary on n1 and n2; the cluster of three sees itself whole; our handlers."""
    nodes.start_over()
    yield nodes


@pytest.fixture
def writing(lab: DrbdLab) -> DrbdLab:
    """n1 is Primary, and a program there writes rising numbers with fsync."""
    assert lab.promote("n1").code == 0
    lab.start_writer("n1")
    return lab


@pytest.fixture
def split(lab: DrbdLab) -> DrbdLab:
    """Both were Primary while apart, and each wrote its own name; both are StandAlone now."""
    for name in ("n1", "n2"):
        lab.nodes[name].must("drbdadm disk-options --fencing=dont-care r0")
    lab.cut("n1")
    for name in ("n1", "n2"):
        lab.await_told(name, "cstate", "WFConnection")
        assert lab.primary(name).code == 0
        lab.nodes[name].must(f"echo {name} >/srv/data/who; sync")
    lab.heal()
    for name in ("n1", "n2"):
        lab.await_told(name, "cstate", "StandAlone")
    return lab


@pytest.fixture
def evidence(lab: DrbdLab) -> Callable[[str], list[dict[str, Any]]]:
    """What the fence handler logged on a node, run by run."""

    def read(node: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in lab.nodes[node].run("cat /run/osvc_ha/drbd/r0.fence.log").out.splitlines()]

    return read


@pytest.fixture
def fence(lab: DrbdLab) -> Callable[..., int]:
    """Run the handler by hand, as DRBD would, with more options: its exit code."""

    def run(node: str, peer: str, *options: str) -> int:
        command = " ".join([HANDLERS["fence-peer"], *options])
        return lab.nodes[node].run(f"DRBD_RESOURCE=r0 DRBD_PEER={peer} {command}", 60).code

    return run
