"""A real CephFS by its FUSE client: mounted, evicted, killed, hung; and what `ceph fs status` says."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from ceph_cluster import ADDRESS, processes

pytestmark = pytest.mark.timeout(180)


def test_a_cephfs_is_mounted_and_its_servers_are_asked(ceph: Any, cephfs: Any, until: Any) -> None:
    """Status has the metadata servers and the clients; a stop leaves no client."""
    begun = cephfs.do("start", health="true")
    assert (begun.error, begun.steps, begun.status, begun.lines) == ("", ("make-directory", "mount"), "up", ())
    assert begun.facts["mounted"] == f"ceph-fuse at {cephfs.place}, fuse.ceph-fuse, rw"
    until("an answer of the mgr", lambda: cephfs.do("status", health="true").facts.get("metadata servers") == "m active", 60)
    assert cephfs.do("start", probe="write").steps == ()
    ended = cephfs.do("stop")
    assert (ended.error, ended.steps, ended.status) == ("", ("unmount",), "down")
    until("end of the client", lambda: not processes("ceph-fuse", str(cephfs.place)))


def test_another_folder_of_it_is_another_volume(cephfs: Any) -> None:
    """ceph-fuse mounts look all alike to the kernel; the client's command line tells them apart."""
    cephfs.do("start")
    (cephfs.place / "shop").mkdir(exist_ok=True)
    told = cephfs.do("start", device="/shop")
    assert told.error == "UnsafePlan" and f"is mounted at {cephfs.place}, not /shop" in told.words
    assert cephfs.do("stop", device="/shop").steps == ()
    cephfs.do("stop")
    inner = cephfs.do("start", device=f"{ADDRESS}:6789:/shop")
    assert (inner.error, inner.status) == ("", "up")
    assert cephfs.do("stop", device=f"{ADDRESS}:6789:/shop").status == "down"


def test_what_is_not_there_is_said_in_cephs_words(cephfs: Any) -> None:
    """A folder, and a filesystem."""
    told = cephfs.do("start", device="/nothing")
    assert told.error == "ApplyError" and "ceph mount failed with (2) No such file or directory" in told.words
    other = cephfs.do("start", ceph_filesystem="nothing")
    assert other.error == "ApplyError" and "mdsmap subscription failed" in other.words
    assert other.status == "down"


def test_an_evicted_client_is_noticed_and_mounted_anew(ceph: Any, cephfs: Any, until: Any) -> None:
    """Its servers gave it up: it never comes back by itself. Status warns, and a start makes a new client."""
    cephfs.do("start")
    ceph.evict()
    until("warning", lambda: cephfs.do("status").status == "warn")
    assert "its servers have given this client up, or it died; it is mounted anew" in cephfs.do("status").lines[0]
    again = cephfs.do("start")
    assert (again.error, again.steps, again.status) == ("", ("unmount", "mount"), "up")
    (cephfs.place / "order").write_text("1")
    assert cephfs.do("stop").status == "down"


def test_a_client_that_died_is_replaced(cephfs: Any, until: Any) -> None:
    """Transport endpoint is not connected."""
    cephfs.do("start")
    for pid in processes("ceph-fuse", str(cephfs.place)):
        os.kill(pid, signal.SIGKILL)
    until("warning", lambda: cephfs.do("status").status == "warn")
    again = cephfs.do("start")
    assert (again.error, again.steps, again.status) == ("", ("unmount", "mount"), "up")


def test_servers_that_hang_hang_nobody_here(ceph: Any, cephfs: Any) -> None:
    """The metadata server is paused: the child that looks waits in the kernel and cannot be killed; the next ones can."""
    cephfs.do("start")
    ceph.pause("ceph-mds")
    try:
        told = [cephfs.do("status") for _ in range(3)]
        assert [one.status for one in told] == ["warn"] * 3
        assert f"{cephfs.place} has not answered within 2 s" in told[0].lines[0]
        assert max(one.seconds for one in told) < 6
        assert len(processes("touch.py")) <= 1
    finally:
        ceph.pause("ceph-mds", stop=False)
    assert cephfs.do("status", probe_seconds=20).status == "up", "it came back by itself"
    ceph.pause("ceph-mds")
    try:
        ended = cephfs.do("stop", stuck="abort")
        assert (ended.error, ended.steps, ended.status) == ("", ("abort",), "down"), ended.words
    finally:
        ceph.pause("ceph-mds", stop=False)


def test_a_key_that_others_can_read_is_refused(cephfs: Any, tmp_path: Path) -> None:
    """It is a secret: the file has to be its owner's alone, and the key is on no command line."""
    key = tmp_path / "keyring"
    key.write_text("[client.admin]\n\tkey = AQCq3uJjAAAAABAAZl1M0S2bQJ1n2vC8wX3uYg==\n")
    key.chmod(0o644)
    told = cephfs.do("start", key_file=key)
    assert told.error == "ApplyError" and f"key_file={key}: others than its owner can use it (mode 0644)" in told.words
    key.chmod(0o600)
    assert cephfs.do("start", key_file=key).status == "up"
    for pid in processes("ceph-fuse", str(cephfs.place)):
        assert "AQCq" not in Path(f"/proc/{pid}/cmdline").read_text()
    assert cephfs.do("stop").status == "down"
