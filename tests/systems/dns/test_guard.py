"""What is refused whatever the plan says: plans made by hand, as a fault in the planner would make them."""

from __future__ import annotations

import pytest

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Step
from osvc_ha.systems.dns import SYSTEM
from osvc_ha.systems.dns.state import Change, Do, to_step

REDIS = {"prod/svc/redis": {"up": ["n1"], "env": {"osvc.dns.name": "redis"}}}


def refused(world, *changes: Change) -> str:
    """The words with which the guard refuses these changes."""
    steps = tuple(to_step(change, "a fault") for change in changes)
    with pytest.raises(UnsafePlan) as words:
        SYSTEM.guard(world.look(), world.desired(), steps)
    return str(words.value)


def test_the_last_address_of_a_name_is_never_taken(make_world, record) -> None:
    """The name and the address are in the refusal."""
    world = make_world({"objects": REDIS}, ["redis.example.com A 203.0.113.1"], node_names="false")
    assert "redis.example.com A 203.0.113.1 would leave nothing" in refused(world, Change(Do.DELETE, world.zone[0]))


def test_nothing_outside_the_domain_is_touched(make_world, record) -> None:
    """Not even by a name that only ends alike."""
    world = make_world({"objects": REDIS}, domain="ha.example.com", zone="example.com")
    for name in ("www.example.com", "xha.example.com", "ha.example.com.evil.net"):
        assert "outside of ha.example.com" in refused(world, Change(Do.CREATE, record(f"{name} A 203.0.113.1")))


def test_what_is_not_ours_is_not_touched(make_world, record) -> None:
    """Neither to alter nor to remove it, and not as what an update replaces."""
    world = make_world({"objects": REDIS})
    stranger = record("www.example.com A 198.51.100.9 foreign")
    assert "not ours" in refused(world, Change(Do.DELETE, stranger))
    assert "not ours" in refused(world, Change(Do.UPDATE, record("www.example.com A 203.0.113.1"), stranger))


def test_nodes_that_all_have_other_addresses_are_a_broken_source(make_world) -> None:
    """Six nodes renumbered at once: refused until somebody says that it is meant."""
    told = {"nodes": {f"n{number}": f"203.0.113.{number}" for number in range(1, 7)}}
    world = make_world(told)
    world.converge()
    world.turn({"nodes": {f"n{number}": f"198.51.100.{number}" for number in range(1, 7)}})
    with pytest.raises(UnsafePlan, match=r"would remove 12 of 12 \(over 30%\); set allow_mass_change=true"):
        world.plan()
    world.config = make_world(told, allow_mass_change="true").config
    assert len(world.converge()) == 12


def test_a_node_that_carries_everything_may_fail(make_world) -> None:
    """Twenty services and ten round robins move when one of three nodes dies: that is no mass change but the purpose."""
    services = {f"prod/svc/s{number}": {"up": ["n1"], "env": {"osvc.dns.name": f"s{number}"}} for number in range(20)}
    names = " ".join(f"g{number}=round-robin" for number in range(10))
    keywords = {"ingress": "prod/svc/l4", "global": names}
    world = make_world({"objects": {"prod/svc/l4": {"up": ["n1", "n2", "n3"]}, **services}}, **keywords)
    world.converge()
    moved = {path: {**one, "up": ["n2"]} for path, one in services.items()}
    nodes = {"n1": {"alive": False}, "n2": "203.0.113.2", "n3": "203.0.113.3"}
    world.turn({"local": "n2", "nodes": nodes, "objects": {"prod/svc/l4": {"up": ["n2", "n3"]}, **moved}})
    assert len(world.converge()) == 1 + 20 + 10
    assert world.writes == 2


def test_the_mark_and_the_memory_are_never_refused(make_world) -> None:
    """They are this node's own files: a node in a minority may still note what it sees."""
    world = make_world({"nodes": {"n1": "203.0.113.1", "n2": {"alive": False}, "n3": {"alive": False}}})
    SYSTEM.guard(world.look(), world.desired(), (Step("hold", "x", "y"), Step("remember", "x", "y")))
