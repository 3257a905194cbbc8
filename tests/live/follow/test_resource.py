"""The follower as OpenSVC's resource: started, looked at, stopped, killed, hung, given other keywords."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osvc_ha.drill.processes import wait_until
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Verb

if TYPE_CHECKING:
    from conftest import Follower

pytestmark = pytest.mark.live
AN_HOUR = 3600.0


def test_it_is_up_when_it_has_looked(follower: Follower) -> None:
    """Start returns after the first look, and the facts say what it follows and how that is."""
    assert follower.status() == "down"
    assert follower.do(Verb.START) == ["launch"]
    health = follower.health()
    facts = dict(health.facts)
    assert (health.status.value, health.lines) == ("up", ())
    assert facts["pid"] == str(follower.pids()[0]) and facts["haproxy"] == "down", "HAProxy itself is another resource"
    assert (follower.directory / "haproxy.cfg").exists(), "the first look is over"


def test_a_second_start_and_stop_do_nothing(follower: Follower) -> None:
    """The same process, then none, and its socket and what it saw are gone."""
    follower.do(Verb.START)
    before = follower.pids()
    assert follower.do(Verb.START) == []
    assert follower.pids() == before
    assert follower.do(Verb.STOP) == ["end"]
    assert (follower.pids(), follower.status(), follower.do(Verb.STOP)) == ([], "down", [])
    assert [path.name for path in follower.file.parent.iterdir()] == ["watch.log"]


def test_what_it_cannot_put_right_is_in_the_status(follower: Follower) -> None:
    """A port that somebody else has: a warning with the follower's own sentence, and up all the same; mended, it goes."""
    with socket.socket() as other:
        other.bind((follower.address, follower.ports[0]))
        other.listen()
        follower.start_haproxy()
        follower.do(Verb.START)
        health = follower.health()
        assert health.status.value == "up"
        assert f"port {follower.ports[0]} on {follower.address} is taken by another process" in " ".join(health.lines)
    wait_until("it has looked again", lambda: "is taken" not in " ".join(follower.health().lines), 20)


def test_a_cluster_that_cannot_be_seen_is_a_warning(follower: Follower) -> None:
    """What it sees no longer is said; it is up, for it does its work as soon as there is some."""
    follower.do(Verb.START)
    good = follower.snapshot.read_text()
    # The resource reads the cluster itself; only the follower is to be blind.
    follower.snapshot.write_text("{")
    wait_until("it says so", lambda: bool(follower.seen().problem), 20)
    follower.snapshot.write_text(good)
    wait_until("it is well", lambda: not follower.seen().problem, 20)
    assert follower.health().lines == ()


def test_a_killed_one_is_down_and_started_anew(follower: Follower) -> None:
    """kill -9: down at once, whatever its file still says, and the next start takes the place of its dead socket."""
    follower.do(Verb.START)
    before = follower.pids()
    follower.kill()
    assert follower.file.exists()
    assert (follower.status(), follower.do(Verb.STOP)) == ("down", [])
    assert follower.do(Verb.START) == ["launch"]
    assert follower.status() == "up" and follower.pids() != before


def test_a_hung_one_is_a_warning_and_is_replaced(follower: Follower) -> None:
    """Stopped in its tracks, it looks well until it has missed two resyncs; then start ends it, by force, and begins anew."""
    follower.do(Verb.START)
    before = follower.pids()
    follower.signal(signal.SIGSTOP)
    assert follower.status() == "up", "nobody can know yet"
    follower.age(AN_HOUR)
    health = follower.health()
    assert health.status.value == "warn" and "it hangs" in health.lines[0]
    assert follower.do(Verb.START) == ["end", "launch"]
    assert follower.status() == "up" and follower.pids() != before


def test_a_hung_one_is_stopped(follower: Follower) -> None:
    """By force, within the time that an agent waits."""
    follower.do(Verb.START)
    follower.signal(signal.SIGSTOP)
    began = time.monotonic()
    follower.do(Verb.STOP)
    assert time.monotonic() - began < 25
    assert (follower.pids(), follower.status()) == ([], "down")


def test_one_that_hangs_before_its_first_look_makes_way(follower: Follower) -> None:
    """Start says that it has not looked and leaves it its time; the next start ends it, and the one after that is well."""
    mark = follower.directory / "mark"
    stuck = f"import os, signal\nopen({str(mark)!r}, 'w').close()\nos.kill(os.getpid(), signal.SIGSTOP)"
    good = follower.program.read_text()
    follower.write_program("osvc-ha", stuck)
    follower.keywords["start_timeout"] = "1"
    with pytest.raises(ApplyError, match="has not looked within 1 s"):
        follower.do(Verb.START)
    assert mark.exists() and follower.status() == "warn"
    with pytest.raises(ApplyError, match="it was ended, start it anew"):
        follower.do(Verb.START)
    follower.program.write_text(good)
    follower.keywords["start_timeout"] = "20"
    assert follower.do(Verb.START) == ["launch"]


def test_other_keywords_are_taken_over_by_a_start(follower: Follower) -> None:
    """A warning says what it runs as; start replaces it, once."""
    follower.do(Verb.START)
    before = follower.pids()
    follower.keywords["resync"] = "45"
    health = follower.health()
    assert health.status.value == "warn" and "--resync 60" in health.lines[0]
    assert follower.do(Verb.START) == ["end", "launch"]
    assert follower.pids() != before
    assert (follower.status(), follower.do(Verb.START)) == ("up", [])


def test_a_lost_file_takes_nobody_for_dead(follower: Follower) -> None:
    """watch.json removed while it runs: the status is a warning, start makes it look again, and stop ends the right one."""
    follower.do(Verb.START)
    before = follower.pids()
    follower.file.unlink()
    assert follower.status() == "warn"
    assert follower.do(Verb.START) == ["await"]
    assert (follower.status(), follower.pids()) == ("up", before)
    follower.file.unlink()
    assert follower.do(Verb.STOP) == ["end"]
    assert follower.pids() == []


def test_one_that_was_launched_and_never_noted_is_ended(follower: Follower) -> None:
    """A start that was killed right after its launch: stop finds the process, which has written nothing yet."""
    slow = follower.write_program("osvc-ha", "import time; time.sleep(600)")
    pid = follower.host.launch([str(slow), *follower.resource.config().argv[1:]], Path(follower.directory / "log"))
    wait_until("it runs", lambda: follower.pids() == [pid])
    assert follower.status() == "warn"
    assert follower.do(Verb.STOP) == ["end"]
    assert follower.pids() == []


def test_a_file_that_names_a_stranger_harms_nobody(follower: Follower) -> None:
    """Pids are used again: somebody else's process is neither taken for the follower nor ended."""
    follower.do(Verb.START)
    text = follower.file.read_text().replace(str(follower.pids()[0]), str(os.getpid()))
    follower.kill()
    follower.file.write_text(text)
    assert (follower.status(), follower.do(Verb.STOP)) == ("down", [])
    follower.do(Verb.START)
    assert follower.status() == "up"


def test_the_last_words_of_one_that_ends_at_once(follower: Follower) -> None:
    """A system's keyword that is wrong is known to the follower alone; start says it in its words."""
    follower.keywords["keywords"] += " haproxy.check_interval=often"
    with pytest.raises(ApplyError, match="it ended at once: .*check_interval=often is not a whole number"):
        follower.do(Verb.START)
    assert follower.status() == "down"


def test_provision_and_unprovision(follower: Follower) -> None:
    """There is nothing to prepare; taken away, nothing runs and only its log stays."""
    assert follower.do(Verb.PROVISION) == []
    follower.do(Verb.START)
    assert (follower.do(Verb.PROVISION), follower.status()) == ([], "up")
    assert follower.do(Verb.UNPROVISION) == ["end"]
    assert [path.name for path in follower.file.parent.iterdir()] == ["watch.log"]
