"""The watcher as OpenSVC would run it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import osvc_ha
from osvc_ha.drill.process import residents
from osvc_ha.drill.processes import wait_until

if TYPE_CHECKING:
    from conftest import Node

pytestmark = pytest.mark.live
HOOK = Path(osvc_ha.__file__).parent.parent / "hooks" / "placement"


def test_a_placement_change_reaches_haproxy(node: Node) -> None:
    """The service moves in OpenSVC, and clients go to the other node, with one line for each step."""
    node.start_haproxy()
    node.watch("--poll", "0.05")
    node.publish(placed="n2")
    node.await_placed("n2")
    steps = [line for line in node.said().splitlines() if "INFO haproxy: set " in line]
    assert len(steps) == 2 and "its placement says maint" in steps[0] + steps[1]


def test_bad_snapshots_change_nothing(node: Node) -> None:
    """Truncated, empty, not UTF-8, of a newer version: the last good one stays in force, said once each, and it recovers."""
    node.start_haproxy()
    node.watch("--poll", "0.05", "--resync", "0.2")
    good = node.snapshot.read_text()
    for text, words in (
        (good[: len(good) // 2].encode(), "truncated"),
        (b"", "empty"),
        (good.encode()[:100] + b"\xff\xfe", "cannot be read"),
        (good.replace('"version": 1', '"version": 99').encode(), "version 99"),
    ):
        before = node.looks()
        node.snapshot.write_bytes(text)
        wait_until(words, lambda words=words: words in node.said())
        assert (node.state("n1"), node.state("n2")) == ("0", "1")
        node.publish(placed="n2")
        node.await_placed("n2")
        node.publish(placed="n1")
        node.await_placed("n1")
        assert node.looks() > before
    complaints = [line for line in node.said().splitlines() if " WARNING cluster: " in line]
    assert len(complaints) == 4, complaints
    assert node.said().count("cluster: well again") == 4


def test_a_snapshot_that_comes_late_is_followed(node: Node) -> None:
    """A watcher that starts before there is a snapshot says so, waits, and goes on."""
    node.start_haproxy()
    node.snapshot.unlink()
    node.watch("--poll", "0.05")
    assert "cluster.json: no such file" in node.said()
    node.publish(placed="n2")
    node.await_placed("n2")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_within_a_second(node: Node, number: int) -> None:
    """A stop while it waits for the next change is clean: exit code 0, no trace, no socket left."""
    node.start_haproxy()
    watcher = node.watch()
    began = time.monotonic()
    os.kill(watcher.pid, number)
    assert watcher.wait(5)
    assert time.monotonic() - began < 1
    assert watcher.returncode == 0
    assert "Traceback" not in node.said()
    assert not (node.runtime / "watch.sock").exists()


def test_it_ends_within_a_second_while_a_step_waits(node: Node) -> None:
    """A stop while a reload waits for its budget does not wait for it."""
    node.settings["reload_interval"] = 600
    node.start_haproxy()
    watcher = node.watch("--poll", "0.05")
    for count, name in enumerate(("second", "third"), 1):
        node.services[name] = node.ports[count]
        node.publish()
        wait_until(f"reload {count}", lambda count=count: node.said().count("INFO haproxy: reload ") == count)
    began = time.monotonic()
    os.kill(watcher.pid, signal.SIGTERM)
    assert watcher.wait(5)
    assert time.monotonic() - began < 1
    assert watcher.returncode == 0
    assert "stopped while waiting" in node.said()


def test_a_hangup_means_look_now(node: Node) -> None:
    """SIGHUP finds what no poll would have found for ten minutes."""
    node.start_haproxy()
    watcher = node.watch("--poll", "600", "--resync", "600")
    node.publish(placed="n2")
    os.kill(watcher.pid, signal.SIGHUP)
    node.await_placed("n2")


def test_the_daemons_hook_means_look_now(node: Node) -> None:
    """The hook finds the watcher's socket, which only its owner may use, and the change is followed."""
    node.start_haproxy()
    node.watch("--poll", "600", "--resync", "600")
    assert stat.S_IMODE((node.runtime / "watch.sock").stat().st_mode) == 0o600
    node.publish(placed="n2")
    subprocess.run([str(HOOK), str(node.runtime / "watch.sock")], check=True, timeout=10, stdin=subprocess.DEVNULL)
    node.await_placed("n2")


def test_following_never_starts_haproxy(node: Node) -> None:
    """Only OpenSVC starts HAProxy: the watcher keeps its config right, look after look, and starts nothing."""
    watcher = node.watch("--poll", "600", "--resync", "600")
    for count in (1, 2, 3):
        os.kill(watcher.pid, signal.SIGHUP)
        wait_until("another look", lambda count=count: node.looks() > count)
    assert "prod/svc/web" in node.config.read_text()
    assert "INFO haproxy: start" not in node.said()
    assert residents(node.run.directory) == [watcher.pid]
    assert not (node.runtime / "haproxy.sock").exists()
