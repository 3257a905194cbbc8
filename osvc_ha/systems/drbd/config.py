"""The keywords of a drbd resource, and what they parse to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Tuple

from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.reader import KeywordReader
from osvc_ha.planner.types import Keyword

KEYWORDS: Tuple[Keyword, ...] = (
    Keyword("path", "The service that owns the resource, as namespace/kind/name.", required=True),
    Keyword("res", "The DRBD resource, as the .res names it.", required=True),
    Keyword(
        "mode",
        "own: start promotes and stop demotes. guard: beside the agent's own disk.drbd, which does both; start changes no role, "
        "and refuses with a sentence where that one would go wrong.",
        "own",
    ),
    Keyword("config_dir", "Where the .res files are.", "/etc/drbd.d"),
    Keyword("render", "true: osvc_ha writes the .res from the keywords below. false: an operator does.", "false"),
    Keyword("device", "For a rendered .res: the DRBD device.", "/dev/drbd0"),
    Keyword("disk", "For a rendered .res: the backing device. Required with render."),
    Keyword(
        "disks",
        "For a rendered .res: node=device of the nodes whose backing device differs from disk, separated by spaces; on DRBD 9 "
        "node=none for one that only breaks ties. The file is the same on all nodes, so it is not a matter of scoping.",
    ),
    Keyword("meta_disk", "For a rendered .res: where the metadata is.", "internal"),
    Keyword("port", "For a rendered .res: the TCP port.", "7789"),
    Keyword("nodes", "For a rendered .res: the two (DRBD 9: two to sixteen) nodes that hold the data.", "the service's scope"),
    Keyword("verify_alg", "For a rendered .res: the checksum of `drbdadm verify`.", "crc32c"),
    Keyword(
        "fencing",
        "auto: a start is refused unless the resource is protected against a split: 8.4 by fencing with a fence-peer "
        "handler, 9 by quorum (or fencing, never both). off: it is not looked at, and a rendered .res has neither.",
        "auto",
    ),
    Keyword("hooks", "For a rendered .res: where the handlers are.", "/usr/share/osvc-ha/hooks"),
    Keyword("secondary_on_stop", "true: stop demotes. false: stop leaves the role, for a service that something else demotes.", "true"),
    Keyword("passive", "true: start brings it up and connects it, and never promotes: the passive side.", "false"),
    Keyword("connect_timeout", "Seconds start waits for the peers before it decides without them.", "10"),
    Keyword("wait_sync", "Seconds start waits for a running resync that this node needs. 0: it refuses at once.", "0"),
    Keyword("promote_timeout", "Seconds one `drbdadm primary` may take; the fence-peer handler answers within it.", "60"),
    Keyword("demote_timeout", "Seconds stop waits for whoever holds the device open.", "5"),
    Keyword(
        "allow_promote_alone",
        "true: promote although a peer is not connected and neither known to be gone nor known to be Outdated. For a "
        "disaster, by a person, and to be taken back: whatever the peer wrote is lost.",
        "false",
    ),
    Keyword(
        "provision_alone",
        "true: provisioning makes an empty disk the source of the first sync without having seen the peers. Only while no other "
        "node holds data of this resource. false: it waits until all peers are connected and as empty.",
        "false",
    ),
    Keyword("drbdadm", "The drbdadm program.", "drbdadm"),
    Keyword("drbdsetup", "The drbdsetup program.", "drbdsetup"),
    Keyword("runtime_dir", "Where the hooks leave their marks.", "/run/osvc_ha/drbd"),
)

# drbdadm's own rule is wider (drbdadm_scanner.l); this is what survives a file name, a shell and a status line unquoted.
RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
DEVICE = re.compile(r"/dev/drbd[0-9]+\Z")
NODES = re.compile(r"[A-Za-z0-9._-]+( +[A-Za-z0-9._-]+)*\Z")
PER_NODE = re.compile(r"[A-Za-z0-9._-]+=(none|/[A-Za-z0-9._/@+,-]+)( +[A-Za-z0-9._-]+=(none|/[A-Za-z0-9._/@+,-]+))*\Z")
META = re.compile(r"(internal|/[A-Za-z0-9._/@+,-]+)\Z")
ALGORITHM = re.compile(r"[a-z0-9-]+\Z")
OWN, GUARD = "own", "guard"


@dataclass(frozen=True)
class Config:
    """The parsed keywords; times in seconds. ``nodes`` empty: the service's scope. ``disks``: (node, device) pairs."""

    path: str
    res: str
    mode: str = OWN
    config_dir: str = "/etc/drbd.d"
    render: bool = False
    device: str = "/dev/drbd0"
    disk: str = ""
    disks: Tuple[Tuple[str, str], ...] = ()
    meta_disk: str = "internal"
    port: int = 7789
    nodes: Tuple[str, ...] = ()
    verify_alg: str = "crc32c"
    fencing: bool = True
    hooks: str = "/usr/share/osvc-ha/hooks"
    secondary_on_stop: bool = True
    passive: bool = False
    connect_timeout: float = 10.0
    wait_sync: float = 0.0
    promote_timeout: float = 60.0
    demote_timeout: float = 5.0
    allow_promote_alone: bool = False
    provision_alone: bool = False
    drbdadm: str = "drbdadm"
    drbdsetup: str = "drbdsetup"
    runtime_dir: str = "/run/osvc_ha/drbd"

    @property
    def file(self) -> str:
        """The .res of this resource, where the agents' own driver has it too."""
        return f"{self.config_dir}/{self.res}.res"

    def disk_of(self, node: str) -> str:
        """The backing device on a node."""
        return dict(self.disks).get(node, self.disk)


def parse(keywords: Mapping[str, str]) -> Config:
    """Keywords as strings -> Config. ConfigError names the service, the keyword and the value."""
    read = KeywordReader(keywords, KEYWORDS)
    path = read.service("path", "prod/svc/db")
    render = read.flag("render", False)
    config = Config(
        path=path,
        res=read.text("res", RESOURCE, "a resource name: letters, digits, dot, dash and underscore, 64 at most", required=True),
        mode=read.text("mode", re.compile(r"(own|guard)\Z"), "own or guard", default=OWN),
        config_dir=read.file("config_dir", default="/etc/drbd.d"),
        render=render,
        device=read.text("device", DEVICE, "a device such as /dev/drbd0", default="/dev/drbd0"),
        disk=read.file("disk", required=render and not keywords.get("disks")),
        disks=tuple(_pair(word) for word in read.text("disks", PER_NODE, "node=/dev/... words").split()),
        meta_disk=read.text("meta_disk", META, "internal or a device", default="internal"),
        port=read.number("port", 7789, 1, 65535),
        nodes=tuple(read.text("nodes", NODES, "node names, separated by spaces").split()),
        verify_alg=read.text("verify_alg", ALGORITHM, "a kernel digest, such as crc32c or sha1", default="crc32c"),
        fencing=read.text("fencing", re.compile(r"(auto|off)\Z"), "auto or off", default="auto") == "auto",
        hooks=read.file("hooks", default="/usr/share/osvc-ha/hooks").rstrip("/"),
        secondary_on_stop=read.flag("secondary_on_stop", True),
        passive=read.flag("passive", False),
        connect_timeout=float(read.number("connect_timeout", 10, 0, 3600)),
        wait_sync=float(read.number("wait_sync", 0, 0, 604_800)),
        promote_timeout=float(read.number("promote_timeout", 60, 1, 3600)),
        demote_timeout=float(read.number("demote_timeout", 5, 0, 3600)),
        allow_promote_alone=read.flag("allow_promote_alone", False),
        provision_alone=read.flag("provision_alone", False),
        drbdadm=read.program("drbdadm", "drbdadm"),
        drbdsetup=read.program("drbdsetup", "drbdsetup"),
        runtime_dir=read.file("runtime_dir", default="/run/osvc_ha/drbd").rstrip("/"),
    )
    _refuse(config)
    return config


def _pair(word: str) -> Tuple[str, str]:
    node, _, device = word.partition("=")
    return node, device


def _refuse(config: Config) -> None:
    who = f"service {config.path}"
    if len(set(config.nodes)) != len(config.nodes):
        raise ConfigError(f"{who}: nodes={' '.join(config.nodes)!r} names a node twice")
    if config.mode == GUARD and config.render:
        raise ConfigError(f"{who}: render=true with mode=guard; the agent's own disk.drbd writes that .res, so let it, or use mode=own")
    if config.meta_disk == config.disk and config.disk:
        raise ConfigError(f"{who}: meta_disk={config.meta_disk} is also disk; use internal")
