"""drbd: a resource on a loop device, whose peer is off for good. While it runs, it is Primary. Needs a kernel with DRBD."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import ContextManager, Tuple

from osvc_ha.conformance.subjects.loop import SECONDS, attach, detach, lacks_loop, must
from osvc_ha.conformance.subjects.subject import Keywords, Place, Subject
from osvc_ha.conformance.verdict import Failed

PROC = Path("/proc/drbd")
RES = "osvc-ha-conformance"
# The last of those that DRBD 8.4 makes by itself (minor_count).
MINOR = 31
METADATA_BYTES = 1 << 20
# Of the addresses, drbdadm wants one that an interface has.
CONFIG = """global {{ usage-count no; }}
resource {res} {{
    device /dev/drbd{minor}; disk {disk}; meta-disk internal;
    on {here} {{ address 127.0.0.1:{port}; }}
    on off {{ address 127.0.0.1:{other}; }}
}}
"""
NO_PROGRAM = "promoting is the kernel's work: there is no program that could be stopped in its tracks"


@dataclass(frozen=True)
class Role:
    """Of this one resource, in the kernel: nothing of it is below a home."""

    def parts(self, home: Path) -> Tuple[str, ...]:
        """One word, or none."""
        text = PROC.read_text(encoding="utf-8")
        line = re.search(rf"^ *{MINOR}: .*\bro:(\w+)", text, re.MULTILINE)
        if not text.startswith("version: 8"):
            # 9 tells nothing of resources there.
            told = subprocess.run(["drbdsetup", "role", RES], capture_output=True, text=True, timeout=SECONDS, check=False)
            line = re.match(r"(\w+)", told.stdout)
        return ("Primary",) if line and line.group(1) == "Primary" else ()

    def lasting(self, home: Path) -> Tuple[str, ...]:
        """It."""
        return self.parts(home)

    def describe(self, part: str) -> str:
        """Whose."""
        return f"{RES} is {part}"

    def end(self, home: Path) -> None:
        """As somebody who demotes it by hand."""
        if self.parts(home):
            must(_drbdadm(home), "secondary", RES)

    def hang(self, home: Path, beside: Path) -> ContextManager[None]:
        """Nothing does."""
        raise Failed("something that can hang", NO_PROGRAM)


def _drbdadm(home: Path) -> str:
    """drbdadm on the one file, and none of the node's own."""
    return str(home.with_name("beside") / "drbdadm")


def _keywords(place: Place) -> Keywords:
    return {
        "res": RES,
        "config_dir": str(place.home),
        "drbdadm": _drbdadm(place.home),
        "device": f"/dev/drbd{MINOR}",
        "fencing": "off",
        "connect_timeout": "1",
        # The peer is off for good, and nobody's.
        "allow_promote_alone": "true",
        "provision_alone": "true",
        "runtime_dir": str(place.home / "run"),
    }


def _lacking(given: Keywords) -> str:
    if not PROC.exists():
        return "there is no DRBD in this kernel (no /proc/drbd): modprobe drbd, or run this on a node that has it"
    why = lacks_loop(drbdadm="drbd-utils")
    taken = re.search(rf"^ *{MINOR}: cs:(?!Unconfigured)", PROC.read_text(encoding="utf-8"), re.MULTILINE)
    return why or (f"/dev/drbd{MINOR} is in use: drbdadm down its resource, or run this on another node" if taken else "")


def _make(place: Place, keywords: Keywords) -> None:
    """As PROVISION does: metadata, up, and the data that is here is the data."""
    _forget(place)
    for words in (("create-md", "--force"), ("up",), ("primary", "--force"), ("secondary",)):
        must(_drbdadm(place.home), *words, RES)


def _forget(place: Place) -> None:
    """Out of the kernel."""
    text = CONFIG.format(
        res=RES,
        minor=MINOR,
        disk=attach(place),
        here=os.uname().nodename,
        port=place.ports[0],
        other=place.ports[1],
    )
    file = place.home / f"{RES}.res"
    file.write_text(text, encoding="utf-8")
    script = Path(_drbdadm(place.home))
    script.write_text(f'#!/bin/sh\nexec drbdadm -c {shlex.quote(str(file))} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    must(_drbdadm(place.home), "down", RES)


def _bare(place: Place) -> None:
    must(_drbdadm(place.home), "down", RES)
    # Where internal metadata is. `wipe-md` would ask whoever runs this.
    with open(attach(place), "r+b") as disk:
        disk.seek(-METADATA_BYTES, os.SEEK_END)
        disk.write(bytes(METADATA_BYTES))


def _finish(place: Place) -> None:
    if place.home.exists():
        _forget(place)
    detach(place)


DRBD = Subject(
    system="drbd",
    keywords=_keywords,
    # Without drbdsetup nobody can tell a role, let alone change it.
    programs=("drbdadm",),
    wrong=("port", "ssh"),
    owned=(),
    theirs=(f"{RES}.res",),
    body=Role(),
    group="disk",
    # drbdadm's own reading of all files, which the node keeps.
    stays=("*.res", "drbdadm-dump"),
    never={"hung_status": NO_PROGRAM, "hung_stop": NO_PROGRAM, "hung_start": NO_PROGRAM},
    lacking=_lacking,
    prepare=_make,
    bare=_bare,
    finish=_finish,
)
