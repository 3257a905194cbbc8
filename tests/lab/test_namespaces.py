"""The nodes' network: what is left of it works when a node goes."""

from __future__ import annotations

import pytest
from namespaces import OUTSIDER, Contents, Machines, why_not

from osvc_ha.drill.processes import wait_until
from osvc_ha.host import Host

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]
CONNECT = f"import socket; print(socket.socket().connect_ex(('{OUTSIDER}', 9)))"


def test_who_is_outside_is_reached_at_once_after_a_node_has_gone() -> None:
    """The bridge had the lowest address of its ports: when that one went, the others' ARP sent what was for outside nowhere, for 47 s."""
    machines = Machines(3)
    try:
        for name in machines.names:
            machines.boot(name, Contents())
        # Whichever had the lowest: n3 knows the outsider's address all the while.
        for gone in ("n1", "n2"):
            assert reached(machines, "n3")
            machines.kill(gone)
            wait_until(f"the network without {gone}", lambda gone=gone: f"port-{gone}" not in ports(machines))
            assert reached(machines, "n3")
    finally:
        machines.close()


def reached(machines: Machines, name: str) -> bool:
    """Does the outsider refuse this node's connection, within a second? Nobody listens there."""
    return machines.run(name, ["timeout", "1", "/usr/bin/python3", "-c", CONNECT]).out.strip() == "111"


def ports(machines: Machines) -> str:
    """What is plugged in."""
    return Host().run(machines.outside(["ip", "-br", "link"])).out
