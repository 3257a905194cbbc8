"""mongod.log: it says what matters, and does not grow for ever."""

import os

import pytest

from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live
MB = 1024 * 1024


def log_of(group, node):
    """Its mongod.log."""
    return group.directory / node / "mongod.log"


def knock(group, times):
    """What HAProxy's checks do: connect, ask, go."""
    for _ in range(times):
        group.ask("n1", "hello")


@pytest.mark.parametrize("quiet", ("true", "false"))
def test_checks_do_not_fill_the_log(make_group, logins, quiet):
    """Connections that come and go leave no line, unless quiet=false; who became primary, and that a login failed, is there with both."""
    from pymongo.errors import OperationFailure

    group = make_group(1, quiet=quiet, **logins)
    group.start()
    knock(group, 20)
    group.client = {"username": "admin", "password": "nonsense"}
    with pytest.raises(OperationFailure):
        group.ask("n1", "ping")
    text = log_of(group, "n1").read_text()
    assert (text.count('"msg":"Connection accepted"') >= 20) is (quiet == "false")
    assert ('"msg":"Connection' in text) is (quiet == "false")
    assert '"newState":"PRIMARY"' in text and '"msg":"Authentication failed"' in text


def test_a_log_that_is_too_big_begins_anew(secured):
    """FOLLOW makes it mongod.log.1, the instance is up all the while, mongod writes to the new one, and the old one is overwritten next."""
    secured.keywords["log_mb"] = "1"
    secured.placed = {"n1", "n2"}
    secured.start("n1", "n2")
    secured.reconcile("n2", Verb.FOLLOW)
    log = log_of(secured, "n2")
    old = log.with_name("mongod.log.1")
    for _ in range(2):
        began = log.read_text()[:80]
        # It is opened for appending, so this only makes it long.
        os.truncate(log, 2 * MB)
        assert secured.status("n2").status is Status.UP
        secured.reconcile("n2", Verb.FOLLOW)
        assert secured.plan("n2", Verb.FOLLOW) == ()
        assert log.stat().st_size < MB < old.stat().st_size
        assert old.read_text()[:80] == began
    assert log_of(secured, "n1").stat().st_size and not log_of(secured, "n1").with_name("mongod.log.1").exists()


def test_a_rotation_that_was_killed_half_way_is_ended_by_the_next_look(running):
    """Renamed, and mongod was never told: the next FOLLOW has it open a new mongod.log."""
    log = log_of(running, "n1")
    log.rename(log.with_name("mongod.log.1"))
    running.reconcile("n1", Verb.FOLLOW)
    assert log.stat().st_size
    assert running.status("n1").status is Status.UP
