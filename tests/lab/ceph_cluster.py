"""A real CephFS on one machine: one mon, mgr, osd and mds as plain processes on a loopback address, their data in one folder.

CephX is off unless asked for, the osd keeps its objects in memory. Everything ends with ``close``.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ADDRESS = "127.0.88.1"
PROGRAMS = ("ceph", "ceph-mon", "ceph-mgr", "ceph-osd", "ceph-mds", "ceph-fuse", "monmaptool")
CONF = """[global]
fsid = {fsid}
mon host = [v2:{address}:3300,v1:{address}:6789]
public addr = {address}
cluster addr = {address}
auth cluster required = none
auth service required = none
auth client required = none
run dir = {folder}
admin socket = {folder}/$cluster-$name.$pid.asok
log file = {folder}/$name.log
mon data = {folder}/mon
mgr data = {folder}/mgr
osd data = {folder}/osd
mds data = {folder}/mds
keyring = {folder}/keyring
crash dir = {folder}/crash
osd objectstore = memstore
memstore device bytes = 268435456
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mds beacon interval = 1
paxos service trim min = 1000000
mgr initial modules = status
mgr disabled modules = diskprediction_local,restful,dashboard,prometheus
"""


def why_not() -> str:
    """The reason it cannot run here; empty when it can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"CephFS: not installed: {', '.join(absent)}" if absent else ""


class CephCluster:
    """A cluster with one CephFS, named cephfs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.conf = folder, folder / "ceph.conf"
        self._running: list[subprocess.Popen[bytes]] = []
        self._fsid = str(uuid.uuid4())
        self.conf.write_text(CONF.format(fsid=self._fsid, address=ADDRESS, folder=folder))
        for name in ("mon", "mgr", "osd", "mds", "crash"):
            (folder / name).mkdir()
        (folder / "keyring").touch(0o600)

    def start(self) -> None:
        """Until the filesystem is active."""
        where = f"[v2:{ADDRESS}:3300,v1:{ADDRESS}:6789]"
        monmap = str(self.folder / "monmap")
        self._do("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", where, monmap)
        self._do("ceph-mon", "-c", str(self.conf), "--mkfs", "-i", "a", "--monmap", monmap)
        self._launch("ceph-mon", "a")
        self._launch("ceph-mgr", "x")
        osd = str(uuid.uuid4())
        self.ceph("osd", "new", osd)
        self._do("ceph-osd", "-c", str(self.conf), "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._launch("ceph-osd", "0")
        self._launch("ceph-mds", "m")
        for pool in ("meta", "files"):
            self.ceph("osd", "pool", "create", pool, "8", "8")
            self.ceph("osd", "pool", "set", pool, "size", "1", "--yes-i-really-mean-it")
        self.ceph("fs", "new", "cephfs", "meta", "files")
        until("an active mds", lambda: "up:active" in self.ceph("mds", "stat"), 60)

    def ceph(self, *words: str) -> str:
        """What a command of ceph prints."""
        return self._do("ceph", "-c", str(self.conf), "--connect-timeout", "20", *words)

    def sessions(self) -> list[dict[str, Any]]:
        """The clients, as the mds has them."""
        return list(json.loads(self.ceph("tell", "mds.m", "session", "ls", "--format", "json")))

    def evict(self) -> None:
        """Every client."""
        for session in self.sessions():
            self.ceph("tell", "mds.m", "client", "evict", f"id={session['id']}")

    def pause(self, name: str, stop: bool = True) -> None:
        """Stop or continue one of the processes: ``ceph-mds``."""
        for process in self._running:
            if str(process.args[0]) == name:  # type: ignore[index]
                process.send_signal(signal.SIGSTOP if stop else signal.SIGCONT)

    def close(self) -> None:
        """End them all."""
        for process in reversed(self._running):
            process.kill()
            process.wait(timeout=20)

    def _launch(self, program: str, name: str) -> None:
        with open(self.folder / f"{program}.out", "wb") as out:
            argv = [program, "-c", str(self.conf), "-i", name, "-f"]
            self._running.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True))

    def _do(self, *argv: str) -> str:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
        return done.stdout


def until(what: str, condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for it."""
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, f"no {what} within {seconds:g} s"
        time.sleep(0.05)


def processes(*words: str) -> Sequence[int]:
    """The processes whose command line has these words."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                argv = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if all(any(part == word or part.endswith(f"/{word}") for part in argv) for word in words):
                    found.append(int(entry.name))
    return found
