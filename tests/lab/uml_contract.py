"""`osvc-ha conformance drbd` on a node of its own kernel: by the exec contract, or inside the agent that runs there."""

from __future__ import annotations

import json
from collections.abc import Sequence

from osvc_ha import PROGRAM
from osvc_ha.conformance import PASS
from osvc_ha.drill.uml.node import Node


def assert_kept(node: Node, cases: Sequence[str], seconds: float, more: str = "") -> None:
    """Each of the cases passes, and nothing of the suite's own is left in the kernel, nor its disk. more: options."""
    node.must("modprobe loop")
    words = " ".join(f"--case {name}" for name in cases)
    told = node.run(f"{PROGRAM} conformance drbd {more} --kills 1 --format json {words}", seconds)
    assert told.code in (0, 1), told.words
    found = json.loads(told.out)["cases"]
    assert {one["case"]: (one["result"], one["expected"], one["seen"]) for one in found} == {name: (PASS, "", "") for name in cases}
    assert "osvc-ha-conformance" not in node.must("drbdsetup status || drbdsetup show; losetup --list; ls /tmp")
