"""The keywords of a volume, and what they parse to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Tuple

from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.reader import KeywordReader
from osvc_ha.planner.types import Keyword

KEYWORDS: Tuple[Keyword, ...] = (
    Keyword("path", "The service this is a resource of, as namespace/kind/name.", "this one"),
    Keyword("kind", "ext4, xfs, glusterfs, ceph (the kernel's client), ceph-fuse, or local (a folder of this node).", required=True),
    Keyword(
        "device",
        "What is mounted. ext4, xfs: a block device, UUID=… or LABEL=…. glusterfs: server:/volume, or a volfile. ceph, ceph-fuse: "
        "monitors:/folder; without monitors, ceph.conf names them. local: a folder, docker:VOLUME or podman:VOLUME.",
        required=True,
    ),
    Keyword("mount", "Where: a directory of its own, made when there is none; no symbolic link.", required=True),
    Keyword("options", "Mount options, separated by commas. With ro, it is read only."),
    Keyword(
        "fsck",
        "Before mounting. auto: ext4 by fsck -p, which repairs only what is safe; xfs replays its journal itself. force: ext4 in full, "
        "with -f -p; xfs is read by xfs_repair -n, which repairs nothing. no: none.",
        "auto",
    ),
    Keyword("fsck_timeout", "Seconds it may take.", "3600"),
    Keyword(
        "format", "true: provisioning makes the filesystem on a device that holds nothing. One that holds something is refused.", "false"
    ),
    Keyword("allow_not_empty", "true: mount over a directory that has something in it, which is then hidden.", "false"),
    Keyword("backup_servers", "glusterfs: servers to ask for the volume when the first does not answer, separated by spaces."),
    Keyword("ceph_user", "The CephX user, without `client.`.", "admin"),
    Keyword("key_file", "Its key (mode 0600): for ceph the key alone, for ceph-fuse a keyring. Empty: where Ceph looks by itself."),
    Keyword("ceph_conf", "Ceph's configuration.", "/etc/ceph/ceph.conf"),
    Keyword("ceph_filesystem", "The name of the CephFS. Empty: the cluster's default."),
    Keyword("mount_timeout", "Seconds mounting and unmounting may take.", "60"),
    Keyword(
        "probe", "How the mount is asked whether it answers: read (statfs, and its first entry), or write (a small file, too).", "read"
    ),
    Keyword("probe_seconds", "Seconds it may take to answer; after that, it hangs.", "5"),
    Keyword("health", "Ask Gluster or Ceph about the volume: bricks, quorum, heals; servers. false: only the mount is looked at.", "true"),
    Keyword("health_seconds", "Seconds each of these questions may take.", "10"),
    Keyword("kill_holders", "true: stop ends the processes that keep the mount busy. false: it names them.", "false"),
    Keyword("kill_seconds", "Seconds they have to end after SIGTERM, before SIGKILL.", "10"),
    Keyword(
        "stuck",
        "What stop does with a mount that hangs. refuse: nothing, and say so. abort: cut the kernel off from the client, whose unwritten "
        "data is lost, and unmount. lazy: detach it; whoever has it open goes on.",
        "refuse",
    ),
)

BLOCK = re.compile(r"/dev/[A-Za-z0-9._/@+:,-]+\Z|(?:UUID|LABEL|PARTUUID|PARTLABEL)=[A-Za-z0-9._:+-]+\Z")
HOST = r"(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])"
GLUSTER = re.compile(rf"{HOST}:/?[A-Za-z0-9][A-Za-z0-9_-]*(?:/[A-Za-z0-9._@+=-]+)*\Z|/[A-Za-z0-9._/@+=-]+\.vol\Z")
CEPH = re.compile(rf"(?:{HOST}(?::\d+)?(?:,{HOST}(?::\d+)?)*:)?/[A-Za-z0-9._/@+=-]*\Z")
LOCAL = re.compile(r"/[A-Za-z0-9._/@+=,-]+\Z|(?:docker|podman):[A-Za-z0-9][A-Za-z0-9_.-]*\Z")
OPTIONS = re.compile(r"[A-Za-z0-9_.:=@%+/-]+(?:,[A-Za-z0-9_.:=@%+/-]+)*\Z")
SERVERS = re.compile(rf"{HOST}(?: +{HOST})*\Z")
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


class Kind(Enum):
    """What sort of volume it is."""

    EXT4 = "ext4"
    XFS = "xfs"
    GLUSTERFS = "glusterfs"
    CEPH = "ceph"
    CEPH_FUSE = "ceph-fuse"
    LOCAL = "local"

    @property
    def block(self) -> bool:
        """One writer at a time: a filesystem of its own on a block device."""
        return self in (Kind.EXT4, Kind.XFS)

    @property
    def is_ceph(self) -> bool:
        """CephFS by either client."""
        return self in (Kind.CEPH, Kind.CEPH_FUSE)

    @property
    def fuse(self) -> bool:
        """Its client is a process."""
        return self in (Kind.GLUSTERFS, Kind.CEPH_FUSE)

    @property
    def fstype(self) -> str:
        """The kernel's word for it; "" for whatever a folder is on."""
        return {Kind.GLUSTERFS: "fuse.glusterfs", Kind.CEPH_FUSE: "fuse.ceph-fuse", Kind.LOCAL: ""}.get(self, self.value)


DEVICES: Mapping[Kind, Tuple[re.Pattern[str], str]] = {
    Kind.EXT4: (BLOCK, "a block device, such as /dev/drbd0, or UUID=… or LABEL=…"),
    Kind.XFS: (BLOCK, "a block device, such as /dev/drbd0, or UUID=… or LABEL=…"),
    Kind.GLUSTERFS: (GLUSTER, "a volume, such as n1:/v0, or a volfile, such as /etc/glusterfs/v0.vol"),
    Kind.CEPH: (CEPH, "a folder of a CephFS, such as 10.0.0.1,10.0.0.2:/shop or /shop"),
    Kind.CEPH_FUSE: (CEPH, "a folder of a CephFS, such as 10.0.0.1,10.0.0.2:/shop or /shop"),
    Kind.LOCAL: (LOCAL, "a folder, or docker:VOLUME or podman:VOLUME"),
}


@dataclass(frozen=True)
class Config:
    """The parsed keywords; times in seconds. ``device`` of a Gluster volume is always ``server:/volume``."""

    path: str
    kind: Kind
    device: str
    mount: str
    options: Tuple[str, ...] = ()
    fsck: str = "auto"
    fsck_timeout: int = 3600
    format: bool = False
    allow_not_empty: bool = False
    backup_servers: Tuple[str, ...] = ()
    ceph_user: str = "admin"
    key_file: str = ""
    ceph_conf: str = "/etc/ceph/ceph.conf"
    ceph_filesystem: str = ""
    mount_timeout: int = 60
    probe: str = "read"
    probe_seconds: int = 5
    health: bool = True
    health_seconds: int = 10
    kill_holders: bool = False
    kill_seconds: int = 10
    stuck: str = "refuse"

    @property
    def read_only(self) -> bool:
        """As the options have it: the last word counts."""
        words = [word for word in self.options if word in ("ro", "rw")]
        return bool(words) and words[-1] == "ro"

    @property
    def monitors(self) -> str:
        """Ceph's, as given; "" when ceph.conf names them."""
        return self.device.rpartition(":/")[0]

    @property
    def folder(self) -> str:
        """The part of the volume that is mounted: of a CephFS, or ``/volume/folder`` of Gluster."""
        return "/" + self.device.rpartition(":/")[2].lstrip("/") if ":/" in self.device else self.device

    @property
    def volume(self) -> str:
        """Gluster's name of the volume; "" for a volfile, which names none."""
        return self.folder.split("/")[1] if self.kind is Kind.GLUSTERFS and ":/" in self.device else ""

    @property
    def servers(self) -> Tuple[str, ...]:
        """Gluster's, the first one first."""
        return (self.device.rpartition(":/")[0], *self.backup_servers) if self.volume else ()


def parse(keywords: Mapping[str, str]) -> Config:
    """Keywords as strings -> Config. ConfigError names the service, the keyword and the value."""
    read = KeywordReader(keywords, KEYWORDS)
    kinds = "|".join(kind.value for kind in Kind)
    kind = Kind(read.text("kind", re.compile(rf"(?:{kinds})\Z"), kinds.replace("|", ", "), required=True))
    device = read.text("device", *DEVICES[kind], required=True)
    if kind is Kind.GLUSTERFS and not device.startswith("/") and ":/" not in device:
        server, _, volume = device.rpartition(":")
        device = f"{server}:/{volume}"
    return _checked(
        Config(
            path=read.service("path", "prod/svc/shop", required=False),
            kind=kind,
            device=device.rstrip("/") if device.strip("/") and not device.endswith(":/") else device,
            mount=read.file("mount", required=True),
            options=_split(read.text("options", OPTIONS, "mount options separated by commas, without spaces"), ","),
            fsck=_one_of(read, "fsck", "auto", "no", "force"),
            fsck_timeout=read.number("fsck_timeout", 3600, 1, 864_000),
            format=read.flag("format", False),
            allow_not_empty=read.flag("allow_not_empty", False),
            backup_servers=_split(read.text("backup_servers", SERVERS, "names or addresses separated by spaces"), None),
            ceph_user=read.text("ceph_user", WORD, "a CephX user without `client.`", default="admin"),
            key_file=read.file("key_file"),
            ceph_conf=read.file("ceph_conf", default="/etc/ceph/ceph.conf"),
            ceph_filesystem=read.text("ceph_filesystem", WORD, "the name of a CephFS"),
            mount_timeout=read.number("mount_timeout", 60, 1, 3600),
            probe=_one_of(read, "probe", "read", "write"),
            probe_seconds=read.number("probe_seconds", 5, 1, 600),
            health=read.flag("health", True),
            health_seconds=read.number("health_seconds", 10, 1, 600),
            kill_holders=read.flag("kill_holders", False),
            kill_seconds=read.number("kill_seconds", 10, 0, 3600),
            stuck=_one_of(read, "stuck", "refuse", "abort", "lazy"),
        )
    )


def _split(text: str, by: str | None) -> Tuple[str, ...]:
    return tuple(text.split(by)) if text else ()


def _one_of(read: KeywordReader, key: str, *words: str) -> str:
    return read.text(key, re.compile(rf"(?:{'|'.join(words)})\Z"), " or ".join(words), default=words[0])


def _checked(config: Config) -> Config:
    """What no single keyword shows."""
    who = f"service {config.path or '?'}"
    if {"", ".", ".."} & set(config.mount[1:].split("/")):
        raise ConfigError(f"{who}: mount={config.mount!r} is not a plain path: it has a //, a ., a .. or a / at its end")
    if config.kind is Kind.LOCAL and config.device == config.mount:
        raise ConfigError(f"{who}: mount={config.mount!r} is the device itself; a folder needs a mount point of its own")
    secret = next((word for word in config.options if word.startswith("secret=")), "")
    if secret:
        raise ConfigError(f"{who}: options has secret=…, which every user of the node could read; name a file by key_file")
    if config.stuck == "abort" and not (config.kind.fuse or config.kind.is_ceph):
        raise ConfigError(
            f"{who}: stuck=abort ends the client of glusterfs, ceph or ceph-fuse; {config.kind.value} has none: lazy or refuse"
        )
    if config.format and not config.kind.block:
        raise ConfigError(f"{who}: format=true is for ext4 and xfs; {config.kind.value} is made with its own commands")
    if config.backup_servers and not config.volume:
        raise ConfigError(f"{who}: backup_servers={' '.join(config.backup_servers)!r} is for a device such as n1:/v0 of glusterfs")
    return config
