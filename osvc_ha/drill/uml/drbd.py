"""Three nodes with DRBD on two of them: brought up, written to, and started over from the same disks."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import osvc_ha
from osvc_ha.drill.uml.lab import SNAPSHOT, Lab
from osvc_ha.host import Completed

BOTH_GOOD = "UpToDate/UpToDate"
UNMOUNT = "for i in $(seq 100); do umount /srv/data && break; sleep 0.1; done"
NO_FENCE = {"split-brain": "/usr/share/osvc-ha/hooks/drbd-split-brain"}
HANDLERS = {
    **NO_FENCE,
    "fence-peer": f"/usr/share/osvc-ha/hooks/drbd-fence-peer --snapshot {SNAPSHOT} --remote 'remote {{address}}'",
    "before-resync-target": "/usr/share/osvc-ha/hooks/drbd-before-resync-target",
    "after-resync-target": f"/usr/share/osvc-ha/hooks/drbd-after-resync-target --snapshot {SNAPSHOT} --remote 'remote {{address}}'",
}


class DrbdLab(Lab):
    """The resource r0 on n1 and n2; n3 is a witness without a disk. ``make`` first, once.

    handlers, fencing: DRBD's (docs/hooks.md). beat_seconds: after how long a silent node is dead to the cluster's stand-in.
    """

    def __init__(self, handlers: Mapping[str, str] = HANDLERS, fencing: str = "resource-and-stonith", beat_seconds: float = 2.0) -> None:
        super().__init__(handlers, fencing, beat_seconds=beat_seconds)

    def make(self) -> None:
        """Boot all, make r0 with a filesystem, and keep the disks for ``start_over``; in the end it is up, and Secondary on both."""
        self.boot()
        self.make_drbd()
        for name in self.names:
            self.nodes[name].must("drbdadm down r0; sync")
        self._each(lambda name: self.nodes[name].kill())
        for name in self.names:
            shutil.copyfile(self.directory / f"{name}.img", self.directory / f"{name}.kept")
        self.start_over()

    def start_over(self) -> None:
        """As after ``make``, whatever happened since: power off, the kept disks, nothing cut, no notes, boot, up."""
        self._each(lambda name: self.nodes[name].kill())
        self.heal()
        for name in self.names:
            shutil.copyfile(self.directory / f"{name}.kept", self.directory / f"{name}.img")
            shutil.rmtree(self.directory / "var" / name / "drbd", ignore_errors=True)
            (self.nodes[name].shared / "acknowledged").unlink(missing_ok=True)
        self.boot()
        for name in self.names[:2]:
            self.nodes[name].must("drbdadm up r0")
        self.await_good()
        for name in self.names:
            self.await_alive(name, *self.names)

    def _each(self, act: Callable[[str], None]) -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(act, self.names))

    def promote(self, name: str, seconds: float = 90.0) -> Completed:
        """Primary and mounted, as a START does it; its own words when it is refused."""
        return self.nodes[name].run("drbdadm primary r0 && mount /dev/drbd0 /srv/data", seconds)

    def make_drbd(self) -> None:
        """Metadata, both sides up, a first full sync from n1, and a filesystem; n1 is Secondary in the end, as n2 is."""
        first, second = self.names[:2]
        for name in (first, second):
            self.nodes[name].must("drbdadm create-md --force r0 && drbdadm up r0")
        self.await_told(first, "cstate", "Connected")
        self.nodes[first].must("drbdadm primary --force r0")
        self.await_good()
        self.nodes[first].must("mkfs.ext4 -q /dev/drbd0 && drbdadm secondary r0")

    def start_writer(self, name: str, first: int = 1, ready: bool = True) -> None:
        """Rising numbers with fsync on the filesystem mounted at /srv/data. ready: return when one was acknowledged."""
        tree = Path(osvc_ha.__file__).resolve().parents[1]
        argv = f"{sys.executable} -m osvc_ha.drill.uml.writer /srv/data/numbers /ctl/acknowledged {first}"
        self.nodes[name].must(f"PYTHONPATH={tree} setsid {argv} >/ctl/writer.log 2>&1 & echo $! >/run/writer.pid")
        if ready:
            self.until(f"{name}: a write acknowledged", lambda: bool(self.acknowledged(name) & {first}), bool, 20.0)

    def demote(self, name: str) -> None:
        """As a STOP does it: the writer ends, then the filesystem, then the role."""
        self.nodes[name].must(f"kill -9 $(cat /run/writer.pid); {UNMOUNT}; drbdadm secondary r0")

    def bring_back(self, name: str, connect: str = "") -> None:
        """A Primary that stands still while the other was promoted (docs/hooks.md): without its disk, what is frozen fails instead of
        being done. connect: options of a connection to be made anew."""
        node = self.nodes[name]
        node.must("kill -9 $(cat /run/writer.pid); drbdadm detach --force r0; drbdadm resume-io r0; true")
        node.must(f"{UNMOUNT}; drbdadm secondary r0 && drbdadm down r0")
        node.must(f"drbdadm up r0; {f'drbdadm disconnect r0; drbdadm connect {connect} r0' if connect else 'true'}")

    def acknowledged(self, name: str) -> frozenset[int]:
        """The numbers that were acknowledged to the writer there, also while the node is off."""
        try:
            text = (self.nodes[name].shared / "acknowledged").read_text()
        except FileNotFoundError:
            return frozenset()
        return frozenset(map(int, text[: text.rfind("\n") + 1].split()))

    def held(self, name: str) -> frozenset[int]:
        """The numbers that the filesystem mounted there has."""
        return frozenset(map(int, filter(str.isdigit, self.nodes[name].must("cat /srv/data/numbers").split("\n"))))

    def drbd(self, name: str, what: str) -> str:
        """What ``drbdadm cstate|dstate|role r0`` says there, "" when it fails."""
        done: Completed = self.nodes[name].run(f"drbdadm {what} r0")
        return done.out.strip() if done.code == 0 else ""

    def await_told(self, name: str, what: str, *wanted: str, seconds: float = 20.0) -> float:
        """Until it says one of these; the seconds it took. ApplyError with what it said instead."""
        return self.until(f"{name}: {what} {' or '.join(wanted)}", lambda: self.drbd(name, what), lambda found: found in wanted, seconds)

    def await_parted(self, seconds: float = 30.0) -> float:
        """Until one side has given up the other: which of the two depends on who sees first that both are Primary."""

        def states() -> list[str]:
            return [self.drbd(name, "cstate") for name in self.names[:2]]

        return self.until("one side StandAlone", states, lambda found: "StandAlone" in str(found), seconds)

    def await_good(self, seconds: float = 30.0) -> float:
        """Until both sides say so: one alone may still hold the other for Inconsistent, and a cut then makes no new generation."""
        return sum(self.await_told(name, "dstate", BOTH_GOOD, seconds=seconds) for name in self.names[:2])
