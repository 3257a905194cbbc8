"""A program of its own: touch a mount point and a device, and tell as JSON how they are. Imports the standard library alone.

    python -I -S touch.py '{"place": "/srv/shop", "device": "/dev/drbd0", "sort": "block", "client": "", "write": false,
                            "seconds": 5, "lock": "/run/osvc_ha/volumes/shop.lock"}'

A file operation on a hung mount may never return, and cannot always be killed: once the FUSE process has read a request, the
kernel waits for the answer (fs/fuse/dev.c, request_wait_answer). So a child does it, this process waits no longer than it is told,
and the child holds a lock meanwhile: the next one waits for the lock, where it can be killed. One process waits in the
kernel for ever, not one for each look.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import select
import signal
import stat
import sys
import time
from typing import Any, Dict

LEFT_BEHIND_SECONDS = 0.2
ENTRIES = 3
PROBE = ".osvc_ha.probe"
TAGS = {"UUID": "by-uuid", "LABEL": "by-label", "PARTUUID": "by-partuuid", "PARTLABEL": "by-partlabel"}


def real_place(path: str) -> str:
    """Without symbolic links above it. The last part is not looked at: something that hangs may be mounted there."""
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def is_mounted(path: str) -> bool:
    """Is something mounted there?"""
    written = re.sub(r"[ \t\n\\]", lambda found: f"\\{ord(found.group()):03o}", path)
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as table:
        return any(row[4] == written for row in (line.split(" ", 5) for line in table) if len(row) > 5)


def client_of(path: str, program: str) -> Dict[str, Any]:
    """The FUSE process that serves the mount: pid 0 when there is none here."""
    for name in os.listdir("/proc") if program else ():
        with contextlib.suppress(OSError), open(f"/proc/{name}/cmdline", encoding="utf-8", errors="replace") as source:
            argv = source.read().split("\0")
            if name.isdecimal() and os.path.basename(argv[0]) == program and path in argv:
                return {"pid": int(name), "argv": argv[:-1]}
    return {"pid": 0, "argv": []}


def device_of(name: str, sort: str) -> Dict[str, str]:
    """Its number, or why it cannot be used. sort: block, folder, or "" for what is no file."""
    if not sort:
        return {"number": "", "trouble": ""}
    block = sort == "block"
    tag, equals, value = name.partition("=")
    path = f"/dev/disk/{TAGS[tag]}/{value}" if equals and tag in TAGS else name
    try:
        found = os.stat(path)
    except OSError as error:
        words = "there is no such device" if block and error.errno == errno.ENOENT else error.strerror
        return {"number": "", "trouble": f"{name}: {words}"}
    if block and not stat.S_ISBLK(found.st_mode):
        return {"number": "", "trouble": f"{name}: is no block device"}
    if block:
        return {"number": f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}", "trouble": ""}
    return {"number": "", "trouble": "" if stat.S_ISDIR(found.st_mode) else f"{name}: is no directory"}


def bare(path: str) -> Dict[str, Any]:
    """A mount point on which nothing is mounted."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return {"kind": "absent"}
    if stat.S_ISLNK(mode):
        return {"kind": "other", "link": os.readlink(path)}
    if not stat.S_ISDIR(mode):
        return {"kind": "other"}
    with os.scandir(path) as entries:
        return {"kind": "directory", "entries": [entry.name for entry, _ in zip(entries, range(ENTRIES))]}


def mounted(asked: Dict[str, Any], path: str) -> Dict[str, Any]:
    """Does it answer?"""
    about = os.stat(path)
    space = os.statvfs(path)
    with os.scandir(path) as entries:
        next(entries, None)
    if asked["write"]:
        write(os.path.join(path, f"{PROBE}.{os.uname().nodename}"))
    same = True
    if asked["sort"] == "folder":
        source = os.stat(asked["device"])
        same = (source.st_dev, source.st_ino) == (about.st_dev, about.st_ino)
    usable = space.f_blocks - space.f_bfree + space.f_bavail
    used = -(-100 * (space.f_blocks - space.f_bfree) // usable) if usable else -1
    return {"same": same, "used": used}


def write(path: str) -> None:
    """A small file, on disk, and away again."""
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, b"osvc_ha\n")
        os.fsync(handle)
    finally:
        os.close(handle)
        os.unlink(path)


def touch(asked: Dict[str, Any], path: str, lock: str) -> Dict[str, Any]:
    """In the child. What the caller shows of an error is its name and the system's words."""
    # Without a place for the lock we go on: it only keeps the number of hung children down.
    with contextlib.suppress(OSError):
        os.makedirs(os.path.dirname(lock), 0o755, exist_ok=True)
        fcntl.flock(os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600), fcntl.LOCK_EX)
    device = device_of(asked["device"], asked["sort"])
    try:
        return {"device": device, **(mounted(asked, path) if is_mounted(path) else bare(path))}
    except OSError as error:
        return {"device": device, "error": errno.errorcode.get(error.errno or 0, str(error.errno)), "words": error.strerror or str(error)}


def in_child(asked: Dict[str, Any], path: str) -> Dict[str, Any]:
    """``touch`` in a child, for so long; it is killed then, and left behind if it cannot be."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        # Nobody shall wait for our output because this one cannot end.
        null = os.open(os.devnull, os.O_RDWR)
        for handle in (0, 1, 2):
            os.dup2(null, handle)
        os.write(writing, json.dumps(touch(asked, path, asked["lock"])).encode())
        os._exit(0)
    os.close(writing)
    if select.select([reading], [], [], asked["seconds"])[0]:
        told = os.read(reading, 65536)
        os.waitpid(child, 0)
        return dict(json.loads(told)) if told else {"error": "EIO", "words": "the process that looked ended without a word"}
    os.kill(child, signal.SIGKILL)
    give_up = time.monotonic() + LEFT_BEHIND_SECONDS
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > give_up:
            return {"hung": True, "stuck": child}
        time.sleep(0.01)
    return {"hung": True}


def main(text: str) -> None:
    """Print the answer."""
    asked = json.loads(text)
    path = real_place(asked["place"])
    found = in_child(asked, path)
    place: Dict[str, Any] = {"path": path, "link": "", "kind": "directory", "entries": []}
    answer: Dict[str, Any] = {"hung": False, "error": "", "words": "", "same": True, "used": -1, "stuck": 0}
    for part in (place, answer):
        part.update({key: value for key, value in found.items() if key in part})
    # A folder may hang as its mount does; a device's name does not.
    device = found.get("device") or device_of(asked["device"], asked["sort"] if asked["sort"] == "block" else "")
    client = client_of(path, asked["client"])
    sys.stdout.write(json.dumps({"place": place, "device": device, "answer": answer, "client": client}))


if __name__ == "__main__":
    main(sys.argv[1])
