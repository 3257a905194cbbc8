"""When a file system was last written, as far as the first block of its device tells, without mounting it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

BLOCK = 4096
EXT_AT, EXT_MAGIC = 1024, b"\x53\xef"


@dataclass(frozen=True)
class Superblock:
    """kind: "ext", "xfs", "lvm", or "" for what we do not know. written: seconds since the epoch, None when it is not told."""

    kind: str = ""
    written: Optional[int] = None


def parse_superblock(block: bytes) -> Superblock:
    """From the first 4096 bytes. ext keeps s_wtime (set when mounted, unmounted, and now and then); XFS keeps no time."""
    ext = block[EXT_AT:]
    if ext[56:58] == EXT_MAGIC and len(ext) > 0x274:
        high = ext[0x274]
        return Superblock("ext", (high << 32) + int.from_bytes(ext[0x30:0x34], "little"))
    if block[:4] == b"XFSB":
        return Superblock("xfs")
    return Superblock("lvm" if block[512:520] == b"LABELONE" else "")
