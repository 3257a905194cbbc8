"""Real DRBD with the cluster as its quorum: who may write when nodes die, cables break, and the cluster does not answer."""

from __future__ import annotations

import pytest

from osvc_ha.drill.uml.drbd import DrbdLab

pytestmark = [pytest.mark.drbd, pytest.mark.timeout(300)]


def by_hand(lab: DrbdLab) -> None:
    """The runbook's way without a reboot."""
    lab.bring_back("n1")


def by_reboot(lab: DrbdLab) -> None:
    """The runbook's other way: a reset, for an orderly reboot would wait for the frozen filesystem."""
    lab.nodes["n1"].reboot()
    lab.start_daemons("n1")
    lab.nodes["n1"].must("drbdadm up r0")
    lab.reconnect("n2")


def test_the_survivor_of_a_killed_writer_has_every_acknowledged_write(writing: DrbdLab, evidence) -> None:
    """kill -9 of the node that writes: the other is promoted by the handler's 7, and mounts; the killed one is resynced later."""
    lab = writing
    lab.nodes["n1"].kill()
    acknowledged = lab.acknowledged("n1")
    lab.await_told("n2", "cstate", "WFConnection")
    lab.await_alive("n2", "n2", "n3")
    done = lab.promote("n2")
    assert done.code == 0, [done.err, evidence("n2")]
    assert acknowledged - lab.held("n2") == frozenset()
    assert [run["code"] for run in evidence("n2")] == [7]
    lab.boot("n1")
    lab.nodes["n1"].must("drbdadm up r0")
    lab.await_good(60)
    assert lab.drbd("n1", "role") == "Secondary/Primary"
    notes = "cat /var/lib/osvc_ha/drbd/r0.fenced"
    for name in ("n2", "n3"):
        lab.until(f"no note on {name}", lambda name=name: lab.nodes[name].must(notes), lambda found: found == "", 30)


@pytest.mark.parametrize("way_back", [by_hand, by_reboot], ids=["by hand", "by reboot"])
def test_the_minority_stands_still_and_the_majority_goes_on(writing: DrbdLab, evidence, way_back) -> None:
    """The writer is cut off: it acknowledges nothing from then on, the other side takes over without loss, and it is no split brain."""
    lab = writing
    lab.cut("n1")
    lab.await_told("n2", "cstate", "WFConnection")
    lab.await_alive("n2", "n2", "n3")
    done = lab.promote("n2")
    assert done.code == 0, [done.err, evidence("n2")]
    acknowledged = lab.acknowledged("n1")
    assert acknowledged - lab.held("n2") == frozenset()
    lab.start_writer("n2", first=1_000_000)
    lab.until("the handler gave up on n1", lambda: [run["code"] for run in evidence("n1")], lambda codes: codes == [1], 60)
    assert lab.acknowledged("n1") == acknowledged
    lab.heal()
    lab.await_parted()
    assert "suspended:fencing" in lab.nodes["n1"].must("drbdsetup status r0")
    way_back(lab)
    lab.await_good(60)
    assert lab.drbd("n1", "role") == "Secondary/Primary"
    assert "Split-Brain" not in lab.nodes["n2"].must("dmesg")
    assert lab.acknowledged("n1") == acknowledged
    assert lab.acknowledged("n2") - lab.held("n2") == frozenset()


def test_the_writer_in_the_majority_goes_on_when_its_peer_is_cut_off(writing: DrbdLab, evidence) -> None:
    """A pause until the cluster has noticed, then 7; the cut-off node cannot be promoted, not even after it has rebooted alone."""
    lab = writing
    lab.cut("n2")
    lab.until("the answer", lambda: [run["code"] for run in evidence("n1")], lambda codes: codes == [7], 60)
    before = len(lab.acknowledged("n1"))
    lab.until("writes", lambda: len(lab.acknowledged("n1")), lambda count: count > before, 20)
    assert "no majority" in lab.promote("n2").err
    assert "Refusing to be Primary" in lab.primary("n2").err
    lab.heal()
    lab.await_good(60)


def test_only_the_link_of_drbd_is_lost(writing: DrbdLab, evidence) -> None:
    """The cluster hears the peer, which is asked over another path to outdate itself: 4, and the writer goes on."""
    lab = writing
    lab.cut("n1:n2:7788")
    lab.until("the answer", lambda: [run["code"] for run in evidence("n1")], lambda codes: codes == [4], 60)
    before = len(lab.acknowledged("n1"))
    lab.until("writes", lambda: len(lab.acknowledged("n1")), lambda count: count > before, 20)
    assert lab.drbd("n2", "dstate").startswith("Outdated")
    assert "is Outdated: a peer went on without it" in lab.promote("n2", "--set connect_timeout=1").err
    assert "Need access to UpToDate data" in lab.primary("n2").err
    lab.heal()
    lab.await_good(60)
    assert lab.drbd("n2", "role") == "Secondary/Primary"


def test_the_passive_side_cannot_outdate_the_writer(writing: DrbdLab, evidence) -> None:
    """With only DRBD's link lost, a promotion of the other side is refused: the writer says that it is Primary."""
    lab = writing
    for name in ("n1", "n2"):
        lab.nodes[name].must("drbdadm disk-options --fencing=resource-only r0")
    lab.nodes["n1"].must("mv /usr/local/bin/remote /usr/local/bin/remote.away")
    lab.cut("n1:n2:7788")
    lab.await_told("n2", "cstate", "WFConnection")
    assert "the kernel runs r0 with fencing resource-only, not as in the file" in lab.promote("n2").err
    assert evidence("n2") == []
    assert "Refusing to be Primary" in lab.primary("n2").err
    assert evidence("n2") and all(run["code"] == 1 and "Primary" in run["why"] for run in evidence("n2"))


def test_after_the_majority_went_on_the_old_side_never_wins(writing: DrbdLab, evidence) -> None:
    """n1 went on without n2 and is gone; n2 is back with the third node behind it, and data that it takes for good: refused by the note."""
    lab = writing
    lab.cut("n2")
    lab.until("the answer", lambda: [run["code"] for run in evidence("n1")], lambda codes: codes == [7], 60)
    before = len(lab.acknowledged("n1"))
    lab.until("writes", lambda: len(lab.acknowledged("n1")), lambda count: count > before, 20)
    lab.nodes["n1"].kill()
    lab.heal()
    lab.await_alive("n2", "n2", "n3")
    assert lab.drbd("n2", "dstate") == "UpToDate/DUnknown"
    assert "the fence-peer handler refused" in lab.promote("n2").err
    assert evidence("n2") and all(run["code"] == 1 and "was fenced off" in run["why"] for run in evidence("n2"))
    lab.boot("n1")
    lab.nodes["n1"].must("drbdadm up r0")
    lab.await_good(60)
    assert lab.promote("n1").code == 0
    assert lab.acknowledged("n1") - lab.held("n1") == frozenset()


def test_a_cluster_that_does_not_answer_is_no_majority(writing: DrbdLab, fence) -> None:
    """Its daemon is dead, its file is old, or it hangs: refused, within the time that was given."""
    lab = writing
    second = lab.nodes["n2"]
    lab.nodes["n1"].kill()
    lab.await_alive("n2", "n2", "n3")
    began = float(second.must("cut -d' ' -f1 /proc/uptime"))
    second.must("kill -STOP $(cat /run/heart.pid)")
    assert fence("n2", "n1", "--seconds 12") == 1
    assert "not written anew" in second.must("tail -1 /run/osvc_ha/drbd/r0.fence.log")
    second.must("kill -9 $(cat /run/heart.pid)")
    assert fence("n2", "n1", "--seconds 12") == 1
    assert float(second.must("cut -d' ' -f1 /proc/uptime")) - began < 30
    lab.start_heart("n2")
    lab.await_alive("n2", "n2", "n3")
    assert fence("n2", "n1", "--seconds 60") == 7


def test_a_witness_that_hangs_is_no_witness(writing: DrbdLab, fence) -> None:
    """The third node's heartbeat is heard, but nobody there answers: one of three is no majority."""
    lab = writing
    lab.nodes["n1"].kill()
    lab.await_alive("n2", "n2", "n3")
    lab.nodes["n3"].must("kill -STOP $(cat /run/remote.pid)")
    assert fence("n2", "n1", "--seconds 12") == 1
    lab.nodes["n3"].must("kill -CONT $(cat /run/remote.pid)")
    assert fence("n2", "n1", "--seconds 60") == 7


def test_a_clock_that_jumps_makes_nothing_fresh_or_stale(writing: DrbdLab, fence) -> None:
    """A year ahead, then two back, on the node that asks and on the one that is asked."""
    lab = writing
    lab.nodes["n1"].kill()
    lab.await_alive("n2", "n2", "n3")
    for jump in ("+1 year", "-2 years"):
        for name in ("n2", "n3"):
            lab.nodes[name].must(f"date -s '{jump}'")
        assert fence("n2", "n1", "--seconds 60") == 7
    lab.nodes["n2"].must("kill -STOP $(cat /run/heart.pid); date -s '+1 hour'")
    assert fence("n2", "n1", "--seconds 12") == 1
