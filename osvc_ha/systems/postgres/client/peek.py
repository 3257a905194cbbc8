"""A program of its own: what a data directory holds, as JSON. Imports the standard library alone.

    python -I -S peek.py /srv/pg/data

A file operation on a dead disk or a mount that hangs may never return. So this process does them all, and whoever asks leaves it
behind when its time is up.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any, Dict, Optional

SHOWN = 4


def read(path: str) -> Optional[str]:
    """The text of a small file, None when there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read(65536)
    except FileNotFoundError:
        return None


def space(path: str) -> Dict[str, int]:
    """Bytes of the file system, where it tells."""
    with contextlib.suppress(OSError):
        found = os.statvfs(path)
        return {"free": found.f_bavail * found.f_frsize, "size": found.f_blocks * found.f_frsize}
    return {}


def peek(path: str) -> Dict[str, Any]:
    """``names``: some of them, null where there is no directory. The rest only of a data directory. OSError when it cannot be read."""
    try:
        names = sorted(os.listdir(path))
    except FileNotFoundError:
        if os.path.lexists(path):
            raise
        return {"names": None, **space(os.path.dirname(path))}
    found = {"names": names[:SHOWN], "major": None, **space(path)}
    if "PG_VERSION" not in names:
        return found
    return {
        **found,
        "major": (read(os.path.join(path, "PG_VERSION")) or "").strip(),
        "owner": os.stat(path).st_uid,
        "standby": "standby.signal" in names,
        "recovery": "recovery.signal" in names,
        # Patroni keeps its settings there (patroni/config.py, PATRONI_DYNAMIC_CONFIGURATION cache).
        "patroni": "patroni.dynamic.json" in names,
        "pid_file": read(os.path.join(path, "postmaster.pid")),
    }


if __name__ == "__main__":
    try:
        sys.stdout.write(json.dumps(peek(sys.argv[1])))
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error.strerror}")
