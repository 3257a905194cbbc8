"""That the hooks work from wherever they are put, and say how they are used."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

HOOKS = Path(__file__).parents[2] / "hooks"
NAMES = ("placement", "pre_start", "post_start", "pre_stop", "post_stop", "sentinel-reconfig")
# These poke nobody: DRBD calls them (test_drbd.py).
DRBD = ("drbd-fence-peer", "drbd-split-brain", "drbd-before-resync-target", "drbd-after-resync-target")


def test_there_is_one_executable_for_each_hook_point() -> None:
    """And what they share is beside them, none of it executable, no folder among them that an installer would trip over."""
    assert sorted(file.name for file in HOOKS.iterdir() if file.stat().st_mode & 0o111) == sorted(NAMES + DRBD)
    assert all(file.is_file() and not file.is_symlink() for file in HOOKS.iterdir())


@pytest.mark.parametrize("name", NAMES + DRBD)
def test_help_shows_the_section_to_paste(name: str) -> None:
    """Under the path that `osvc-ha install` makes."""
    done = subprocess.run([HOOKS / name, "--help"], capture_output=True, text=True, timeout=10, env={})
    assert (done.returncode, done.stderr) == (0, "")
    assert f"/usr/share/osvc-ha/hooks/{name}" in done.stdout


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("put", [shutil.copytree, lambda here, there: there.symlink_to(here)], ids=["copied", "linked"])
def test_the_hooks_work_where_they_are_put(node, ear, tmp_path: Path, name: str, put) -> None:
    """As a copy or behind a link, and a link to one of them from another place; they leave nothing there."""
    put(HOOKS, tmp_path / "there")
    alone = tmp_path / "alone"
    alone.symlink_to(tmp_path / "there" / name)
    for script in (tmp_path / "there" / name, alone):
        subprocess.run([script, "--directory", node.directory], check=True, timeout=10, env={}, stdin=subprocess.DEVNULL)
        assert ear.heard()
    assert sorted(file.name for file in (tmp_path / "there").iterdir()) == sorted(file.name for file in HOOKS.iterdir())


@pytest.mark.parametrize("name", NAMES)
def test_no_module_of_the_daemons_is_imported(node, ear, tmp_path: Path, name: str) -> None:
    """Its PYTHONPATH and its working directory hold modules of the same names."""
    for module in ("waking", "trigger", "once", "socket", "select"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit(3)")
    done = node.run(name, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "PYTHONHOME": "/nowhere"})
    assert done.returncode == 0 and ear.heard()
