"""When a change is tried again, and when that is given up."""

from __future__ import annotations

from osvc_ha.systems.mongo.client.reconfig import INCOMPATIBLE, MOST_PAUSE, SLOW_PAUSE, Race

UNCOMMITTED, IN_PROGRESS = 0, 109


def heard(*told: tuple[float, int, str, int]) -> Race:
    """After these attempts: when, the version that was there, the words, the code."""
    race = Race()
    for now, version, words, code in told:
        race.hear((1, version), words, code, now)
    return race


def test_a_refusal_that_repeats_is_asked_for_less_often() -> None:
    """Within the first second there is a chance to be quicker; after that, mongod is left in peace."""
    race = heard((100.0, 7, "no", INCOMPATIBLE), (100.5, 7, "no", INCOMPATIBLE))
    assert race.pause(100.5) <= MOST_PAUSE
    assert race.pause(101.5) == SLOW_PAUSE


def test_whoever_changes_it_all_the_while_is_raced_without_a_rest() -> None:
    """Each version takes a heartbeat to reach a majority, and the moment after that is a few milliseconds long."""
    told = [(100.0 + 2.1 * number, 7 + number, f"version {7 + number} is not on a majority", UNCOMMITTED) for number in range(20)]
    for number, one in enumerate(told, 1):
        assert heard(*told[:number]).pause(one[0] + 2.0) <= MOST_PAUSE
    assert heard(*told).pause(told[-1][0] + 4.0) == SLOW_PAUSE


def test_what_stays_refused_is_given_up() -> None:
    """The same words about the same configuration for ten seconds are not a matter of who is quicker."""
    same = [(100.0 + number, 7, "no", INCOMPATIBLE) for number in range(11)]
    assert not heard(*same[:10]).stuck(109.0)
    assert heard(*same).stuck(110.0)
    assert not heard(*same, (110.0, 8, "no", INCOMPATIBLE)).stuck(110.0)
    assert not heard(*same, (110.0, 7, "another", INCOMPATIBLE)).stuck(110.0)


def test_what_only_takes_long_is_waited_for() -> None:
    """A majority that is slow, or a change of somebody's that is being made: until the deadline."""
    for code in (UNCOMMITTED, IN_PROGRESS):
        assert not heard((100.0, 7, "wait", code), (160.0, 7, "wait", code)).stuck(160.0)
