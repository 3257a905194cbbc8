"""A volume's data, as a sparse image: read past the page cache, below which DRBD writes."""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Tuple

from osvc_ha.planner.errors import ApplyError

CHUNK = 1 << 20
Tell = Callable[[int, int], None]


def save(device: str, kib: int, target: Path, tell: Tell) -> int:
    """The first ``kib`` of the device into a new file; the bytes that are not zero. ApplyError, and no file, when it fails.

    tell: bytes read, of how many. The data come first on the device; DRBD's internal metadata after them.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(0o700, parents=True, exist_ok=True)
        if target.exists():
            raise ApplyError(f"{target}: is there already; name another directory")
        source = _opened(device)
        try:
            with open(part, "wb") as sink:
                os.fchmod(sink.fileno(), 0o600)
                kept = _copy(source, sink.fileno(), kib * 1024, tell)
                os.ftruncate(sink.fileno(), kib * 1024)
                os.fsync(sink.fileno())
        finally:
            os.close(source)
        os.replace(part, target)
        return kept
    except OSError as error:
        raise ApplyError(f"{device} could not be saved to {target}: {error.strerror}; nothing was discarded") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _opened(device: str) -> int:
    try:
        return os.open(device, os.O_RDONLY | os.O_DIRECT)
    except OSError as error:
        # A file on tmpfs, in tests: nothing writes below the page cache of that.
        if error.errno != 22:
            raise
        return os.open(device, os.O_RDONLY)


def _copy(source: int, sink: int, size: int, tell: Tell) -> int:
    kept, at = 0, 0
    # Its memory is aligned to a page, as O_DIRECT wants it.
    with mmap.mmap(-1, CHUNK) as buffer:
        zeros = bytes(CHUNK)
        while at < size:
            got = os.preadv(source, [buffer], at)
            if got <= 0:
                raise OSError(5, f"it ends after {at} of {size} bytes")
            count = min(got, size - at)
            if buffer[:count] != zeros[:count]:
                _write(sink, buffer[:count], at)
                kept += count
            at += count
            tell(at, size)
    return kept


def _write(sink: int, chunk: bytes, at: int) -> None:
    done = 0
    while done < len(chunk):
        done += os.pwrite(sink, chunk[done:], at + done)


def names(directory: Path, res: str, node: str, stamp: str, number: int) -> Tuple[Path, Path]:
    """The image of a volume, and the note beside it."""
    image = directory / f"{res}-{number}-{node}-{stamp}.img"
    return image, image.with_suffix(".json")
