"""Following agent 2.1: what wakes, what does not, and what it costs the daemon."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from osvc_ha.agents import polls
from osvc_ha.agents.follow import follow_agent
from osvc_ha.host import Host

if TYPE_CHECKING:
    from conftest import Agent, Woken


@pytest.fixture
def followed(agent: Agent, woken: Woken, host: Host) -> Iterator[Agent]:
    """The agent, with a follower that has looked once."""
    agent.holds = False
    with follow_agent(host, woken.wake):
        assert woken.more_than(0)
        yield agent


def test_a_change_on_another_node_wakes(followed: Agent, woken: Woken) -> None:
    """An instance that went down on n2 is a reason to look, long before the next resync."""
    followed.change("n2", "fo", avail="down")
    assert woken.more_than(1)


def test_a_config_that_changed_wakes(followed: Agent, woken: Woken) -> None:
    """A label that was edited moves no instance, and still is a reason to look."""
    followed.status["monitor"]["nodes"]["n1"]["services"]["config"]["fo"]["csum"] = "other"
    followed.stamp("n1")
    assert woken.more_than(1)


def test_a_peer_that_falls_silent_wakes(followed: Agent, woken: Woken) -> None:
    """Nothing is stamped when a heartbeat goes stale: the receivers themselves are watched."""
    followed.status["hb#1.rx"]["peers"]["n2"]["beating"] = False
    assert woken.more_than(1)


def test_statistics_wake_nobody(followed: Agent, woken: Woken, host: Host) -> None:
    """A node that publishes its load has the follower read the status once, and nobody is woken."""
    full = followed.asked.count(("daemon_status", ""))
    questions = len(followed.asked)
    followed.stamp("n2")
    assert host.wait(lambda: len(followed.asked) > questions + 3, 3)
    assert followed.asked.count(("daemon_status", "")) > full
    assert len(woken.times) == 1


def test_a_node_without_peers_is_followed_too(followed: Agent, woken: Woken) -> None:
    """The last node standing stamps nothing any more, and what happens on it is seen all the same."""
    for name in ("n2", "n3"):
        del followed.status["monitor"]["nodes"][name]
    assert woken.more_than(1)
    followed.status["monitor"]["nodes"]["n1"]["services"]["status"]["fo"]["avail"] = "up"
    assert woken.more_than(2)


def test_peers_are_called_after_a_change_here(followed: Agent, woken: Woken, host: Host) -> None:
    """Their daemons leave a heartbeat lying for up to half a second: they are woken for it, three times, and not for their own changes."""
    followed.change("n2", "fo", avail="down")
    assert woken.more_than(1)
    assert followed.posted == []
    followed.change("n1", "fo", avail="up")
    assert host.wait(lambda: len(followed.posted) == len(polls.CALL_AFTER), 3)
    assert {(one["action"], one["node"]) for one in followed.posted} == {("wake_monitor", "n2,n3")}


def test_an_instance_that_flaps_does_not_keep_the_peers_awake(followed: Agent, woken: Woken) -> None:
    """However often something changes here, the peers' monitors are woken six times a second at most."""
    began = time.monotonic()
    for number in range(20):
        count = len(woken.times)
        followed.change("n1", "fo", avail="up" if number % 2 else "warn")
        woken.more_than(count, 0.3)
    seconds = time.monotonic() - began
    assert 0 < len(followed.posted) <= polls.MOST_CALLS * (seconds + 1)


def test_after_a_poke_it_looks_closely(agent: Agent, woken: Woken, host: Host) -> None:
    """For a second it asks several times as often, since what a hook has heard of may be told in a moment."""
    agent.holds = False
    with follow_agent(host, woken.wake) as look_closely:
        assert woken.more_than(0)
        before = len(agent.asked)
        look_closely()
        assert host.wait(lambda: len(agent.asked) >= before + 12, 0.9)


@pytest.mark.parametrize(
    ("cost", "close", "seconds"),
    [(0.001, False, 0.18), (0.001, True, 0.025), (0.016, False, 0.533), (0.016, True, 0.08), (3.0, False, 1.0)],
    ids=["small cluster", "poked", "200 services", "200 services, poked", "busy machine"],
)
def test_the_daemon_is_asked_no_more_often_than_it_can_bear(cost: float, close: bool, seconds: float) -> None:
    """The dearer a question, the longer the pause: 3 % of the daemon's time, 20 % for a second after a poke, and once a second at least."""
    assert polls.pause(cost, close) == pytest.approx(seconds, rel=0.01)


@pytest.mark.parametrize(
    "broken", [{"raw": b"no status\0"}, {"raw": b'{"error": "stopping"}\0'}, {"cut": 300}], ids=["garbage", "refusal", "cut off"]
)
def test_an_agent_that_cannot_tell_is_said_once_and_caught_up_with(
    agent: Agent, woken: Woken, host: Host, caplog: pytest.LogCaptureFixture, broken: dict[str, object]
) -> None:
    """While it answers nonsense nobody is woken and the log has one line; when it is back, one more line, and one look."""
    agent.holds = False
    with caplog.at_level(logging.INFO, "osvc_ha.follow"), follow_agent(host, woken.wake):
        assert woken.more_than(0)
        for name, value in broken.items():
            setattr(agent, name, value)
        count = len(agent.asked)
        assert host.wait(lambda: len(agent.asked) >= count + 3, 5)
        agent.raw, agent.cut = b"", 0
        assert woken.more_than(1)
    assert len(woken.times) == 2
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "stays in force until the agent answers" in caplog.text
    assert "agent 2.1 answers again" in caplog.text


def test_an_upgrade_to_agent_3_is_followed(
    agent: Agent, woken: Woken, host: Host, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """Under a running follower agent 3 takes the place of 2.1, whose socket stays behind: one line says so, and its events wake."""
    agent.holds = False
    with caplog.at_level(logging.INFO, "osvc_ha.follow"), follow_agent(host, woken.wake):
        assert woken.more_than(0)
        agent3 = request.getfixturevalue("agent3")
        assert woken.more_than(1)
        assert "agent 3 has taken the place of agent 2.1: following it" in caplog.text
        agent3.change("n2", "web", avail="down")
        agent3.say("event: InstanceStatusUpdated\nid: 0\ndata: {}\n\n")
        assert woken.more_than(2)
