"""Agent 3 as a laptop runs it: one node, everything below OSVC_ROOT_PATH."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import opensvc3
import pytest
from agent_lab import OSVC_HA
from namespaces import Machines

from osvc_ha.cluster.snapshot import cluster_from_snapshot
from osvc_ha.host import Completed, Host

pytestmark = [
    pytest.mark.agent,
    pytest.mark.skipif(not os.environ.get("OSVC3_OM") or os.geteuid() != 0, reason="agent 3: OSVC3_OM not set, or not root"),
]
ROOT = "/var/tmp/laptop"


@pytest.fixture
def laptop() -> Iterator[Machines]:
    """One node, its agent just started."""
    machines = Machines(1)
    machines.boot("n1", opensvc3.alone(os.environ["OSVC3_OM"], ROOT))
    assert ask(machines, "sh", "-c", opensvc3.RUN).code == 0
    yield machines
    machines.close()


def ask(machines: Machines, *argv: str) -> Completed:
    """Run a program there, with the agent's root in its environment."""
    return machines.run("n1", argv, env={"OSVC_ROOT_PATH": ROOT})


def test_an_agent_below_a_root_of_its_own_is_found(laptop: Machines, host: Host) -> None:
    """With OSVC_ROOT_PATH set as for `om`, osvc-ha asks the agent there; nobody configured a cluster, and it is one."""
    snapshot: list[Completed] = []

    def serving() -> bool:
        snapshot.append(ask(laptop, OSVC_HA, "snapshot"))
        return snapshot[-1].code == 0 and '"avail": "up"' in snapshot[-1].out

    assert host.wait(serving, 60, every=0.2), snapshot[-1].words
    cluster = cluster_from_snapshot(json.loads(snapshot[-1].out))
    assert (cluster.local, cluster.alive(), cluster.has_majority()) == ("n1", ("n1",), True)
    assert cluster.object("web").placed() == ("n1",)
    assert cluster.object("web").env["osvc.l4.port"] == "8080"
