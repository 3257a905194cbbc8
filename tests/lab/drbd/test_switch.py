"""Real DRBD: promotion moves between two nodes, and what it refuses."""

from __future__ import annotations

import pytest

from osvc_ha.drill.uml.drbd import DRIVER, DrbdLab

pytestmark = [pytest.mark.drbd, pytest.mark.timeout(300)]


def test_the_writer_moves_with_its_data(lab: DrbdLab) -> None:
    """Demoted here, promoted there: the same bytes, without asking the cluster, because the peer is connected."""
    first, second = lab.nodes["n1"], lab.nodes["n2"]
    assert lab.promote("n1").code == 0
    total = first.must("head -c 4M /dev/urandom >/srv/data/blob; sync; sha256sum </srv/data/blob")
    first.must(f"umount /srv/data && {DRIVER.format(verb='stop', more='')}")
    assert lab.promote("n2").code == 0
    assert second.must("sha256sum </srv/data/blob") == total
    assert second.run("cat /run/osvc_ha/drbd/r0.fence.log").code != 0


def test_two_writers_are_refused_while_connected(writing: DrbdLab) -> None:
    """Neither a second Primary, nor a demotion under a mounted filesystem: the driver says who is in the way."""
    assert "n1 is Primary of r0; stop the service there first" in writing.promote("n2").err
    assert "Multiple primaries not allowed" in writing.primary("n2").err
    held = writing.nodes["n1"].run(DRIVER.format(verb="stop", more="--set demote_timeout=2"), 60)
    assert "held open" in held.err and "/srv/data" in held.err
    assert writing.drbd("n1", "role") == "Primary/Secondary"


def test_resync_leaves_a_mark_only_while_it_runs(lab: DrbdLab) -> None:
    """Nobody has to guess whether a node is receiving: before-resync-target says so, after-resync-target takes it back."""
    first, second = lab.nodes["n1"], lab.nodes["n2"]
    second.must("drbdadm disk-options --resync-rate=4M r0; drbdadm invalidate r0")
    lab.until("the mark", lambda: second.run("cat /run/osvc_ha/drbd/r0.resync-0").out, lambda found: "DRBD_PEER=n1" in str(found), 20)
    assert lab.drbd("n2", "dstate").startswith("Inconsistent")
    assert "Need access to UpToDate data" in lab.nodes["n2"].run("drbdadm disconnect r0; drbdadm primary r0", 90).err
    second.must("drbdadm disk-options --resync-rate=100M r0; drbdadm connect r0")
    first.run("drbdadm connect r0")
    lab.await_good(60)
    lab.until("no mark", lambda: second.run("ls /run/osvc_ha/drbd").out, lambda found: "r0.resync-0" not in str(found), 20)


def test_split_brain_without_a_fence_handler_stops_both(split: DrbdLab) -> None:
    """Both StandAlone, marked and left to a person: nothing is thrown away by itself."""
    marked = "cat /var/lib/osvc_ha/drbd/r0.split-brain"
    for name in ("n1", "n2"):
        split.until(f"a mark on {name}", lambda name=name: split.nodes[name].run(marked).code, lambda code: code == 0, 20)
        assert split.nodes[name].must("cat /srv/data/who") == name
