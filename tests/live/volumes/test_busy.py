"""A mount that somebody uses: who it is, by pid and command, and what a stop does about it."""

from __future__ import annotations

import mmap
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(60)


def test_a_busy_stop_names_everybody(ext4: Any, sleeper: Any) -> None:
    """Working directory, open file, program, bound socket: each with its process and command; then it can be unmounted."""
    ext4.do("start")
    path = ext4.place / "file"
    path.write_bytes(b"x" * 4096)
    working = sleeper("sleep", "1001", cwd=ext4.place)
    with open(path) as file:
        reading = sleeper("sleep", "1002", stdin=file)
    running = sleeper(shutil.copy("/bin/sleep", ext4.place), "1003")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(ext4.place / "door"))
        told = ext4.do("stop")
    assert told.error == "ApplyError" and ext4.mounted
    assert f"umount {ext4.place}: target is busy: " in told.words
    assert f"process {working.pid} (sleep 1001), cwd {ext4.place}" in told.words
    assert f"process {reading.pid} (sleep 1002), open {path}" in told.words
    assert f"process {running.pid} ({ext4.place}/sleep 1003"[:70] in told.words and f"exe {ext4.place}/sleep" in told.words
    assert f"process {os.getpid()} (" in told.words and f"open {ext4.place}/door" in told.words
    assert "stop them, or set kill_holders=true" in told.words
    assert told.status == "up", "a stop that was refused changed nothing"
    for process in (working, reading, running):
        process.kill()
        process.wait()
    assert ext4.do("stop").status == "down"


def test_deleted_files_that_are_open_count_too(ext4: Any, sleeper: Any) -> None:
    """Nothing is to be seen in the folder, and it is busy all the same."""
    ext4.do("start")
    path = ext4.place / "gone"
    path.write_text("")
    with open(path) as file:
        reading = sleeper("sleep", "1004", stdin=file)
    path.unlink()
    assert f"process {reading.pid} (sleep 1004), open {path} (deleted)" in ext4.do("stop").words


def test_holders_are_ended_when_told(ext4: Any, sleeper: Any) -> None:
    """With kill_holders, SIGTERM, and SIGKILL for the one that does not listen."""
    ext4.do("start")
    mild = sleeper("sleep", "1005", cwd=ext4.place)
    deaf = sleeper("sh", "-c", "trap '' TERM; echo; sleep 1006 & wait; sleep 1006", cwd=ext4.place, stdout=subprocess.PIPE)
    deaf.stdout.readline()
    told = ext4.do("stop", kill_holders="true", kill_seconds="1")
    assert (told.error, told.status) == ("", "down")
    assert mild.wait(5) == -15
    assert deaf.wait(5) == -9


def test_a_loop_device_on_it_is_named(ext4: Any) -> None:
    """The kernel itself holds a file there."""
    ext4.do("start")
    image = ext4.place / "image"
    with open(image, "wb") as file:
        file.truncate(1 << 20)
    loop = subprocess.run(["losetup", "--find", "--show", image], check=True, capture_output=True, text=True).stdout.strip()
    try:
        assert f"loop device {loop} on {image}" in ext4.do("stop").words
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)


def test_a_mount_inside_is_named(ext4: Any) -> None:
    """It has to go first, and is not ours to take away."""
    ext4.do("start")
    inner = ext4.place / "inner"
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "memory", inner], check=True)
    told = ext4.do("stop")
    assert told.error == "UnsafePlan" and f"{inner} is mounted inside {ext4.place}; unmount that first" in told.words
    subprocess.run(["umount", inner], check=True)
    assert ext4.do("stop").status == "down"


def test_a_mount_namespace_that_keeps_the_device_is_named(ext4: Any, sleeper: Any) -> None:
    """A container took a copy of the mount: here it is unmounted, but DRBD could not be demoted; the stop says who."""
    if shutil.which("unshare") is None:
        pytest.skip("not installed: unshare")
    ext4.do("start")
    apart = sleeper("unshare", "-m", "--propagation", "private", "sh", "-c", "echo; exec sleep 1007", stdout=subprocess.PIPE)
    apart.stdout.readline()
    told = ext4.do("stop")
    assert told.error == "ApplyError" and f"{ext4.device} is unmounted here, and still in use: process {apart.pid} (" in told.words
    assert "in a mount namespace of its own" in told.words
    apart.kill()
    apart.wait()


def test_the_agent_is_never_ended(ext4: Any, tmp_path: Path) -> None:
    """Whoever calls us may stand in the mount; it is named and not killed."""
    ext4.do("start")
    file = open(ext4.place / "mine", "w+b")  # noqa: SIM115
    file.write(b"x" * mmap.PAGESIZE)
    file.flush()
    told = ext4.do("stop", kill_holders="true", kill_seconds="1")
    assert told.error == "ApplyError" and f"process {os.getpid()} (" in told.words
    file.close()
    assert ext4.do("stop").status == "down"
