"""A Sentinel in TILT answers every question and acts on nothing."""

import signal
import time

import pytest

from osvc_ha.planner.types import Verb

pytestmark = pytest.mark.live


def tilt(group, node):
    """Hold its Sentinel for longer than the 2 s after which it distrusts its clock (SENTINEL_TILT_TRIGGER)."""
    end = time.monotonic() + 2.5
    group.kill(node, "sentinel", signal.SIGSTOP)
    try:
        assert group.host.wait(lambda: time.monotonic() > end, 5)
    finally:
        group.kill(node, "sentinel", signal.SIGCONT)
    group.eventually(lambda: group.look().sentinels[node].tilt, 5)


def test_a_handover_asks_no_sentinel_in_tilt(running, writer):
    """n2's Sentinel stood still and says so in the status; the master on n1 moves all the same, in seconds, and loses no write."""
    tilt(running, "n2")
    assert any("the Sentinel on n2 is in TILT" in line for line in running.status("n1").lines)
    running.leaving = {"n1"}
    with writer(running) as load:
        began = time.monotonic()
        asked = [step.on for step in running.reconcile("n1", Verb.STOP).steps if step.do == "failover"]
        took = time.monotonic() - began
        load.progress()
    assert asked == ["n3"]
    assert took < 15, "a Sentinel in TILT would have kept it waiting for 30 s"
    assert load.lost() == set()
