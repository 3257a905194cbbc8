"""What happens to a cluster that serves: it goes on, and comes back whole."""

from __future__ import annotations

import time

import pytest
from agreement import agree
from ha_lab import GRACE, GROUP, REDIS, HaLab
from node_looks import seen_by
from writers import Writers, unhurt

pytestmark = [pytest.mark.agent, pytest.mark.timeout(300)]
# Seconds without a successful write, at most.
CRASH = 12.0


def test_a_power_cut_of_the_masters_node(serving: HaLab) -> None:
    """Another becomes master; the node comes back with its disk and follows."""
    gone = serving.master()
    left = serving.others(gone)
    with Writers(serving.machines, *left) as writers:
        serving.cut_power(gone)
        serving.missed(gone)
        agree(serving, *left)
        serving.boot(gone)
        agree(serving, seconds=90)
        writers.flowing(time.time())
    unhurt(writers, CRASH)


def test_a_daemon_killed_alone_leaves_its_servers_running(serving: HaLab) -> None:
    """kill -9 of the master's agent: the servers go on as one group, whatever the other agents think; a new daemon finds them."""
    name = serving.master()
    left = serving.others(name)
    with Writers(serving.machines, *serving.names) as writers:
        serving.kill_daemon(name)
        serving.missed(name)
        agree(serving, *left, members=serving.names, known=left)
        serving.order(name, "run")
        serving.wait_complete()
        agree(serving)
        writers.flowing(time.time())
    unhurt(writers, 2.0)


def test_a_cut_without_quorum_leaves_one_writable_side(serving: HaLab) -> None:
    """No agent stops anything, and yet the side without a majority takes no write; healed, the group is one again."""
    alone = serving.master()
    left = serving.others(alone)
    known = _known(serving, alone)
    assert known == {serving.machines.addresses[name] for name in left}
    with Writers(serving.machines, *left) as writers:
        serving.machines.cut(alone)
        serving.missed(alone)
        agree(serving, *left)
        serving.wait("the cut side refuses writes", lambda: not _takes_writes(serving, alone))
        assert "WITHOUT a majority" in serving.osvc_ha(alone, "status").out
        # Where it has a majority, it has who is gone forgotten after the grace.
        due = time.time() + 2 * GRACE
        serving.wait("a look after the grace", lambda: seen_by(serving, alone, REDIS).looked_at > due)
        assert _known(serving, alone) == known, "the side without a majority forgets nobody"
        serving.machines.heal(alone)
        agree(serving)
        writers.flowing(time.time())
    unhurt(writers, CRASH)


def test_a_cut_with_quorum_ends_the_side_without_it(serving: HaLab) -> None:
    """The agent there crashes its node; it comes back as a member like after any power cut."""
    serving.order("n1", "quorum", value="true")
    serving.wait("quorum enforced", lambda: all(serving.cluster(name).quorum_enabled for name in serving.names))
    alone = serving.master()
    left = serving.others(alone)
    with Writers(serving.machines, *left) as writers:
        serving.machines.cut(alone)
        serving.missed(alone)
        serving.wait(f"{alone} has ended itself", lambda: not serving.machines.running(alone))
        agree(serving, *left)
        serving.machines.heal(alone)
        serving.boot(alone)
        agree(serving, seconds=90)
        writers.flowing(time.time())
    unhurt(writers, CRASH)
    serving.order("n1", "quorum", value="false")


def _known(lab: HaLab, name: str) -> set[str]:
    """Whom a node's Sentinel counts as its peers; each of them is one of the group's replicas, or its master, too."""
    words = ["redis-cli", "-h", lab.machines.addresses[name], "-p", "26379", "sentinel", "sentinels", GROUP]
    lines = lab.machines.run(name, words).out.splitlines()
    return {value for key, value in zip(lines, lines[1:]) if key == "ip"}


def _takes_writes(lab: HaLab, name: str) -> bool:
    """Asked on the node itself: by its own door, and by its redis-server."""
    address = lab.machines.addresses[name]
    answers = [lab.machines.run(name, ["redis-cli", "-h", address, "-p", port, "set", "alone", "1"]) for port in ("16379", "6379")]
    return any(done.out.strip() == "OK" for done in answers)
