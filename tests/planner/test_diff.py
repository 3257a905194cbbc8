"""diff: two keyed sets in, what to create, update and delete out."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.planner.diff import Diff, diff

Records = dict[str, int]
records = st.dictionaries(st.text(max_size=3), st.integers(0, 3), max_size=12)


def applied(actual: Records, change: Diff[str, int]) -> Records:
    """The world after the change, where an operation on a wrong premise fails as a real one would."""
    world = dict(actual)
    for key, value in change.delete:
        assert world.pop(key) == value
    for key, value in change.create:
        assert key not in world
        world[key] = value
    for key, old, new in change.update:
        assert world[key] == old
        world[key] = new
    return world


@given(records)
def test_equal_sets_need_nothing(same: Records) -> None:
    """A world that is as wanted has an empty, falsy diff."""
    assert not diff(same, dict(same))


@given(records, records)
def test_applying_gives_the_desired(actual: Records, desired: Records) -> None:
    """Applying the diff once gives exactly the desired set, and then nothing is left to do."""
    world = applied(actual, diff(actual, desired))
    assert world == desired
    assert not diff(world, desired)


@given(records, records, st.randoms(use_true_random=False))
def test_order_never_matters(actual: Records, desired: Records, chance: random.Random) -> None:
    """However the sources happen to list things, the diff is the same, in the same order."""

    def shuffled(of: Records) -> Records:
        return dict(chance.sample(list(of.items()), len(of)))

    assert diff(shuffled(actual), shuffled(desired)) == diff(actual, desired)


@given(records, records)
def test_nothing_that_is_right_is_touched(actual: Records, desired: Records) -> None:
    """A key whose value is already as wanted appears nowhere in the diff."""
    change = diff(actual, desired)
    touched = {entry[0] for part in (change.create, change.update, change.delete) for entry in part}
    assert touched == {key for key in actual.keys() | desired.keys() if actual.get(key) != desired.get(key)}
    assert bool(change) == bool(touched)


@given(records, records)
def test_the_way_back_undoes_it(actual: Records, desired: Records) -> None:
    """Swapping what is and what should be swaps creations with deletions."""
    there, back = diff(actual, desired), diff(desired, actual)
    assert (there.create, there.delete) == (back.delete, back.create)
    assert there.update == tuple((key, old, new) for key, new, old in back.update)


def test_each_part_is_sorted_by_key() -> None:
    """Two runs print their steps in the same order."""
    change = diff({"z": 1, "m": 1, "b": 1, "y": 2}, {"y": 3, "m": 2, "c": 1, "a": 1})
    assert change == Diff(create=(("a", 1), ("c", 1)), update=(("m", 1, 2), ("y", 2, 3)), delete=(("b", 1), ("z", 1)))
