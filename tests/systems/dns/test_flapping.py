"""Three nodes that flap for ten minutes, on a clock that only the test moves."""

from __future__ import annotations

import random
from typing import Any

import pytest

LOOKS = 600
CALLS_IN_FIVE_MINUTES = 1200
L4 = "prod/svc/l4"


def told(up: list[str], dead: str = "") -> dict[str, Any]:
    """The nodes on which the l4 service is up; of the others one may be silent altogether."""
    nodes: dict[str, Any] = {"n1": "203.0.113.1", "n2": "203.0.113.2", "n3": "203.0.113.3"}
    if dead:
        nodes[dead] = {"alive": False, "public": nodes[dead]}
    where = up[0] if up else "n1"
    return {"nodes": nodes, "objects": {L4: {"up": up}, "prod/svc/web": {"up": [where], "env": {"osvc.dns.name": "web"}}}}


@pytest.mark.parametrize("seed", range(5))
def test_three_nodes_flapping_cost_few_writes_and_end_right(make_world, seed) -> None:
    """A look a second, a flip of some node every few seconds: no name is ever empty, and in the end all is as it should be.

    An address leaves the round robin at once and comes back after ``settle``, so each node costs two writes in that time at most.
    """
    chance = random.Random(seed)
    world = make_world(told(["n1", "n2", "n3"]), ingress=L4, **{"global": "*=round-robin", "settle": "10", "grace": "60"})
    world.converge()
    up, calls = {"n1": True, "n2": True, "n3": True}, []
    for second in range(LOOKS):
        for node in ("n2", "n3"):
            if chance.random() < 0.3:
                up[node] = not up[node]
        dead = "n3" if not up["n3"] and chance.random() < 0.5 else ""
        before = world.writes
        world.tick(1).turn(told([node for node, well in up.items() if well], dead)).converge()
        calls += [second] * (1 + world.writes - before)
        assert world.values("*.example.com") and world.values("web.example.com")
        assert all(f"203.0.113.{node[1]}" not in world.values("*.example.com") or well for node, well in up.items())
    assert world.writes <= 2 * 2 * LOOKS / 10
    assert max(sum(1 for one in calls if at <= one < at + 300) for at in range(0, LOOKS, 60)) < CALLS_IN_FIVE_MINUTES
    world.turn(told(["n1", "n2", "n3"])).converge()
    world.tick(60).converge()
    assert world.values("*.example.com") == ["203.0.113.1", "203.0.113.2", "203.0.113.3"]
    assert world.values("*.n3.example.com") == ["203.0.113.3"]
    assert world.values("web.example.com") == ["203.0.113.1"]


def test_who_comes_back_waits_only_while_others_serve(make_world) -> None:
    """The only ingress node that is up is in the round robin at once, however lately it came."""
    world = make_world(told(["n1"]), ingress=L4, **{"global": "*=round-robin", "settle": "10"})
    world.converge()
    world.turn(told(["n2"])).converge()
    assert world.values("*.example.com") == ["203.0.113.2"]
    world.tick(1).turn(told(["n2", "n3"])).converge()
    assert world.values("*.example.com") == ["203.0.113.2"], "n3 has to wait"
    world.tick(10).converge()
    assert world.values("*.example.com") == ["203.0.113.2", "203.0.113.3"]


def test_a_clock_that_jumps_back_removes_nothing(make_world) -> None:
    """A silent node's grace may only get longer by it."""
    world = make_world({}, grace="300")
    world.converge()
    silent = {"nodes": {"n1": "203.0.113.1", "n2": "203.0.113.2", "n3": {"alive": False}}}
    world.turn(silent).converge()
    assert world.tick(-100_000).converge() == ()
