"""Three nodes with DRBD on two of them: brought up, written to, and started over from the same disks."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from osvc_ha.drill.uml import writing
from osvc_ha.drill.uml.guest import RESOURCE
from osvc_ha.drill.uml.lab import SNAPSHOT, Lab
from osvc_ha.drill.uml.node import Node
from osvc_ha.host import Completed

BOTH_GOOD = "UpToDate/UpToDate"
FOLDER = "/srv/data"
DRIVER = "/usr/share/osvc-ha/bin/osvc-ha resource drbd {verb} --path root/svc/data --set res=r0 {more} --snapshot " + SNAPSHOT
NO_FENCE = {"split-brain": "/usr/share/osvc-ha/hooks/drbd-split-brain"}
HANDLERS = {
    **NO_FENCE,
    "fence-peer": f"/usr/share/osvc-ha/hooks/drbd-fence-peer --snapshot {SNAPSHOT} --remote 'remote {{address}}'",
    "before-resync-target": "/usr/share/osvc-ha/hooks/drbd-before-resync-target",
    "after-resync-target": f"/usr/share/osvc-ha/hooks/drbd-after-resync-target --snapshot {SNAPSHOT} --remote 'remote {{address}}'",
}


# What has neither a disk nor a connection is Unconfigured to drbdadm 8.4.
GONE = "for i in $(seq 50); do drbdadm dstate {res} | grep -qvE '^(Diskless|Unconfigured)' || exit 0; sleep 0.1; done; exit 1"


def unmounted(folder: str) -> str:
    """The shell command that unmounts it, once who was killed is gone."""
    return f"for i in $(seq 100); do umount {folder} && break; sleep 0.1; done"


def stand_down(node: Node, res: str, folder: str) -> None:
    """A Primary that stands still while the other was promoted (docs/hooks.md): without its disk, what is frozen fails instead of being
    done. In the end the resource is down.

    A forced detach is over before the disk is gone (DRBD's adm_detach leaves it Failed, and a handler runs before it is Diskless), and to
    resume while it still has one makes a new generation (drbd_adm_resume_io): a split brain.
    """
    node.must(f"{writing.END}; drbdadm detach --force {res}; {GONE.format(res=res)}")
    node.run(f"drbdadm resume-io {res}")
    node.must(f"{unmounted(folder)}; drbdadm secondary {res} && drbdadm down {res}")


def said(node: Node, what: str, res: str) -> str:
    """What ``drbdadm cstate|dstate|role`` says there, "" when it fails."""
    done = node.run(f"drbdadm {what} {res}")
    return done.out.strip() if done.code == 0 else ""


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

    def promote(self, name: str, more: str = "", seconds: float = 90.0) -> Completed:
        """Primary by a START of the driver, and mounted; its own words when it is refused. more: options of the driver.

        Where no fence handler is, the driver refuses, and drbdadm does it.
        """
        start = DRIVER.format(verb="start", more=more) if "fence-peer" in self._handlers else "drbdadm primary r0"
        return self.nodes[name].run(f"{start} && mount /dev/drbd0 /srv/data", seconds)

    def primary(self, name: str, seconds: float = 90.0) -> Completed:
        """Past the driver: what DRBD and the fence handler say alone."""
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
        writing.begin(self.nodes[name], FOLDER, first)
        if ready:
            self.until(f"{name}: a write acknowledged", lambda: bool(self.acknowledged(name) & {first}), bool, 20.0)

    def demote(self, name: str) -> None:
        """The writer ends, then the filesystem, then the role by a STOP of the driver."""
        self.nodes[name].must(f"{writing.END}; {unmounted(FOLDER)}; {DRIVER.format(verb='stop', more='')}")

    def bring_back(self, name: str, connect: str = "") -> None:
        """A Primary that stands still while the other was promoted is a copy again. connect: options of a connection to be made anew."""
        node = self.nodes[name]
        stand_down(node, RESOURCE, FOLDER)
        node.must(f"drbdadm up r0; {f'drbdadm disconnect r0; drbdadm connect {connect} r0' if connect else 'true'}")
        for other in self.names[:2]:
            if other != name:
                self.reconnect(other)

    def reconnect(self, name: str, seconds: float = 60.0) -> None:
        """Until it hears its peer. DRBD may have dropped the connection on the good side too, when the two met as Primaries; it may yet."""

        def role() -> str:
            if self.drbd(name, "cstate") == "StandAlone":
                self.nodes[name].run("drbdadm connect r0")
            return self.drbd(name, "role")

        self.until(f"{name}: connected again", role, lambda found: found not in ("", "Primary/Unknown", "Secondary/Unknown"), seconds)

    def acknowledged(self, name: str) -> frozenset[int]:
        """The numbers that were acknowledged to the writer there, also while the node is off."""
        return writing.acknowledged(self.nodes[name])

    def held(self, name: str) -> frozenset[int]:
        """The numbers that the filesystem mounted there has."""
        return writing.held(self.nodes[name], FOLDER)

    def drbd(self, name: str, what: str) -> str:
        """What ``drbdadm cstate|dstate|role r0`` says there, "" when it fails."""
        return said(self.nodes[name], what, RESOURCE)

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
