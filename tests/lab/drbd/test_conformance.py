"""The driver of DRBD keeps its contract on a real kernel: `osvc-ha conformance drbd` on a node."""

from __future__ import annotations

import pytest
from uml_contract import assert_kept

from osvc_ha.conformance import CASES, find_subject, name_of
from osvc_ha.drill.uml.drbd import DrbdLab

pytestmark = [pytest.mark.drbd, pytest.mark.timeout(900)]
# By hand all of them: a node of this lab takes a second for each call of the driver.
TRIED = ("start_twice", "stop_twice", "provision", "unprovision", "missing_program", "program_dies", "start_killed_then_stop")


def test_the_contract_is_kept_on_drbd(lab: DrbdLab) -> None:
    """Beside a resource in use, which it leaves as it was; nothing of its own is left in the kernel, nor its disk."""
    assert set(TRIED) <= set(map(name_of, CASES)) - set(find_subject("drbd").never)
    assert_kept(lab.nodes["n1"], TRIED, 800)
    lab.await_good()
