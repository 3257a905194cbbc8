"""Generation identifiers of a volume, as ``drbdadm get-gi`` prints them, up or down. Pure.

``current:bitmap:history1:history2:consistent:uptodate:primary:connected:setting-bits:peer-outdated:crashed-primary``
"""

from __future__ import annotations

import re

from . import Metadata

LINE = re.compile(r"(?:[0-9A-F]{16}:){4}[01](?::[01])*(?::.*)?\Z")
# UUID_JUST_CREATED of drbd.h: what create-md writes. No data has passed through it yet.
JUST_CREATED = "0000000000000004"


def parse_generations(out: str, err: str, volume: int = 0, code: int = 0) -> Metadata:
    """What is on the disk, from ``drbdadm get-gi``. Never raises: what is not understood is "unknown", in its words.

    err: what it said besides. Of a disk without metadata, get-gi says nothing, with exit code 1 (9.22); the other commands say so.
    """
    lines = [line.strip() for line in out.splitlines() if LINE.match(line.strip())]
    if lines:
        current, bitmap, *_ = lines[0].split(":")
        fresh = current == JUST_CREATED and not bitmap.strip("0")
        return Metadata(volume, "just-created" if fresh else "ours", lines[0])
    words = " ".join((err.strip() or out.strip()).split())[:300]
    if (code == 1 and not words) or "No valid meta data found" in words or "No such" in words and "meta" in words:
        return Metadata(volume, "none", words or "drbdmeta found none")
    if "open(" in words:
        return Metadata(volume, "unreadable", words)
    return Metadata(volume, "unknown", words)
