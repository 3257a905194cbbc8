"""Exactly one node begins a set, also when each of several has looked before the others were there."""

from __future__ import annotations

import pytest

from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo.plan import joining

TICK = 0.05
ENOUGH = 12.0


class Founder:
    """START on one node: it looks again and again, and once its plan is to begin, after the pause that this names; then it begins.

    knows: the instances that OpenSVC runs or starts, as the agent here has heard. listens: when its mongod does. takes: seconds from the
    last look until the others can see the set.
    """

    def __init__(self, world, node, knows, listens, takes):
        self.world, self.node, self.knows = world, node, set(knows)
        self.listens, self.takes = listens, takes
        self.does, self.until, self.step = "looks", 0.0, None

    def go(self, now):
        """One moment."""
        self.world.mongods[self.node].running = now >= self.listens
        if now < max(self.listens, self.until):
            return
        if self.does == "begins":
            self.world.begin(self.step)
            self.world.settle()
            self.does = "has begun"
        elif self.does in ("looks", "waits"):
            self.look(now)

    def look(self, now):
        """And decide."""
        self.world.placed = self.knows
        first = self.world.plan(self.node, Verb.START)[:1]
        if not first or first[0].do != "initiate":
            self.does = "looks"
            return
        self.step = first[0]
        pause = float(self.step.arg("pause"))
        again = self.does == "waits" or not pause
        self.does, self.until = ("begins", now + self.takes) if again else ("waits", now + pause)


def interleaved(world, ahead, takes, nodes=("n1", "n2"), knows=({"n1", "n2", "n3"}, {"n2", "n3"})):
    """The last of the scope is there all the while, ``nodes`` start: the first that much later than the second. How many sets are begun."""
    made = world(4 if "n1" not in nodes else 3, fresh=True)
    for one in {"n1", *nodes}:
        made.mongods[one].running = False
    founders = [Founder(made, one, known, start, takes) for one, known, start in zip(nodes, knows, (ahead, 0.0))]
    for tick in range(int(ENOUGH / TICK)):
        for founder in founders if tick % 2 else founders[::-1]:
            founder.go(tick * TICK)
    return made.begun


DELAYS = [number / 10 for number in range(45)]


@pytest.mark.parametrize("takes", (0.0, 0.1, 0.5, 0.9))
def test_m3_one_that_comes_a_moment_later_begins_no_second_set(world, takes):
    """n2 has not heard of n1, whose mongod listens at any moment before, between or after n2's looks: one set, whoever begins it."""
    assert {interleaved(world, delay, takes) for delay in DELAYS} == {1}


@pytest.mark.parametrize("takes", (0.1, 0.9))
def test_m3_neither_does_one_of_two_that_are_not_the_first(world, takes):
    """n1 is not to run at all, and neither n2 nor n3 has heard of the other."""
    assert {interleaved(world, delay, takes, ("n2", "n3"), ({"n2", "n4"}, {"n3", "n4"})) for delay in DELAYS} == {1}


def test_m3_without_the_pause_there_would_be_two(world, monkeypatch):
    """What the pause is for: a look alone, however late, leaves a moment in which another one looks."""
    monkeypatch.setattr(joining, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(joining, "PAUSE", 0.0)
    assert {interleaved(world, delay, 0.5) for delay in DELAYS} == {1, 2}


def test_m3_a_node_that_is_not_the_first_leaves_it_to_the_first(world):
    """It waits for a heartbeat; whoever is there by then, and before it in the scope, begins."""
    made = world(fresh=True)
    pauses = {}
    for node, others in (("n1", ()), ("n2", ("n1",)), ("n3", ("n1", "n2"))):
        for other in made.scope:
            made.mongods[other].running = other not in others or node == "n3" and other == "n2"
        made.placed = {node}
        steps = made.plan(node, Verb.START)
        if steps[0].do == "initiate":
            pauses[node] = steps[0].arg("pause")
    assert pauses == {"n1": "1", "n2": "2"}
    alone = world(1, fresh=True)
    assert alone.plan("n1", Verb.START)[0].arg("pause") == "0"
