"""Keywords: what is refused, and with which words."""

from __future__ import annotations

from typing import Any

import pytest

from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.volumes.config import KEYWORDS, Config, Kind, parse

DISK = {"path": "prod/svc/shop", "kind": "ext4", "device": "/dev/drbd0", "mount": "/srv/shop"}
GLUSTER = {**DISK, "kind": "glusterfs", "device": "n1:/v0"}


def test_every_keyword_has_its_place() -> None:
    """None is declared and not read, none is read and not declared; an empty one is one that was left out."""
    assert {keyword.name for keyword in KEYWORDS} == set(Config.__dataclass_fields__)
    assert (
        parse({**{keyword.name: "" for keyword in KEYWORDS}, **DISK})
        == parse(DISK)
        == Config("prod/svc/shop", Kind.EXT4, "/dev/drbd0", "/srv/shop")
    )


@pytest.mark.parametrize(
    ("given", "words"),
    (
        ({"kind": "ntfs"}, "kind='ntfs' is not ext4, xfs, glusterfs, ceph, ceph-fuse, local"),
        ({"kind": ""}, "kind is missing"),
        ({"device": ""}, "device is missing; it is a block device"),
        ({"device": "drbd0"}, "device='drbd0' is not a block device"),
        ({"device": "/srv/image"}, "device='/srv/image' is not a block device"),
        ({"device": "UUID=a b"}, "is not a block device"),
        ({"kind": "glusterfs", "device": "n1"}, "device='n1' is not a volume, such as n1:/v0"),
        ({"kind": "glusterfs", "device": "-x:/v0"}, "is not a volume"),
        ({"kind": "ceph", "device": "10.0.0.1"}, "is not a folder of a CephFS"),
        ({"kind": "ceph-fuse", "device": "--x:/"}, "is not a folder of a CephFS"),
        ({"kind": "local", "device": "lxc:x"}, "is not a folder, or docker:VOLUME"),
        ({"kind": "local", "device": "/srv/shop"}, "is the device itself"),
        ({"mount": "srv"}, "mount='srv' is not an absolute path"),
        ({"mount": "/srv/../etc"}, "is not a plain path: it has a //"),
        ({"mount": "/srv/shop/"}, "is not a plain path: it has a //"),
        ({"mount": "//srv"}, "is not a plain path: it has a //"),
        ({"mount": "/."}, "is not a plain path: it has a //"),
        ({"options": "ro, noatime"}, "options='ro, noatime' is not mount options separated by commas"),
        ({"kind": "ceph", "device": "/", "options": "ro,secret=AQ"}, "options has secret=…, which every user of the node could read"),
        ({"fsck": "always"}, "fsck='always' is not auto or no or force"),
        ({"stuck": "kill"}, "stuck='kill' is not refuse or abort or lazy"),
        ({"stuck": "abort"}, "stuck=abort ends the client of glusterfs, ceph or ceph-fuse; ext4 has none"),
        ({"probe": "dd"}, "probe='dd' is not read or write"),
        ({"probe_seconds": "0"}, "probe_seconds='0' is not a number from 1 to 600"),
        ({"backup_servers": "n2"}, "backup_servers='n2' is for a device such as n1:/v0"),
        ({"kind": "ceph", "device": "/", "format": "true"}, "format=true is for ext4 and xfs"),
        ({"kill_holders": "yes"}, "kill_holders='yes' is not true or false"),
        ({"moutn": "/x"}, "unknown keyword moutn; known are path, kind"),
    ),
)
def test_a_bad_keyword_is_named_with_its_value(given: dict[str, str], words: str) -> None:
    """The operator reads the service, the keyword, the value and what would be right."""
    with pytest.raises(ConfigError) as refused:
        parse({**DISK, **given})
    assert words in str(refused.value) and str(refused.value).startswith("service prod/svc/shop: ")


def test_a_secret_in_the_options_is_not_repeated() -> None:
    """Refused without saying it again, into a log."""
    with pytest.raises(ConfigError) as refused:
        parse({**DISK, "kind": "ceph", "device": "/", "options": "secret=AQhidden"})
    assert "AQhidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "wanted"),
    (
        ({"device": "n1:v0"}, {"device": "n1:/v0", "volume": "v0", "folder": "/v0", "servers": ("n1",)}),
        (
            {"device": "n1:/v0/sub", "backup_servers": "n2 [fd00::3]"},
            {"volume": "v0", "folder": "/v0/sub", "servers": ("n1", "n2", "[fd00::3]")},
        ),
        ({"device": "[fd00::1]:/v0"}, {"volume": "v0", "servers": ("[fd00::1]",)}),
        ({"device": "/etc/glusterfs/v0.vol"}, {"volume": "", "servers": ()}),
        ({"kind": "ceph", "device": "10.0.0.1:6789,10.0.0.2:/a/b/"}, {"monitors": "10.0.0.1:6789,10.0.0.2", "folder": "/a/b"}),
        ({"kind": "ceph", "device": "10.0.0.1:/"}, {"monitors": "10.0.0.1", "folder": "/"}),
        ({"kind": "ceph-fuse", "device": "/"}, {"monitors": "", "folder": "/"}),
        ({"kind": "ceph-fuse", "device": "/a"}, {"monitors": "", "folder": "/a"}),
        ({"options": "ro,rw"}, {"read_only": False}),
        ({"options": "noatime,ro"}, {"read_only": True}),
    ),
)
def test_a_device_is_taken_apart(given: dict[str, str], wanted: dict[str, Any]) -> None:
    """Servers, volume and folder, however it is written."""
    config = parse({**GLUSTER, **given})
    assert {name: getattr(config, name) for name in wanted} == wanted
