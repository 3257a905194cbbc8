"""The volume below the data: mounted or not, full, gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Status, Verb

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")]


@pytest.fixture
def volume(make_blank, template):
    """A service whose data is on a volume of its own, which is mounted."""
    server = make_blank()
    point = server.home / "volume"
    point.mkdir()
    server.keywords.update(mount=str(point), directory=str(point / "data"))
    server.directory = point / "data"
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160M,nr_inodes=2000,mode=755", "pgtest", str(point)], capture_output=True, check=False
    ).returncode:
        pytest.skip("no mounts here")
    yield from _until_unmounted(server, point)


def _until_unmounted(server, point: Path) -> Iterator[object]:
    try:
        yield server
    finally:
        server.stop()
        subprocess.run(["umount", "-l", str(point)], check=False, capture_output=True)


def test_everything_happens_on_the_mounted_volume_and_nothing_without_it(volume) -> None:
    """Provisioned and started while it is mounted; refused, and not removed, when it is not."""
    assert [step.do for step in volume.provision()] == ["initdb"]
    volume.start()
    assert volume.health().status is Status.UP
    volume.stop()
    subprocess.run(["umount", volume.keywords["mount"]], check=True)
    assert volume.health().status is Status.DOWN
    with pytest.raises(ApplyError, match="is not mounted"):
        volume.start()
    assert volume.provision() == []
    volume.keywords["remove_data"] = "true"
    assert volume.do(Verb.UNPROVISION)[0] == []


@pytest.fixture
def hang(volume) -> Iterator[Callable[[], None]]:
    """Lay a file system over the volume that answers nothing: FUSE with nobody behind it."""
    device = os.open("/dev/fuse", os.O_RDWR)
    point = volume.keywords["mount"]
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"

    def lay() -> None:
        subprocess.run(["mount", "-i", "-t", "fuse", "-o", options, "hung", point], check=True, pass_fds=[device])

    yield lay
    # Whoever waits for an answer gets an error now.
    os.close(device)
    subprocess.run(["umount", "-l", point], check=False, capture_output=True)


def test_a_volume_that_hangs_is_said_and_does_not_keep_the_server_from_ending(volume, hang) -> None:
    """The status says so in time; STOP finds postmaster and children by what the kernel knows of them, and ends them."""
    volume.provision()
    volume.start()
    pid = volume.pid
    hang()
    began = time.monotonic()
    health = volume.health()
    assert health.status is not Status.DOWN
    assert any("the volume hangs" in line for line in health.lines), health
    volume.do(Verb.STOP)
    assert time.monotonic() - began < 60
    assert not volume.host.alive(pid)
    assert volume.orphans() == ()


def test_a_full_volume_is_said_and_nothing_is_lost(volume) -> None:
    """As a warning before, in the error when the server cannot start, and with what not to do about it."""
    volume.provision()
    volume.start()
    volume.ask("create table kept as select 1 as n")
    ballast = Path(volume.keywords["mount"]) / "ballast"
    ballast.mkdir()
    with open(ballast / "large", "wb") as sink:
        free = os.statvfs(ballast)
        os.posix_fallocate(sink.fileno(), 0, free.f_bavail * free.f_frsize)
    assert any("the volume is almost full" in line for line in volume.health().lines)
    volume.stop()
    # Not even a file of one line finds room.
    with pytest.raises(OSError, match="No space left"):
        for number in range(10_000):
            (ballast / str(number)).touch()
    with pytest.raises(
        ApplyError, match=r"No space left on device.*the volume is full \(\d MB free\): make room, but delete nothing below"
    ):
        volume.start()
    shutil.rmtree(ballast)
    volume.start()
    assert volume.ask("select n from kept") == "1"
