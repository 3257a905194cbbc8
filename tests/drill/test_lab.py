"""The lab says it is up when clients can come, and not before: a client's first operation is one that counts."""

from __future__ import annotations

import pytest

from osvc_ha.drill.lab import Lab
from osvc_ha.drill.processes import Run, reserve
from osvc_ha.planner.errors import ApplyError

pytestmark = [pytest.mark.drill, pytest.mark.live, pytest.mark.timeout(120)]


def test_the_doors_are_awaited_on_every_node_and_for_readers_too(run: Run) -> None:
    """There was a master, and one HAProxy had not heard of a replica: the demo's first reader was turned away there."""
    with reserve() as reserved:
        lab = Lab(run, reserved)
        lab.bring_up()
        # It might let the readers in again.
        lab.watchers["n3"].kill()
        set_readers(lab, "n3", "maint")
        with pytest.raises(ApplyError, match="the front door of every node: not within 1 s"):
            lab.await_doors(1.0)
        set_readers(lab, "n3", "ready")
        lab.await_doors()


def set_readers(lab: Lab, node: str, state: str) -> None:
    """Take the servers of one node's read port out of service, or in again."""

    def exchange(command: str) -> str:
        return lab.host.exchange(str(lab.runtime_socket(node)), f"{command}\n")

    lines = [line.split(",")[:2] for line in exchange("show stat").splitlines()]
    readers = [line for line in lines if ":read:ro:" in line[0] and line[1] != "BACKEND"]
    assert [server for _, server in readers] == list(lab.nodes)
    for backend, server in readers:
        exchange(f"set server {backend}/{server} state {state}")
