"""A real filesystem on a device: checked, mounted, unmounted, and refused where that would do harm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(60)


def test_a_start_mounts_and_a_stop_unmounts(ext4: Any) -> None:
    """The mount point is made, the filesystem checked and mounted; a second start has nothing to do, and a stop takes it away."""
    assert ext4.do("status").status == "down"
    begun = ext4.do("start")
    assert (begun.error, begun.steps, begun.lines) == ("", ("make-directory", "check", "mount"), ())
    assert begun.status == "up" and begun.facts["mounted"] == f"{ext4.device} at {ext4.place}, ext4, rw"
    assert ext4.do("start").steps == ()
    (ext4.place / "order").write_text("1")
    ended = ext4.do("stop")
    assert (ended.error, ended.steps, ended.status, ext4.mounted) == ("", ("unmount",), "down", False)
    assert ext4.do("stop").steps == ()
    assert ext4.do("start", probe="write").status == "up"
    assert (ext4.place / "order").read_text() == "1"
    assert sorted(os.listdir(ext4.place)) == ["lost+found", "order"], "a probe that writes leaves nothing"


def test_xfs_is_mounted_and_read_but_never_repaired(xfs: Any) -> None:
    """By itself it is not checked; told to, xfs_repair -n reads it, also with a journal that is still to be replayed."""
    assert xfs.do("start").steps == ("make-directory", "mount")
    assert xfs.do("stop").status == "down"
    assert xfs.do("start", fsck="force").steps == ("check", "mount")
    (xfs.place / "order").write_text("1")
    subprocess.run(["xfs_io", "-x", "-c", "shutdown -f", str(xfs.place)], check=True)
    struck = xfs.do("status")
    assert struck.status == "warn" and "shut the filesystem down" in struck.lines[0]
    again = xfs.do("start", fsck="force")
    assert (again.error, again.steps, again.status) == ("", ("unmount", "check", "mount"), "up")


def test_a_device_that_is_not_there_is_named_with_the_way_out(ext4: Any) -> None:
    """DRBD was not started: the sentence says so, and nothing is made."""
    told = ext4.do("start", device="/dev/drbd77")
    assert told.error == "UnsafePlan"
    assert told.words == (
        f"volumes {ext4.place}: /dev/drbd77: there is no such device; start the resource that makes it first (DRBD: promote it), "
        f"or correct device"
    )
    assert told.status == "down" and not ext4.place.exists()
    ext4.place.write_text("")
    assert "is no block device" in ext4.do("start", device="/dev/null", mount=f"{ext4.place}2").words
    assert "is no directory" in ext4.do("start").words


def test_a_mount_point_with_something_in_it_is_not_hidden(ext4: Any) -> None:
    """Somebody wrote there while nothing was mounted: files would disappear from sight."""
    ext4.place.mkdir()
    (ext4.place / "stray").write_text("")
    told = ext4.do("start")
    assert told.error == "UnsafePlan" and "is not empty (stray, …)" in told.words
    assert ext4.do("start", allow_not_empty="true").status == "up"


def test_a_link_is_no_mount_point(ext4: Any, tmp_path: Path) -> None:
    """The kernel would mount behind it, where nobody looks for it; a link above it is as good as any folder."""
    (tmp_path / "real").mkdir()
    ext4.place.symlink_to("real")
    told = ext4.do("start")
    assert told.error == "UnsafePlan" and "is a symbolic link to real; name the directory itself" in told.words
    (tmp_path / "above").symlink_to("real")
    below = ext4.do("start", mount=tmp_path / "above" / "shop")
    assert (below.error, below.status) == ("", "up")
    assert below.facts["mounted"].startswith(f"{ext4.device} at {tmp_path}/real/shop")
    assert ext4.do("stop", mount=tmp_path / "above" / "shop").status == "down"


def test_somebody_elses_mount_is_left_alone(ext4: Any, xfs: Any) -> None:
    """Another device is mounted there: a start refuses, and a stop does not unmount it."""
    xfs.do("start")
    told = ext4.do("start", mount=xfs.place)
    assert told.error == "UnsafePlan"
    assert told.words.startswith(f"volumes {xfs.place}: {xfs.device}, xfs, is mounted at {xfs.place}, not {ext4.device}")
    stopped = ext4.do("stop", mount=xfs.place)
    assert (stopped.error, stopped.steps, stopped.status) == ("", (), "down")
    assert xfs.mounted


def test_a_device_is_not_mounted_twice(ext4: Any, tmp_path: Path) -> None:
    """It is mounted elsewhere on this node."""
    ext4.do("start")
    told = ext4.do("start", mount=tmp_path / "second")
    assert told.error == "UnsafePlan" and f"{ext4.device} is mounted at {ext4.place} already" in told.words


def test_the_wrong_filesystem_is_said(xfs: Any) -> None:
    """mount says something about a bad superblock; we say what is there."""
    told = xfs.do("start", kind="ext4", fsck="no")
    assert told.error == "ApplyError" and "it holds xfs, not ext4: correct kind or device" in told.words


def test_after_an_error_it_is_checked_and_mounted_anew(ext4: Any) -> None:
    """errors=remount-ro has struck: status warns, and a start unmounts, checks and mounts."""
    ext4.do("start", options="errors=remount-ro")
    Path(f"/sys/fs/ext4/{Path(ext4.device).name}/trigger_fs_error").write_text("drill")
    struck = ext4.do("status", options="errors=remount-ro")
    assert struck.status == "warn"
    assert struck.lines[0] == f"{ext4.place} is mounted read only after an error; it is unmounted, checked and mounted anew"
    assert "has recorded 1 errors" in " ".join(struck.lines)
    again = ext4.do("start", options="errors=remount-ro")
    assert (again.error, again.steps, again.status, again.lines) == ("", ("unmount", "check", "mount"), "up", ())


def test_what_fsck_will_not_mend_by_itself_is_not_mounted(ext4: Any) -> None:
    """A damaged filesystem: fsck -p leaves it to a person, whose next command is named, and nothing is mounted."""
    subprocess.run(["debugfs", "-w", "-R", "clri <2>", ext4.device], check=True, capture_output=True)
    told = ext4.do("start", fsck="force")
    assert told.error == "ApplyError", told
    assert "exit code 4" in told.words and f"look at it with `fsck.ext4 -n {ext4.device}`" in told.words
    assert (told.status, ext4.mounted) == ("down", False)


def test_read_only_is_a_choice(ext4: Any) -> None:
    """With ro among the options, it is up; without, the same mount is not."""
    assert ext4.do("start", options="noatime,ro", probe="write").status == "up"
    assert ext4.do("status").status == "warn"


def test_provisioning_makes_a_filesystem_only_where_there_is_nothing(blank: Any, xfs: Any) -> None:
    """Only when told to; what a device holds is never overwritten."""
    assert blank.do("provision").steps == ()
    assert "it holds no filesystem" in blank.do("start", fsck="no").words
    made = blank.do("provision", format="true")
    assert (made.error, made.steps) == ("", ("format",))
    assert blank.do("provision", format="true").steps == ()
    assert blank.do("start", format="true").status == "up"
    refused = xfs.do("provision", kind="ext4", format="true")
    assert refused.error == "UnsafePlan" and f"{xfs.device} holds xfs, not ext4" in refused.words


def test_a_folder_is_mounted_with_a_warning(folder: Any) -> None:
    """It serves, and the status says that its files stay behind when the service moves."""
    begun = folder.do("start")
    assert (begun.error, begun.status) == ("", "up")
    assert any("does not move with prod/svc/shop" in line for line in begun.lines)
    (Path(folder.device) / "order").write_text("1")
    assert (folder.place / "order").read_text() == "1"
    assert folder.do("stop").status == "down"
    assert "No such file" in folder.do("start", device=f"{folder.device}2").words
