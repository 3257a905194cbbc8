"""Is what is mounted there what should be? Pure."""

from __future__ import annotations

from typing import Tuple

from osvc_ha.systems.volumes.config import Config, Kind
from osvc_ha.systems.volumes.state import Actual, Mount


def is_ours(actual: Actual, config: Config) -> bool:
    """By device, volume or folder. What cannot be told counts as ours: a stop that leaves it mounted would be the worse mistake."""
    mount = actual.mount
    if mount is None:
        return False
    if config.kind.fstype and mount.fstype != config.kind.fstype:
        return False
    if config.kind.block:
        return _same_device(mount, actual.device.number, config.device)
    if config.kind is Kind.GLUSTERFS:
        return _same_volume(mount.source, config)
    if config.kind is Kind.CEPH:
        return _folder(mount.source) == config.folder
    if config.kind is Kind.CEPH_FUSE:
        return _same_root(actual.client.argv, config)
    return actual.answer.same


def _same_device(mount: Mount, number: str, device: str) -> bool:
    if number:
        return mount.device == number and mount.root == "/"
    # The device is gone: a name can be compared, a tag cannot.
    return mount.source == device or "=" in device


def _same_volume(source: str, config: Config) -> bool:
    if not config.volume:
        return source == config.device
    server, _, rest = source.rpartition(":")
    # Any of its servers may have been the first once; another cluster may have a volume of that name.
    return "/" + rest.lstrip("/") == config.folder and server in config.servers


def _folder(source: str) -> str:
    return "/" + source.rpartition(":/")[2].strip("/") if ":/" in source else source


def _same_root(client: Tuple[str, ...], config: Config) -> bool:
    """ceph-fuse has its folder nowhere but on its command line, ours with -r."""
    if not client:
        return True
    return _option(client, "-r", "--client_mountpoint", "/") == config.folder and (
        not config.ceph_filesystem or _option(client, "--client_fs", "--client_mds_namespace", "") == config.ceph_filesystem
    )


def _option(argv: Tuple[str, ...], name: str, other: str, default: str) -> str:
    for at, word in enumerate(argv):
        for each in (name, other):
            if word == each and at + 1 < len(argv):
                return argv[at + 1]
            if word.startswith(f"{each}="):
                return word.partition("=")[2]
    return default


# After an eviction, ceph-fuse says ENOENT for its own root and ESHUTDOWN for a write (16.2), the kernel's client EIO, EACCES or
# ESHUTDOWN; a FUSE mount whose process died says ENOTCONN. EIO, EUCLEAN, ESHUTDOWN: ext4 or xfs has been shut down.
GIVEN_UP = frozenset({"ENOTCONN", "ESHUTDOWN", "EPERM", "EACCES", "ENOENT", "EIO", "ECONNABORTED", "ESTALE", "EREMOTEIO"})
SHUT_DOWN = frozenset({"EIO", "ESHUTDOWN", "EUCLEAN", "EROFS"})


def is_cut_off(actual: Actual, config: Config) -> bool:
    """Will it never answer again as it is mounted now?"""
    if config.kind.block:
        return actual.answer.error in SHUT_DOWN
    if config.kind is Kind.GLUSTERFS:
        # A client that lives has lost its servers, or their quorum, and finds them again.
        return actual.answer.error in GIVEN_UP and not actual.client.pid
    return config.kind.is_ceph and actual.answer.error in GIVEN_UP


def what_is_there(mount: Mount) -> str:
    """Somebody else's mount, in words."""
    part = f" (its folder {mount.root})" if mount.root != "/" else ""
    return f"{mount.source}{part}, {mount.fstype},"
