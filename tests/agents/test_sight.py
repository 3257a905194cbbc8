"""One reading of the agent's status, for the follower and for whom it wakes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from osvc_ha.agents import polls, sight
from osvc_ha.agents.feed import Feed
from osvc_ha.agents.follow import follow_agent
from osvc_ha.agents.sight import Sight
from osvc_ha.agents.sockets import find_door
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host

if TYPE_CHECKING:
    from conftest import Agent


class Watcher:
    """Reads by its feed whenever it is woken."""

    def __init__(self, host: Host) -> None:
        self.feed = Feed(host)
        self._woken = threading.Event()

    def wake(self) -> None:
        """Somebody says so."""
        self._woken.set()

    def read(self) -> Cluster:
        """After the next wake-up."""
        assert self._woken.wait(5)
        self._woken.clear()
        return self.feed.read()


def test_a_change_costs_the_daemon_one_large_question(agent: Agent, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The follower has just read the status when it wakes the watcher, which acts on that very reading."""
    # However slow this machine is now, and whatever is looked at between two changes.
    monkeypatch.setattr(sight, "FRESH", 60.0)
    monkeypatch.setattr(polls, "BACKSTOP", 60.0)
    agent.holds = False
    watcher = Watcher(host)
    with follow_agent(host, watcher.wake, watcher.feed.sight):
        watcher.read()
        for count, avail in enumerate(("down", "up", "warn"), 2):
            agent.change("n2", "fo", avail=avail)
            assert watcher.read().object("fo").instances["n2"].avail == avail
            assert agent.full == count


def test_what_was_left_is_taken_once_and_only_while_it_is_fresh(agent: Agent, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A poke or a resync, behind which nobody has looked, reads what is true now."""
    seen, door = Sight(host), find_door()
    agent.holds = False
    seen.leave(door, seen.status(door))
    assert seen.take(door) is not None
    assert seen.take(door) is None
    monkeypatch.setattr(sight, "FRESH", -1.0)
    seen.leave(door, seen.status(door))
    assert seen.take(door) is None
