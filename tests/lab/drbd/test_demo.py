"""`make demo-drbd` is a promise too."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.drbd, pytest.mark.timeout(300)]


def test_a_writer_that_is_cut_off_loses_nothing_that_was_acknowledged() -> None:
    """The last scene alone: the other node goes on, the old one has nothing acknowledged meanwhile, and both are good in the end."""
    done = subprocess.run(
        [sys.executable, "-m", "osvc_ha.cli", "demo", "--drbd", "--scene", "3", "--format", "json"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    report = json.loads(done.stdout)
    assert [(scene["why"], scene["seen"]["lost"]) for scene in report["scenes"]] == [("", 0)]
    assert report["scenes"][0]["seen"]["acked"] > 0
    assert done.returncode == 0 and "[3/3]" in done.stderr, done.stderr
