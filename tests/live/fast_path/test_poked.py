"""A poke makes the fast path look, whatever becomes of the Sentinels' events."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from osvc_ha.drill.processes import wait_until

if TYPE_CHECKING:
    from conftest import Three

    from osvc_ha.fast_path import FastPaths

pytestmark = pytest.mark.live
STORM = 2.0


def test_sentinels_hook_makes_the_grant_that_no_event_made(hooked: Three) -> None:
    """A failover of which no event arrives: Sentinel runs its hook, and the watcher looks and tells HAProxy who the master is."""
    hooked.start_haproxy()
    said = hooked.watch()
    wait_until("all subscriptions are refused", lambda: said().count("its Sentinel tells no events: NOPERM") == 3)
    hooked.servers["n1"].kill()
    seconds = wait_until("a grant", lambda: "n2 says it is the master" in said(), 20)
    print(f"granted {seconds:.2f} s after the crash")
    wait_until("writes again", hooked.writable)
    assert "HAProxy was not told" not in said()


def test_pokes_without_end_are_a_few_looks(three: Three, paths: FastPaths) -> None:
    """However many hooks there are, a group in which all is well is looked at ten times a second at most, and nothing is pushed."""
    path = three.follow(paths)
    looked, began = path.looks, time.monotonic()
    pokes = 0
    while time.monotonic() < began + STORM:
        paths.look()
        pokes += 1
    looks, seconds = path.looks - looked, time.monotonic() - began
    print(f"{pokes} pokes in {seconds:.1f} s, {looks} looks")
    assert pokes > 1000 and 2 <= looks <= 10 * seconds + 2
    assert (path.pushes, path.holder) == (0, "n1")
    paths.stop()
    wait_until("it ends", lambda: not path.is_alive(), 2)
