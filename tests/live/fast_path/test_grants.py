"""The fast path in front of a real failover: how soon, and when not at all."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from osvc_ha.drill.processes import wait_until
from osvc_ha.fast_path import FastPaths

if TYPE_CHECKING:
    from conftest import Three

pytestmark = [pytest.mark.live, pytest.mark.timed]


def test_a_crashed_master_is_replaced_at_the_promotion(three: Three, paths: FastPaths, promoted: Callable[[], float]) -> None:
    """HAProxy lets writes through to the new master a moment after the elected Sentinel has promoted it."""
    three.start_haproxy()
    path = three.follow(paths)
    three.servers["n1"].kill()
    wait_until("a grant", lambda: path.pushes > 0, 20)
    wait_until("writes again", three.writable)
    after = path.pushed_at - promoted()
    print(f"granted {1000 * after:.0f} ms after +promoted-slave")
    assert path.holder == "n2"
    assert promoted() and after < 1.0


def test_a_hung_machine_delays_nothing(three: Three, paths: FastPaths, promoted: Callable[[], float]) -> None:
    """Master and Sentinel of one node stop answering without closing anything; the others' word is enough, and as soon."""
    three.start_haproxy()
    path = three.follow(paths)
    three.servers["n1"].pause()
    three.sentinels["n1"].pause()
    wait_until("a grant", lambda: path.pushes > 0, 20)
    after = path.pushed_at - promoted()
    print(f"granted {1000 * after:.0f} ms after +promoted-slave, {path.looks} looks")
    assert path.holder == "n2"
    assert promoted() and after < 1.0


def test_a_minority_grants_nothing(three: Three, paths: FastPaths) -> None:
    """A failover forced through one Sentinel while the other two are silent is no majority's: granted only when they are back."""
    three.start_haproxy()
    path = three.follow(paths)
    three.sentinels["n2"].pause()
    three.sentinels["n3"].pause()
    three.servers["n1"].kill()
    before = path.looks
    assert three.ask_sentinel("n1", "SENTINEL", "FAILOVER", "grp") == "OK"
    wait_until("a replica is promoted", lambda: "n1" != _master(three) != "", 10)
    wait_until("the fast path looks closely", lambda: path.looks > before + 20, 10)
    assert (path.pushes, path.holder) == (0, "n1")
    three.sentinels["n2"].resume()
    three.sentinels["n3"].resume()
    wait_until("a grant", lambda: path.pushes > 0, 20)
    assert path.holder == _master(three)


def test_a_missing_runtime_socket_is_one_warning(three: Three, paths: FastPaths, caplog: pytest.LogCaptureFixture) -> None:
    """Without HAProxy the fast path says so once and goes on, ready for the next failover."""
    caplog.set_level(logging.INFO)
    path = three.follow(paths)
    three.servers["n1"].kill()
    wait_until("the new master is seen", lambda: path.holder == "n2", 20)
    wait_until("the Sentinels agree", lambda: all(_names(three, node) == three.addresses["n2"] for node in three.addresses), 20)
    assert path.is_alive() and path.pushes == 0
    warnings = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1 and "HAProxy was not told, its own checks will find out" in warnings[0]


def test_haproxy_gets_there_without_us(three: Three, paths: FastPaths) -> None:
    """With the fast path dead, HAProxy's own checks let writes through after the failover."""
    three.start_haproxy()
    three.follow(paths)
    paths.stop()
    began = time.monotonic()
    three.servers["n1"].kill()
    wait_until("writes are refused", lambda: not three.writable(), 5)
    wait_until("writes again", three.writable, 20)
    print(f"HAProxy alone: writes again {time.monotonic() - began:.2f} s after the crash")


def _master(three: Three) -> str:
    roles = {node: three.ask_server(node, "ROLE") for node in ("n2", "n3")}
    return next((node for node, role in roles.items() if isinstance(role, list) and role[0] == "master"), "")


def _names(three: Three, node: str) -> str:
    reply = three.ask_sentinel(node, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "grp")
    return str(reply[0]) if isinstance(reply, list) else ""
