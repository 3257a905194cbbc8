"""DRBD's handlers as its kernel module runs them: without streams, and with nothing but DRBD_* in the environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HOOKS = Path(__file__).parents[2] / "hooks"
TOLD = {"DRBD_RESOURCE": "r0", "DRBD_PEER": "n2", "DRBD_PEERS": "n2", "DRBD_MINOR": "0"}
BARE = 'exec 0<&- 1>&- 2>&-; exec "$0" "$@"'


@pytest.fixture
def run(tmp_path: Path):
    """Run a handler with a program in osvc-ha's place: its exit code."""

    def call(hook: str, program: str, *words: str, seconds: float = 20.0, **more: str) -> int:
        file = tmp_path / "program"
        file.write_text(f"#!/bin/sh\n{program}\n")
        file.chmod(0o755)
        argv = [str(HOOKS / hook), "--directory", str(tmp_path), "--notes", str(tmp_path / "notes"), "--program", str(file), *words]
        return subprocess.run(["/bin/sh", "-c", BARE, *argv], env={**TOLD, **more}, timeout=seconds, check=False).returncode

    return call


@pytest.mark.parametrize("code", range(0, 10))
def test_d7_only_4_and_7_reach_drbd(run, code: int) -> None:
    """DRBD 8.4 takes 3 and 5 for a success too: whatever osvc-ha ends with, they never get there."""
    assert run("drbd-fence-peer", f"exit {code}") == (code if code in (4, 7) else 1)


def test_a_handler_that_crashes_or_hangs_refuses(run, tmp_path: Path) -> None:
    """In time, and with its last words kept."""
    assert run("drbd-fence-peer", "echo broken >&2; kill -9 $$") == 1
    assert "broken" in (tmp_path / "r0.fence.out").read_text()
    assert run("drbd-fence-peer", "sleep 60", "--seconds", "0.1") == 1


def test_without_osvc_ha_nobody_may_write(tmp_path: Path) -> None:
    """A node on which it was not installed yet."""
    argv = [HOOKS / "drbd-fence-peer", "--directory", tmp_path, "--program", tmp_path / "nothing"]
    assert subprocess.run(argv, env=TOLD, capture_output=True, timeout=20, check=False).returncode == 1


def test_the_program_hears_what_drbd_says(run, tmp_path: Path) -> None:
    """The resource and the peer, by DRBD's own variables; options are passed on."""
    run("drbd-fence-peer", f'echo "$DRBD_RESOURCE $DRBD_PEER $*" >{tmp_path}/heard', "--remote", "x {address}")
    heard = (tmp_path / "heard").read_text()
    assert heard.startswith("r0 n2 drbd fence-peer ") and "--remote x {address}" in heard


def test_a_resync_is_marked_while_it_runs(run, tmp_path: Path) -> None:
    """And its end takes back, on every node, that either side was fenced off; DRBD does not wait for that."""
    assert run("drbd-before-resync-target", "exit 3") == 0
    assert "DRBD_RESOURCE=r0" in (tmp_path / "r0.resync-0").read_text()
    assert run("drbd-after-resync-target", f'echo "$*" >{tmp_path}/heard.new; mv {tmp_path}/heard.new {tmp_path}/heard') == 0
    assert not (tmp_path / "r0.resync-0").exists()
    subprocess.run(["/bin/sh", "-c", f"for i in $(seq 100); do [ -e {tmp_path}/heard ] && exit 0; sleep 0.1; done; exit 1"], check=True)
    said = ["drbd", "unfence", "r0", os.uname().nodename, "n2", "--resynced", "--notes", str(tmp_path / "notes")]
    assert (tmp_path / "heard").read_text().split() == said


def test_each_volume_has_a_mark_of_its_own(run, tmp_path: Path) -> None:
    """DRBD calls the handlers for each: the end of one resync says nothing of the other."""
    for volume in ("0", "1"):
        run("drbd-before-resync-target", "exit 0", DRBD_VOLUME=volume)
    run("drbd-after-resync-target", "exit 0", DRBD_VOLUME="1")
    assert sorted(file.name for file in tmp_path.glob("r0.*")) == ["r0.resync-0"]


def test_a_resync_ends_a_split_brain(run, tmp_path: Path) -> None:
    """Whoever was made a copy of the other is half of none any more."""
    run("drbd-split-brain", "exit 0")
    assert "DRBD_PEER=n2" in (tmp_path / "notes" / "r0.split-brain").read_text()
    run("drbd-after-resync-target", "exit 0")
    assert list((tmp_path / "notes").iterdir()) == []


@pytest.mark.parametrize("hook", ["drbd-split-brain", "drbd-before-resync-target"])
def test_a_mark_that_cannot_be_made_stops_nothing(hook: str) -> None:
    """DRBD would give up the connection for a before-resync-target that fails."""
    argv = [HOOKS / hook, "--directory", "/proc/nowhere", "--notes", "/proc/nowhere"]
    done = subprocess.run(argv, env=TOLD, capture_output=True, timeout=20, check=False)
    assert done.returncode == 0


def test_a_split_brain_is_marked_and_says_who_decides(tmp_path: Path) -> None:
    """Nothing else is done about it."""
    argv = [HOOKS / "drbd-split-brain", "--notes", tmp_path]
    done = subprocess.run(argv, env=TOLD, capture_output=True, text=True, timeout=20, check=True)
    assert "osvc-ha drbd resolve r0 --keep NODE" in done.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r0.split-brain"]
