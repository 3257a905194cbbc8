"""The driver of DRBD keeps its contract on a real kernel: `osvc-ha conformance drbd` on a node."""

from __future__ import annotations

import json

import pytest

from osvc_ha.conformance import CASES, PASS, find_subject, name_of
from osvc_ha.drill.uml.drbd import DrbdLab

pytestmark = [pytest.mark.drbd, pytest.mark.timeout(900)]
# By hand all of them: a node of this lab takes a second for each call of the driver.
TRIED = ("start_twice", "stop_twice", "provision", "unprovision", "missing_program", "program_dies", "start_killed_then_stop")


def test_the_contract_is_kept_on_drbd(lab: DrbdLab) -> None:
    """Beside a resource in use, which it leaves as it was; nothing of its own is left in the kernel, nor its disk."""
    assert set(TRIED) <= set(map(name_of, CASES)) - set(find_subject("drbd").never)
    node = lab.nodes["n1"]
    words = " ".join(f"--case {name}" for name in TRIED)
    node.must("modprobe loop")
    told = node.run(f"/usr/share/osvc-ha/bin/osvc-ha conformance drbd --kills 1 --format json {words}", 800)
    found = json.loads(told.out)["cases"]
    assert {one["case"]: (one["result"], one["expected"], one["seen"]) for one in found} == {name: (PASS, "", "") for name in TRIED}
    lab.await_good()
    assert "osvc-ha-conformance" not in node.must("drbdsetup status || drbdsetup show; losetup --list; ls /tmp")
