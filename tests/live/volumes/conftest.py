"""Real volumes: filesystems on loop devices of this machine, three Gluster servers, a CephFS."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import ceph_cluster
import gluster_nodes
import pytest
from volume_node import Told, told


def run(*argv: object) -> str:
    """A program that has to work; what it prints."""
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def why_no_loop(*programs: str) -> str:
    """Why there can be no filesystem on a loop device here."""
    if os.geteuid() != 0:
        return "mounting needs root"
    absent = [name for name in ("losetup", *programs) if shutil.which(name) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    tried = subprocess.run(["losetup", "-f"], capture_output=True, text=True)
    return "" if tried.returncode == 0 else f"no loop devices: {tried.stderr.strip()}"


@dataclass
class Disk:
    """A filesystem on a loop device, and its keywords."""

    kind: str
    device: str
    place: Path
    more: dict[str, Any] = field(default_factory=dict)

    def do(self, word: str, **keywords: Any) -> Told:
        """A verb, or ``status``."""
        return told(word, **{"kind": self.kind, "device": self.device, "mount": self.place, **self.more, **keywords})

    @property
    def mounted(self) -> bool:
        """Is anything mounted there?"""
        return str(self.place) in Path("/proc/self/mountinfo").read_text().split()


def _attached(folder: Path, name: str, megabytes: int) -> str:
    image = folder / name
    with open(image, "wb") as file:
        file.truncate(megabytes << 20)
    return run("losetup", "--find", "--show", image).strip()


def _disk(folder: Path, kind: str, *programs: str) -> Iterator[Disk]:
    reason = why_no_loop(f"mkfs.{kind}", *programs)
    if reason:
        pytest.skip(f"{kind}: {reason}")
    device = _attached(folder, "image", 320 if kind == "xfs" else 64)
    try:
        run(f"mkfs.{kind}", "-q", device)
        disk = Disk(kind, device, folder / kind)
        yield disk
    finally:
        _unmount_below(folder)
        run("losetup", "--detach", device)


def _unmount_below(folder: Path) -> None:
    """Whatever a test left there, the innermost first."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for point in reversed([point for point in points if point.startswith(f"{folder}/")]):
        subprocess.run(["umount", "-i", "-c", "-l", point], capture_output=True, timeout=30)


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Disk]:
    """An ext4 of 64 MB, not mounted."""
    yield from _disk(tmp_path, "ext4", "fsck.ext4")


@pytest.fixture
def xfs(tmp_path: Path) -> Iterator[Disk]:
    """An xfs, not mounted."""
    yield from _disk(tmp_path, "xfs", "xfs_repair")


@pytest.fixture
def blank(tmp_path: Path) -> Iterator[Disk]:
    """A device that holds nothing."""
    reason = why_no_loop("mkfs.ext4")
    if reason:
        pytest.skip(f"ext4: {reason}")
    device = _attached(tmp_path, "blank", 64)
    yield Disk("ext4", device, tmp_path / "shop")
    _unmount_below(tmp_path)
    run("losetup", "--detach", device)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Disk]:
    """A folder of this node."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    (tmp_path / "source").mkdir()
    yield Disk("local", str(tmp_path / "source"), tmp_path / "shop")
    _unmount_below(tmp_path)


@pytest.fixture(scope="module")
def gluster() -> Iterator[gluster_nodes.Gluster]:
    """Three servers with one volume, a copy on each."""
    if gluster_nodes.why_not():
        pytest.skip(gluster_nodes.why_not())
    servers = gluster_nodes.Gluster()
    try:
        servers.start()
        yield servers
    finally:
        servers.close()


@pytest.fixture(scope="module")
def ceph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ceph_cluster.CephCluster]:
    """A cluster with one CephFS."""
    if ceph_cluster.why_not() or os.geteuid() != 0:
        pytest.skip(ceph_cluster.why_not() or "mounting needs root")
    cluster = ceph_cluster.CephCluster(tmp_path_factory.mktemp("ceph"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.close()


@pytest.fixture
def cephfs(ceph: ceph_cluster.CephCluster, tmp_path: Path) -> Iterator[Disk]:
    """It, not mounted, by the FUSE client."""
    disk = Disk("ceph-fuse", "/", tmp_path / "shop", {"ceph_conf": ceph.conf, "probe_seconds": 2, "mount_timeout": 15, "health": "false"})
    yield disk
    for pid in ceph_cluster.processes("ceph-fuse", str(disk.place)):
        for sign in (signal.SIGCONT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
    _unmount_below(tmp_path)


@pytest.fixture
def sleeper() -> Iterator[Any]:
    """Starts a program that stays for a while; all are gone at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*argv: object, **more: Any) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([str(word) for word in argv], **more))
        return started[-1]

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait(timeout=10)


@pytest.fixture
def until() -> Any:
    """Wait for a condition."""
    return partial(ceph_cluster.until)
