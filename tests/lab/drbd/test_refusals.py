"""The driver on real DRBD: what a START does with disks and connections that are not well, and why it refuses."""

from __future__ import annotations

import pytest

from osvc_ha.drill.uml.drbd import DrbdLab

pytestmark = [pytest.mark.drbd, pytest.mark.timeout(300)]
AT_ONCE = "--set connect_timeout=1"


def test_d2_no_disk_but_a_good_one_is_promoted(lab: DrbdLab) -> None:
    """Outdated, detached, and half copied: each is refused by its name, and by DRBD's own role nothing has happened."""
    second = lab.nodes["n2"]
    second.must("drbdadm disconnect r0; drbdadm outdate r0")
    assert "volume 0 of r0 on n2 is Outdated" in lab.promote("n2", AT_ONCE).err
    second.must("drbdadm connect r0")
    lab.await_good()
    second.must("drbdadm detach r0")
    assert "volume 0 of r0 on n2 is Diskless" in lab.promote("n2", AT_ONCE).err
    second.must("drbdadm attach r0")
    lab.await_good()
    second.must("drbdadm disk-options --resync-rate=1M r0; drbdadm invalidate r0")
    lab.until("a resync", lambda: lab.drbd("n2", "dstate"), lambda found: str(found).startswith("Inconsistent"), 20.0)
    refused = lab.promote("n2", AT_ONCE).err
    assert "volume 0 of r0 on n2 is Inconsistent: resync from n1" in refused and "% done" in refused
    assert lab.drbd("n2", "role") == "Secondary/Secondary"


def test_a_resync_is_waited_for_where_that_is_wanted(lab: DrbdLab) -> None:
    """wait_sync: the START goes on when the last block has come."""
    second = lab.nodes["n2"]
    second.must("drbdadm disk-options --resync-rate=8M r0; drbdadm invalidate r0")
    lab.until("a resync", lambda: lab.drbd("n2", "dstate"), lambda found: str(found).startswith("Inconsistent"), 20.0)
    assert lab.promote("n2", "--set wait_sync=60").code == 0
    assert lab.drbd("n2", "dstate") == "UpToDate/UpToDate"


def test_a_connection_that_somebody_ended_is_made_again_before(lab: DrbdLab) -> None:
    """StandAlone by hand, the peer alive: connected, compared, and promoted."""
    lab.nodes["n2"].must("drbdadm disconnect r0")
    lab.await_told("n2", "cstate", "StandAlone")
    assert lab.promote("n2").code == 0
    assert lab.drbd("n2", "role") == "Primary/Secondary"
