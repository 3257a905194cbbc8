"""One look at the mount point, the device and the kernel's tables."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from pathlib import Path
from typing import Any, Optional

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.volumes.config import Config, Kind
from osvc_ha.systems.volumes.state import Actual, Mount
from osvc_ha.systems.volumes.state.mounts import below, elsewhere, parse_mountinfo, topmost
from osvc_ha.systems.volumes.state.touched import Touched, parse_touched

MOUNTINFO = Path("/proc/self/mountinfo")
LOCKS = Path("/run/osvc_ha/volumes")
# Beyond what the probe itself may take: the interpreter starts, a child that cannot be killed is left behind.
MORE_SECONDS = 10.0
CLIENTS = {Kind.GLUSTERFS: "glusterfs", Kind.CEPH_FUSE: "ceph-fuse"}


def program(name: str, asked: object) -> list[str]:
    """One of the programs beside this file, in this Python, with nothing of its surroundings."""
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name(name)), json.dumps(asked)]


def touch(config: Config, host: Host) -> Touched:
    """Touch the mount point and the device, in a child. ObserveError when that says nothing."""
    asked: dict[str, Any] = {
        "place": config.mount,
        "device": folder_of(config, host) if config.kind is Kind.LOCAL else config.device,
        "sort": "block" if config.kind.block else "folder" if config.kind is Kind.LOCAL else "",
        "client": CLIENTS.get(config.kind, ""),
        "write": config.probe == "write" and not config.read_only,
        "seconds": config.probe_seconds,
        "lock": str(lock_of(config.mount)),
    }
    try:
        done = host.run(program("touch.py", asked), seconds=config.probe_seconds + MORE_SECONDS)
    except ApplyError as error:
        raise ObserveError(f"{config.mount}: {error}") from error
    if done.code:
        raise ObserveError(f"{config.mount}: it cannot be looked at: {done.words}")
    return parse_touched(done.out)


def lock_of(mount: str) -> Path:
    """Held by the child that touches this mount point."""
    return LOCKS / f"{hashlib.sha256(mount.encode()).hexdigest()[:16]}.lock"


def folder_of(config: Config, host: Host) -> str:
    """The folder behind a local volume. ObserveError when Docker or Podman do not tell it."""
    engine, colon, name = config.device.partition(":")
    if not colon:
        return config.device
    try:
        done = host.run([engine, "volume", "inspect", "--format", "{{.Mountpoint}}", name], seconds=config.mount_timeout)
    except ApplyError as error:
        raise ObserveError(f"volume {config.device}: {error}") from error
    if done.code or not done.out.startswith("/"):
        raise ObserveError(f"volume {config.device}: {done.words}; `{engine} volume create {name}` makes it")
    return done.out.strip()


def look(config: Config, host: Host) -> Actual:
    """All that this node knows by itself."""
    touched = touch(config, host)
    mounts = parse_mountinfo(host.read(MOUNTINFO, lossy=True) or "")
    mount = topmost(mounts, touched.place.path)
    number = touched.device.number
    return Actual(
        place=touched.place,
        device=touched.device,
        mount=mount,
        answer=touched.answer,
        elsewhere=elsewhere(mounts, touched.place.path, number),
        below=below(mounts, touched.place.path),
        errors=_errors(mount, host) if config.kind is Kind.EXT4 else 0,
        content=_content(config, host) if config.format and mount is None and number else None,
        client=touched.client,
    )


def _errors(mount: Optional[Mount], host: Host) -> int:
    """ext4 counts the errors it met since its last check."""
    with contextlib.suppress(ObserveError):
        lines = (host.read(Path(f"/sys/dev/block/{mount.device}/uevent")) or "").split("\n") if mount else ()
        name = next((line[8:] for line in lines if line.startswith("DEVNAME=")), "")
        count = (host.read(Path(f"/sys/fs/ext4/{name}/errors_count")) or "").strip() if name else ""
        return int(count) if count.isascii() and count.isdigit() else 0
    return 0


def _content(config: Config, host: Host) -> Optional[str]:
    """What the device holds; only asked while it may have to be formatted, for it opens the device."""
    with contextlib.suppress(ApplyError):
        done = host.run(["blkid", "-p", "-o", "export", config.device], seconds=config.mount_timeout)
        found = dict(line.partition("=")[::2] for line in done.out.split("\n"))
        if done.code == 0:
            return found.get("TYPE") or f"a {found.get('PTTYPE', 'strange')} partition table"
        # 2: nothing is known of it; with words, it could not be read.
        if done.code == 2 and not done.err.strip():
            return ""
    return None
