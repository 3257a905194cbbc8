"""What would be done is worked out once for each look, and anew for the next."""

from __future__ import annotations

from dataclasses import replace

from osvc_ha.systems.dns import SYSTEM
from osvc_ha.systems.dns.plan import outlook

REDIS = {"prod/svc/redis": {"up": ["n1"], "env": {"osvc.dns.name": "redis"}}}


def test_a_look_costs_one_computation(make_world) -> None:
    """Plan, guard and notes of one look share it: with thousands of records it is most of what a look costs."""
    world = make_world({"objects": REDIS}, ["redis.example.com A 203.0.113.2"])
    actual, wanted = world.look(), world.desired()
    assert SYSTEM.plan(actual, wanted)
    ((of, found),) = wanted.worked_out
    assert of is actual and found is outlook(actual, wanted)


def test_another_look_is_worked_out_anew(make_world) -> None:
    """What one look showed says nothing about the zone of the next, nor about another wish for it."""
    world = make_world({"objects": REDIS}, ["redis.example.com A 203.0.113.2"])
    wanted = world.desired()
    before = SYSTEM.plan(world.look(), wanted)
    world.zone = []
    assert SYSTEM.plan(world.look(), wanted) != before
    assert SYSTEM.plan(world.actual, replace(wanted, wants=())) == ()
