"""Following agent 3 by its events: what wakes, and everything that can become of a stream."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osvc_ha.agents import stream
from osvc_ha.agents.follow import follow_agent
from osvc_ha.host import Host

if TYPE_CHECKING:
    from conftest import Agent3, Woken

EVENT = 'event: {kind}\nid: {number}\ndata: {{"path": "web"}}\n\n'


def event(number: int, kind: str = "InstanceStatusUpdated") -> str:
    """As the agent writes it."""
    return EVENT.format(kind=kind, number=number)


@pytest.fixture
def followed(agent3: Agent3, woken: Woken, host: Host, caplog: pytest.LogCaptureFixture) -> Iterator[Agent3]:
    """The agent, with a follower that has looked once and hears it."""
    with caplog.at_level(logging.INFO, "osvc_ha.follow"), follow_agent(host, woken.wake):
        assert woken.more_than(0)
        assert host.wait(lambda: len(agent3.streams) == 1, 3)
        yield agent3


@pytest.mark.parametrize("kind", ["InstanceStatusUpdated", "SomethingOfTheFuture"])
def test_an_event_and_a_change_wake(followed: Agent3, woken: Woken, kind: str) -> None:
    """Whatever its kind, an event is a reason to look; what is seen then wakes, long before the next resync."""
    followed.change("n2", "web", avail="down")
    followed.say(event(0, kind))
    assert woken.more_than(1)


def test_an_event_that_comes_with_the_head_is_heard(agent3: Agent3, woken: Woken, host: Host) -> None:
    """However much arrives at once, the last event of it counts: what it ran ahead of is seen long before the next look in calm."""
    agent3.first = event(0) + event(1)
    with follow_agent(host, woken.wake):
        assert woken.more_than(0)
        agent3.change("n2", "web", avail="down")
        assert woken.more_than(1, 1.5)


def test_the_last_event_of_many_is_not_left_lying(followed: Agent3, woken: Woken, host: Host) -> None:
    """A hundred that arrive at once are all read, though nothing comes after them: the gap before the last is found."""
    followed.say("".join(event(number) for number in range(100)) + event(101))
    assert host.wait(lambda: len(followed.streams) == 2, 3)


def test_following_ends_at_once(agent3: Agent3, woken: Woken, host: Host) -> None:
    """While the stream is silent too: who is to end does not wait for an event."""
    with follow_agent(host, woken.wake):
        assert woken.more_than(0)
        began = time.monotonic()
    assert time.monotonic() - began < 0.5


def test_an_event_about_nothing_wakes_nobody(followed: Agent3, woken: Woken, host: Host) -> None:
    """A status that was evaluated again and is the same moves nothing."""
    looks = followed.looks
    followed.say(event(0) + event(1))
    assert host.wait(lambda: followed.looks > looks + 1, 8)
    assert len(woken.times) == 1


def test_an_event_that_runs_ahead_of_its_status_is_not_lost(followed: Agent3, woken: Woken, host: Host) -> None:
    """The agent hands an event out before all of it has it: looking goes on for a moment."""
    looks = followed.looks
    followed.say(event(0))
    assert host.wait(lambda: followed.looks > looks, 3)
    followed.change("n2", "web", avail="down")
    assert woken.more_than(1, 1.5)


def test_a_storm_of_events_costs_little(followed: Agent3, woken: Woken) -> None:
    """Ten thousand events are read as they come, lead to fewer than 50 looks a second, and the last state is seen."""
    looks, began = followed.looks, time.monotonic()
    for number in range(0, 10000, 100):
        followed.say("".join(event(number + one) for one in range(100)))
        followed.change("n3", "web", avail="up" if number % 200 else "warn")
        time.sleep(0.02)
    followed.change("n2", "web", avail="down")
    followed.say(event(10000))
    count = len(woken.times)
    assert woken.more_than(count)
    seconds = time.monotonic() - began
    assert followed.looks - looks <= seconds / stream.CLOSEST
    assert len(followed.streams) == 1, "it kept up"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (event(0) + event(2), "0 is followed by 2: something is missing"),
        ("", "the stream has ended"),
        (event(0)[:30], "the stream has ended in the middle of one"),
    ],
    ids=["gap", "end", "cut"],
)
def test_a_broken_stream_is_opened_again(
    followed: Agent3, woken: Woken, host: Host, caplog: pytest.LogCaptureFixture, said: str, words: str
) -> None:
    """What may have been missed meanwhile is looked for: one line, a new stream, one wake-up."""
    if said:
        followed.say(said)
    if "missing" not in words:
        followed.hang_up()
    assert host.wait(lambda: len(followed.streams) == 2, 5)
    assert woken.more_than(1)
    assert words in caplog.text
    followed.change("n2", "web", avail="down")
    followed.say(event(0))
    assert woken.more_than(2)


def test_an_agent_that_does_not_know_a_kind_is_asked_for_all(agent3: Agent3, woken: Woken, host: Host) -> None:
    """An older or newer agent refuses a filter it does not know; it is followed without."""
    agent3.refused = True
    with follow_agent(host, woken.wake):
        assert host.wait(lambda: len(agent3.streams) == 1, 3)
        assert woken.more_than(0)
    questions = [path for path in agent3.asked if "event" in path]
    assert ["filter=" in path for path in questions] == [True, False]
    assert all("replay=true" in path for path in questions)


def test_an_agent_that_refuses_is_quoted(agent3: Agent3, woken: Woken, host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """An agent that gives no events says why."""
    agent3.forbidden = True
    with caplog.at_level(logging.INFO, "osvc_ha.follow"), follow_agent(host, woken.wake):
        assert host.wait(lambda: 'agent 3 events: HTTP 403: {"detail": "no such role"}' in caplog.text, 3)


@pytest.mark.parametrize("trouble", ["the stream ends", "no status"])
def test_a_follower_in_trouble_pauses(agent3: Agent3, woken: Woken, host: Host, trouble: str) -> None:
    """It opens no stream after the other, whichever of the two questions it is that the agent does not answer well."""
    agent3.first = event(0)
    if trouble == "no status":
        agent3.status = {}
    else:
        agent3.ends = True
    with follow_agent(host, woken.wake):
        assert host.wait(lambda: len(agent3.streams) > 1, 3)
        assert not host.wait(lambda: len(agent3.streams) > 12, 1)


def test_a_verbose_follower_speaks_for_itself(agent3: Agent3, tmp_path: Path, host: Host) -> None:
    """--verbose is a line for each look of its own, none of an HTTP library for each of its questions."""
    log = tmp_path / "watch.log"
    own = ["--set", f"config_file={tmp_path}/haproxy.cfg", "--set", f"runtime_dir={tmp_path}/run", "--resync", "0.2"]
    with log.open("w") as sink:
        watch = subprocess.Popen([sys.executable, "-m", "osvc_ha.cli", "watch", "haproxy", "--verbose", *own], stderr=sink)
    try:
        assert host.wait(lambda: agent3.looks > 2 and "osvc_ha." in log.read_text(), 20)
    finally:
        watch.terminate()
        assert watch.wait(20) == 0
    assert "urllib3" not in log.read_text()


def test_a_stream_that_stalls_is_noticed(
    agent3: Agent3, woken: Woken, host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A change that no event announced is found by the look every few seconds, and the stream is opened anew."""
    monkeypatch.setattr(stream, "BACKSTOP", 0.3)
    monkeypatch.setattr(stream, "GRACE", 0.2)
    monkeypatch.setattr(stream, "CLOSE_FOR", 0.1)
    with caplog.at_level(logging.INFO, "osvc_ha.follow"), follow_agent(host, woken.wake):
        assert host.wait(lambda: len(agent3.streams) == 1, 3)
        agent3.say(event(0))
        looks = agent3.looks
        assert host.wait(lambda: agent3.looks > looks + 3, 5)
        agent3.change("n2", "web", avail="down")
        assert woken.more_than(1)
        assert host.wait(lambda: len(agent3.streams) == 2, 5)
    assert "none came though the cluster changed" in caplog.text


def test_an_event_without_end_is_not_hoarded(
    followed: Agent3, host: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream that never ends its event is given up before it fills the memory."""
    monkeypatch.setattr(stream, "LARGEST_EVENT", 1000)
    followed.say("data: " + "x" * 2000)
    assert host.wait(lambda: len(followed.streams) == 2, 5)
    assert "one has no end after 2006 bytes" in caplog.text


def test_a_daemon_that_was_killed_is_caught_up_with(
    woken: Woken, host: Host, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """No socket: one line, however long it takes; then a look."""
    import os
    import tempfile

    monkeypatch = request.getfixturevalue("monkeypatch")
    with tempfile.TemporaryDirectory(prefix="feed-") as root, caplog.at_level(logging.INFO, "osvc_ha.follow"):
        os.makedirs(f"{root}/var/lsnr")
        monkeypatch.setenv("OSVC_ROOT_PATH", root)
        with follow_agent(host, woken.wake):
            assert host.wait(lambda: "daemon does not run" in caplog.text, 3)
            request.getfixturevalue("agent3")
            assert woken.more_than(0, 5)
    assert len(woken.times) == 1
    assert caplog.text.count("does not run") == 1
