"""A disk in a file, for those that need one: the same for a whole run."""

from __future__ import annotations

import os
import shutil
import subprocess

from osvc_ha.conformance.subjects.subject import Keywords, Place
from osvc_ha.planner.errors import ApplyError

MEGABYTES = 32
SECONDS = 60.0


def needs_root(given: Keywords) -> str:
    """Why nothing can be mounted here."""
    return "" if os.geteuid() == 0 else "mounting needs root: run this as root"


def lacks_loop(**programs: str) -> str:
    """Why there can be no such disk here. programs: further ones -> Debian's package."""
    absent = sorted({package for name, package in {"losetup": "mount", **programs}.items() if shutil.which(name) is None})
    if absent:
        return f"not installed: {', '.join(absent)}; apt-get install {' '.join(absent)}"
    if needs_root({}):
        return needs_root({})
    free = subprocess.run(["losetup", "--find"], capture_output=True, text=True, timeout=SECONDS, check=False)
    return f"there is no loop device ({free.stderr.strip()}): modprobe loop" if free.returncode else ""


def attach(place: Place) -> str:
    """Its device, made when it is first asked for."""
    noted = place.beside / "device"
    if not noted.exists():
        place.beside.mkdir(exist_ok=True)
        with open(place.beside / "image", "wb") as image:
            image.truncate(MEGABYTES << 20)
        noted.write_text(must("losetup", "--find", "--show", str(place.beside / "image")), encoding="utf-8")
    return noted.read_text(encoding="utf-8")


def detach(place: Place) -> None:
    """The device is anybody's again."""
    if (place.beside / "device").exists():
        must("losetup", "--detach", attach(place))


def must(*argv: str) -> str:
    """What a program prints. ApplyError with its words unless it succeeds."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        raise ApplyError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout.strip()
