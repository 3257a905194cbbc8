"""What follows a running cluster, and what tells it: the same on agent 2.1 and on agent 3."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from agent_lab import FLEX, Lab

# The cluster is started in the setup of the first test, which takes a minute on a machine that is busy.
pytestmark = [pytest.mark.agent, pytest.mark.timeout(300)]
PROBE = str(Path(__file__).parent.parent / "feed_probe.py")
LOOKED = "/run/feed_probe"
WEB = "root/svc/web"
CHANGES = 4
# Seconds: ten times what an idle machine takes, and far below what a resync would.
LONGEST = 3.0


@pytest.fixture
def restored(lab: Lab) -> Iterator[Lab]:
    """The lab, and afterwards the lab as it was before, whatever broke."""
    yield lab
    for name in lab.names:
        lab.order(name, "start", path=FLEX)
        lab.order(name, "thaw", path=FLEX)
        lab.order(name, "thaw_node")
    lab.settle()


def probe(lab: Lab, name: str, *words: str) -> list[dict[str, Any]]:
    """What the feeds do on a node."""
    done = lab.machines.run(name, [sys.executable, PROBE, *words], seconds=120)
    assert done.code == 0, f"{name}: {words}: {done.words}"
    return [json.loads(line) for line in done.out.splitlines()]


def follower(pool: ThreadPoolExecutor, lab: Lab, count: int) -> Future[list[dict[str, Any]]]:
    """One on n3 that looks at n1, and has done so once."""
    lab.machines.run("n3", ["rm", "-f", LOOKED])
    heard = pool.submit(probe, lab, "n3", "follow", FLEX, "n1", str(count))
    lab.wait("a follower's first look", lambda: lab.machines.run("n3", ["test", "-e", LOOKED]).code == 0)
    return heard


def test_a_change_wakes_another_node_soon(restored: Lab) -> None:
    """An instance stops and starts on n1: a follower on n3 wakes for each change, in less time than any resync."""
    with ThreadPoolExecutor() as pool:
        heard = follower(pool, restored, CHANGES)
        changes = probe(restored, "n1", "change", FLEX, str(CHANGES))
        lines = heard.result()
    wakes = [line for line in lines if "woken" in line][1:]
    assert [line["avail"] for line in wakes] == [line["avail"] for line in changes]
    late = [wake["woken"] - change["changed"] for wake, change in zip(wakes, changes)]
    assert statistics.median(late) < LONGEST / 3, late
    assert max(late) < LONGEST, late


def test_a_follower_outlives_its_daemon(restored: Lab) -> None:
    """The daemon of n3 is stopped and started under its follower, which then sees what happened on n1 meanwhile."""
    lab = restored
    with ThreadPoolExecutor() as pool:
        heard = follower(pool, lab, 1)
        lab.order("n3", "daemon_stop")
        lab.order("n1", "stop", path=FLEX)
        lab.order("n3", "run")
        assert [line["avail"] for line in heard.result() if "woken" in line][-1] == "down"


def test_a_pushed_status_is_seen_on_another_node(restored: Lab) -> None:
    """What n1 tells its agent of a resource is in the status that n3 shows; telling it again is not needed."""
    lab = restored
    for name in lab.names:
        # A resource that went down is not to be started again while we look.
        lab.order(name, "freeze_node")
    if lab.agent.version == "3":
        # It evaluates for itself: so there has to be something to see.
        done = lab.machines.run("n1", ["sh", "-c", "kill $(pgrep -xf '/bin/sleep 1000000')"])
        assert done.code == 0, done.words
    with ThreadPoolExecutor() as pool:
        heard = follower(pool, lab, 1)
        assert [line["pushed"] for line in probe(lab, "n1", "push", FLEX, "app#1", "down")] == [True]
        assert [line["avail"] for line in heard.result() if "woken" in line][-1] == "down"
    assert [line["pushed"] for line in probe(lab, "n1", "push", FLEX, "app#1", "down")] == [False]


def test_om_tells_the_same_cluster(lab: Lab) -> None:
    """Where the socket cannot be used, the agent's own command is asked, and the reading is the same."""
    assert [line["same"] for line in probe(lab, "n2", "by_om")] == [True]


def test_references_are_resolved_on_demand(lab: Lab) -> None:
    """A section as this node sees it, each value as words."""
    for path, nodes in ((FLEX, "n1 n2 n3"), (WEB, "n2 n1 n3")):
        (line,) = probe(lab, "n1", "evaluated", path, "DEFAULT")
        assert line["found"]["nodes"].split() == nodes.split()
    (line,) = probe(lab, "n1", "evaluated", FLEX, "env")
    assert (line["found"]["osvc.l4.port"], line["found"]["color"]) == ("6379", "blue")
