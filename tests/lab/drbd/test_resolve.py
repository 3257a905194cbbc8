"""Real DRBD: what a person does after a split brain, and to a copy that is not to be trusted."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from osvc_ha.drill.uml.drbd import DrbdLab
from osvc_ha.host import Completed

pytestmark = [pytest.mark.drbd, pytest.mark.timeout(300)]

PROGRAM = "/usr/share/osvc-ha/bin/osvc-ha drbd"
REMOTE = "--remote 'remote {address}'"
IMAGE = "/tmp/saved/*.img"


@pytest.fixture
def typed(lab: DrbdLab) -> Callable[..., Completed]:
    """Type a command on a node."""

    def run(node: str, words: str, seconds: float = 120.0) -> Completed:
        return lab.nodes[node].run(f"{PROGRAM} {words}", seconds)

    return run


def test_the_named_side_stays_and_the_other_is_saved(split: DrbdLab, typed: Callable[..., Completed]) -> None:
    """Refused while the victim is in use, nothing done by a dry run; then n1's data is on both, and n2's in an image."""
    first, second = split.nodes["n1"], split.nodes["n2"]
    assert "osvc-ha drbd resolve r0 --keep NODE" in typed("n2", "status r0").out
    assert typed("n2", "check r0 --fencing off").code == 0, "Primary already: nothing to be promoted"
    held = typed("n2", f"resolve r0 --keep n1 --yes {REMOTE}")
    assert (held.code, "umount /srv/data" in held.err) == (4, True)
    second.must("umount /srv/data")
    shown = typed("n2", f"resolve r0 --keep n1 --dry-run {REMOTE}")
    assert shown.code == 0 and "both were written while apart" in shown.out
    assert split.drbd("n2", "role") == "Primary/Unknown"
    second.must("drbdadm secondary r0")
    split_here = typed("n2", "check r0 --fencing off --wait 0")
    assert (split_here.code, "split brain" in split_here.err) == (1, True)
    done = typed("n2", f"resolve r0 --keep n1 --save /tmp/saved --yes {REMOTE}")
    assert done.code == 0, done.err
    split.await_good()
    assert first.must("cat /srv/data/who") == "n1"
    assert second.must(f"debugfs -R 'cat /who' {IMAGE} 2>/dev/null") == "n2"
    assert json.loads(second.must("cat /tmp/saved/*.json"))["node"] == "n2"
    first.must("umount /srv/data; drbdadm secondary r0")
    assert "run drbdadm adjust r0" in split.promote("n2").err, "without its fence handler nobody is promoted"
    second.must("drbdadm adjust r0")
    assert split.promote("n2").code == 0
    assert second.must("cat /srv/data/who") == "n1"


def test_the_side_that_stays_only_connects(split: DrbdLab, typed: Callable[..., Completed]) -> None:
    """Typed on the wrong node, nothing is lost: it says what to run where, and waits there."""
    split.nodes["n2"].must("umount /srv/data")
    here = typed("n1", f"resolve r0 --keep n1 --yes {REMOTE}")
    assert here.code == 0 and "on n2, whose copy goes: osvc-ha drbd resolve r0 --keep n1" in here.out
    assert split.drbd("n1", "cstate") == "WFConnection"
    there = split.nodes["n1"].must("drbdadm get-gi r0")
    blind = typed("n2", "resolve r0 --keep n1 --yes --remote false")
    assert (blind.code, "--peer-gi" in blind.err) == (4, True)
    done = typed("n2", f"resolve r0 --keep n1 --yes --remote false --peer-gi {there}")
    assert done.code == 0, done.err
    split.await_good()
    assert split.nodes["n1"].must("cat /srv/data/who") == "n1"


def test_a_damaged_block_is_found_and_mended(lab: DrbdLab, typed: Callable[..., Completed]) -> None:
    """verify tells how much differs and what to do; what it says mends it."""
    assert lab.promote("n1").code == 0
    assert (found := typed("n1", "verify r0")).code == 0 and found.out.startswith("identical"), found
    lab.nodes["n2"].must("dd if=/dev/urandom of=/dev/ubda oflag=direct bs=4096 count=2 seek=6000 conv=notrunc")
    found = typed("n1", "verify r0")
    assert (found.code, "8 KiB of r0 differ" in found.out) == (1, True)
    assert "8 KiB differ from n2" in typed("n1", "status r0").out
    assert "on n2: drbdadm disconnect r0 && drbdadm connect r0" in found.out
    lab.nodes["n2"].must("drbdadm disconnect r0 && drbdadm connect r0")
    lab.await_good()
    assert typed("n2", "verify r0").code == 0


def test_a_copy_is_thrown_away_only_while_a_good_one_is_connected(lab: DrbdLab, typed: Callable[..., Completed]) -> None:
    """Refused for the Primary, for a peer that is not UpToDate, and for one that is gone; else all of it comes from the peer."""
    assert lab.promote("n1").code == 0
    assert "n1 is Primary" in typed("n1", "invalidate r0 --yes").err
    lab.nodes["n1"].must("echo kept >/srv/data/who; sync")
    lab.nodes["n2"].must("dd if=/dev/urandom of=/dev/ubda oflag=direct bs=4096 count=2 seek=6000 conv=notrunc")
    assert "nothing was changed" in typed("n2", "invalidate r0").out
    assert typed("n2", "invalidate r0 --yes").code == 0
    assert typed("n2", "verify r0").code == 0
    lab.nodes["n1"].must("umount /srv/data; drbdadm secondary r0; drbdadm detach r0")
    lab.await_told("n2", "dstate", "UpToDate/Diskless")
    refused = typed("n2", "invalidate r0 --yes")
    assert (refused.code, "may be the only one" in refused.err) == (4, True)
    assert lab.drbd("n2", "dstate") == "UpToDate/Diskless"
    assert "drbdadm attach r0" in typed("n1", "status r0").out


def test_the_check_lets_the_passive_side_start(lab: DrbdLab, typed: Callable[..., Completed]) -> None:
    """With the peer Primary, and before it is up: yes. Without a .res, with two primaries allowed, without fencing: no."""
    second = lab.nodes["n2"]
    assert lab.promote("n1").code == 0
    assert "n1 is Primary" in typed("n2", "check r0").out
    second.must("drbdadm down r0")
    assert typed("n2", "check r0").code == 0
    second.must("cp /etc/drbd.d/r0.res /tmp/r0.res; sed -i 's/device/net { allow-two-primaries; } device/' /etc/drbd.d/r0.res")
    assert "allow-two-primaries" in typed("n2", "check r0").err
    second.must("cp /tmp/r0.res /etc/drbd.d/; sed -i 's/device/disk { fencing dont-care; } device/' /etc/drbd.d/r0.res")
    assert "neither fencing nor quorum" in typed("n2", "check r0").err
    second.must("rm /etc/drbd.d/r0.res")
    found = typed("n2", "check r0")
    assert (found.code, "is missing" in found.err) == (1, True)
