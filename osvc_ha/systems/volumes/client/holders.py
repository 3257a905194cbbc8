"""A program of its own: who keeps a mount busy, as JSON. Imports the standard library alone.

    python -I -S holders.py '{"place": "/srv/shop", "device": "259:3"}'

Only links and tables below /proc and /sys are read, which the kernel answers without asking the filesystem; but a process that
waits in the kernel may keep its own map locked, so the caller gives this one a deadline. fuser and lsof are not installed
everywhere, and ask the filesystem.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from typing import Dict, List, Tuple

Held = Tuple[int, str, str]


def link(path: str) -> str:
    """Where it points; "" when it cannot be told."""
    try:
        return os.readlink(path)
    except OSError:
        return ""


def text(path: str) -> str:
    """What is in a file; "" when it cannot be told."""
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read()
    except OSError:
        return ""


def names(path: str) -> List[str]:
    """The entries of a directory; none when it cannot be read."""
    with contextlib.suppress(OSError):
        return os.listdir(path)
    return []


def inside(path: str, place: str) -> bool:
    """Is it that place, or something in it?"""
    path = path[: -len(" (deleted)")] if path.endswith(" (deleted)") else path
    return path == place or path.startswith(place + "/")


def sockets(place: str) -> Dict[str, str]:
    """inode -> path of the unix sockets that are bound there: they hold the mount."""
    rows = (line.split(None, 7) for line in text("/proc/net/unix").split("\n")[1:])
    return {row[6]: row[7] for row in rows if len(row) == 8 and inside(row[7], place)}


def of_process(pid: int, place: str, bound: Dict[str, str]) -> Iterator[Held]:
    """What one process holds of it: the first of each sort."""
    for what in ("cwd", "root", "exe"):
        if inside(link(f"/proc/{pid}/{what}"), place):
            yield pid, what, link(f"/proc/{pid}/{what}")
    for handle in names(f"/proc/{pid}/fd"):
        target = link(f"/proc/{pid}/fd/{handle}")
        if target.startswith("socket:["):
            target = bound.get(target[8:-1], "")
        if inside(target, place):
            yield pid, "open", target
            break
    for line in text(f"/proc/{pid}/maps").split("\n"):
        row = line.split(None, 5)
        if len(row) == 6 and inside(row[5], place):
            yield pid, "map", row[5]
            break


def of_kernel(place: str) -> Iterator[Held]:
    """Loop devices and swap on files there."""
    for name in names("/sys/block"):
        backing = text(f"/sys/block/{name}/loop/backing_file").strip()
        if backing and inside(backing, place):
            yield 0, f"loop device /dev/{name}", backing
    for line in text("/proc/swaps").split("\n")[1:]:
        file = line.split(" ", 1)[0]
        if file and inside(file, place):
            yield 0, "swap", file


def of_namespaces(device: str, pids: List[int]) -> Iterator[Held]:
    """Processes that have the device mounted in a mount namespace of their own; one for each."""
    own = link("/proc/self/ns/mnt")
    seen = {own, ""}
    for pid in pids:
        space = link(f"/proc/{pid}/ns/mnt")
        if space in seen:
            continue
        seen.add(space)
        for line in text(f"/proc/{pid}/mountinfo").split("\n"):
            row = line.split(" ", 5)
            if len(row) == 6 and row[2] == device:
                yield pid, "mount namespace", row[4]
                break


def main(argument: str) -> None:
    """Print [pid, command, how, what] of each; pid 0 is the kernel."""
    asked = json.loads(argument)
    pids = sorted(int(name) for name in names("/proc") if name.isdecimal() and int(name) != os.getpid())
    found: List[Held] = list(of_kernel(asked["place"])) if asked["place"] else []
    if asked["place"]:
        bound = sockets(asked["place"])
        for pid in pids:
            found.extend(of_process(pid, asked["place"], bound))
    if asked["device"]:
        found.extend(of_namespaces(asked["device"], pids))
    told = [
        [pid, " ".join(text(f"/proc/{pid}/cmdline").split("\0")).strip() or text(f"/proc/{pid}/comm").strip(), *rest]
        for pid, *rest in found
    ]
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
