"""volumes: a folder of this machine mounted elsewhere, and an ext4 on a loop device."""

from __future__ import annotations

from dataclasses import replace

from osvc_ha.conformance.subjects.bodies import Mounts
from osvc_ha.conformance.subjects.loop import attach, detach, lacks_loop, must, needs_root
from osvc_ha.conformance.subjects.subject import Keywords, Place, Subject

NO_FILE = "it writes no file that it reads again"
HANGS_NOT = "a folder or a disk of this machine does not hang; the servers of Gluster and CephFS may, and need a volume of theirs"
NEVER = {
    "missing_program": "no keyword names a program; mount, umount and fsck are the system's own",
    "spoiled_files": NO_FILE,
    "spoiled_files_while_running": NO_FILE,
    "hung_status": HANGS_NOT,
    "hung_stop": HANGS_NOT,
    "hung_start": "mounting waits for no program to become ready",
}


def _folder(place: Place) -> Keywords:
    return {"kind": "local", "device": str(place.home / "source"), "mount": str(place.home / "mounted")}


def _make_folder(place: Place, keywords: Keywords) -> None:
    (place.home / "source").mkdir()
    (place.home / "source" / "file").write_text("what is mounted\n", encoding="utf-8")


def _forget_lock(place: Place) -> None:
    """The driver's own, in /run."""
    from osvc_ha.systems.volumes.client.looking import lock_of

    lock_of(str(place.home / "mounted")).unlink(missing_ok=True)


def _disk(place: Place) -> Keywords:
    return {"kind": "ext4", "device": attach(place), "mount": str(place.home / "mounted")}


def _make_disk(place: Place, keywords: Keywords) -> None:
    must("mkfs.ext4", "-q", "-F", attach(place))


def _lacks_ext4(given: Keywords) -> str:
    return lacks_loop(**{"mkfs.ext4": "e2fsprogs", "fsck.ext4": "e2fsprogs"})


def _forget_disk(place: Place) -> None:
    _forget_lock(place)
    detach(place)


FOLDER = Subject(
    system="volumes",
    keywords=_folder,
    programs=(),
    wrong=("mount_timeout", "soon"),
    owned=(),
    body=Mounts(),
    group="fs",
    stays=("file",),
    never=NEVER,
    lacking=needs_root,
    prepare=_make_folder,
    finish=_forget_lock,
)
DISK = replace(FOLDER, keywords=_disk, stays=(), lacking=_lacks_ext4, prepare=_make_disk, finish=_forget_disk)
