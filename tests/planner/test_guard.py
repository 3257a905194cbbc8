"""guard: each refusal, and exactly where it begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.planner import guard
from osvc_ha.planner.errors import HaError, UnsafePlan
from osvc_ha.planner.types import Follows, Step, Verb

counts = st.integers(0, 1000)


def test_an_empty_source_keeps_what_exists() -> None:
    """A source that suddenly lists nothing does not empty the world, and the message names the override."""
    with pytest.raises(UnsafePlan, match=r"dns a\.example: the source lists nothing while 3 exist.*; set allow_empty to do it anyway"):
        guard.refuse_empty_source("dns a.example", wanted=0, existing=3, override="allow_empty")


def test_without_an_override_none_is_promised() -> None:
    """A refusal that no keyword lifts does not tell the operator to set one."""
    with pytest.raises(UnsafePlan) as refusal:
        guard.refuse_empty_source("dns", wanted=0, existing=1)
    assert "anyway" not in str(refusal.value)


@given(counts, counts)
def test_an_empty_source_is_refused_only_if_something_would_go(wanted: int, existing: int) -> None:
    """A first run on an empty world, and any source that lists something, pass."""
    assert refuses(guard.refuse_empty_source, "x", wanted, existing) == (wanted == 0 and existing > 0)


@pytest.mark.parametrize(
    ("removed", "existing", "refused"),
    [(9, 9, False), (3, 10, False), (4, 10, True), (30, 100, False), (31, 100, True), (0, 10, False), (0, 0, False)],
)
def test_mass_removal_begins_above_30_percent_of_ten(removed: int, existing: int, refused: bool) -> None:
    """Below ten things a share means nothing; from ten on, exactly 30 % pass and one more is refused."""
    assert refuses(guard.refuse_mass_removal, "x", removed, existing) == refused


@given(counts)
def test_three_tenths_is_not_lost_to_rounding(tens: int) -> None:
    """30 % of every multiple of ten passes, and one more is refused, however 0.3 is stored."""
    existing = 10 * (tens + 1)
    allowed = 3 * (tens + 1)
    assert not refuses(guard.refuse_mass_removal, "x", allowed, existing)
    assert refuses(guard.refuse_mass_removal, "x", allowed + 1, existing)


def test_mass_removal_says_how_much() -> None:
    """The message has both numbers, the limit and the way out."""
    with pytest.raises(UnsafePlan, match=r"zone: would remove 5 of 12 \(over 30%\); set allow_mass to do it anyway"):
        guard.refuse_mass_removal("zone", 5, 12, override="allow_mass")


def test_the_last_one_stays() -> None:
    """Taking away what is left is refused by name."""
    with pytest.raises(UnsafePlan, match="redis backend: n1, n2 would leave nothing"):
        guard.refuse_last("redis backend", left=0, removed=["n1", "n2"])


@given(counts, st.lists(st.text(max_size=3), max_size=3))
def test_one_that_remains_is_enough(left: int, removed: list[str]) -> None:
    """A removal that leaves something passes, and so does having had nothing to begin with."""
    assert refuses(guard.refuse_last, "x", left, removed) == (left == 0 and bool(removed))


@given(counts, counts)
def test_two_sides_never_both_have_the_majority(present: int, absent: int) -> None:
    """However a cluster splits, at most one side writes shared state, and an even split none."""
    total = present + absent
    here = not refuses(guard.refuse_without_majority, "x", present, total)
    there = not refuses(guard.refuse_without_majority, "x", absent, total)
    assert not (here and there)
    assert (here or there) == (present != absent)


def test_a_lost_majority_says_how_many_are_here() -> None:
    """One of two is no majority, and the message says what to bring back."""
    with pytest.raises(UnsafePlan, match="sentinels: only 1 of 2 present, no majority; bring back the others first"):
        guard.refuse_without_majority("sentinels", 1, 2)


@given(st.sampled_from(Follows), st.sampled_from(Verb), st.lists(st.sampled_from(Follows), max_size=4))
def test_an_event_never_does_more_than_the_system_follows(follows: Follows, verb: Verb, needs: list[Follows]) -> None:
    """START and STOP may do every step; FOLLOW only those within what the system says may follow."""
    plan = tuple(Step("do", "x", "because", needs=need) for need in needs)
    assert refuses(guard.refuse_beyond, follows, verb, plan) == (verb is Verb.FOLLOW and any(need > follows for need in needs))


def test_a_step_is_out_of_reach_of_events_unless_said_otherwise() -> None:
    """A step whose author did not think about events needs EVERYTHING."""
    assert refuses(guard.refuse_beyond, Follows.MEMBERSHIP, Verb.FOLLOW, (Step("promote", "n1", "because"),))


def refuses(check: object, *arguments: object) -> bool:
    """Does the guard refuse? Any other error is a failure of the test."""
    assert callable(check)
    try:
        check(*arguments)
    except UnsafePlan as refusal:
        assert isinstance(refusal, HaError)
        assert str(refusal)
        return True
    return False


def test_what_only_a_person_can_resolve_is_refused_in_its_own_words() -> None:
    """Wherever in the plan it stands; without it the plan goes on."""
    go = Step("launch", "n1", "it shall run")
    guard.refuse_unresolved("redis", (go,))
    with pytest.raises(UnsafePlan, match="^redis grp: two masters have data$"):
        guard.refuse_unresolved("redis", (go, Step("resolve", "grp", "two masters have data")))
