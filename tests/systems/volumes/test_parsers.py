"""Texts of the kernel, of Gluster and of Ceph, as values; and garbage, which is said to be unreadable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.volumes.state.ceph import parse_fs_status
from osvc_ha.systems.volumes.state.gluster import Group, parse_count, parse_heal, parse_info, parse_split, parse_up
from osvc_ha.systems.volumes.state.mounts import below, elsewhere, parse_mountinfo, topmost
from osvc_ha.systems.volumes.state.touched import parse_touched

MOUNTINFO = r"""27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
90 27 147:0 / /srv/shop rw,noatime shared:2 master:3 - ext4 /dev/drbd0 rw,errors=remount-ro,emergency_ro
91 90 0:50 / /srv/shop/in\040ner rw - tmpfs memory rw,size=4k
92 27 147:0 / /mnt ro - ext4 /dev/drbd0 rw
93 27 147:0 /part /mnt/part rw - ext4 /dev/drbd0 rw
94 27 0:51 / /srv/shopping rw - fuse.glusterfs n1:/v0 rw
95 27 0:52 / /twice rw - tmpfs one rw
96 95 0:53 / /twice rw - xfs two rw
"""


def test_the_kernels_table_is_read() -> None:
    """Optional fields, escaped names, two mounts at one place, mounts inside one, and the same device elsewhere."""
    mounts = parse_mountinfo(MOUNTINFO)
    shop, inner = topmost(mounts, "/srv/shop"), topmost(mounts, "/srv/shop/in ner")
    assert shop is not None and (shop.device, shop.fstype, shop.source, shop.read_only, shop.struck) == (
        "147:0",
        "ext4",
        "/dev/drbd0",
        True,
        True,
    )
    assert inner is not None and inner.source == "memory" and not inner.read_only
    mnt, twice = topmost(mounts, "/mnt"), topmost(mounts, "/twice")
    assert mnt is not None and mnt.read_only and not mnt.struck
    assert twice is not None and twice.source == "two"
    assert topmost(mounts, "/srv") is None
    assert below(mounts, "/srv/shop") == ("/srv/shop/in ner",)
    assert elsewhere(mounts, "/srv/shop", "147:0") == ("/mnt",)
    assert elsewhere(mounts, "/srv/shop", "") == ()


def info(**fields: str) -> str:
    """`volume info v0 --xml`, as Gluster 10 writes it."""
    told = {"statusStr": "Started", "typeStr": "Replicate", "replicaCount": "3", "disperseCount": "0", "redundancyCount": "0", **fields}
    bricks = "".join(f'<brick uuid="u">{name}<name>{name}</name></brick>' for name in told.pop("bricks", "n1:/b n2:/b n3:/b").split())
    options = "".join(
        f"<option><name>{name}</name><value>{value}</value></option>"
        for name, _, value in (pair.partition("=") for pair in told.pop("options", "").split())
    )
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in told.items())
    volume = f"<volume><name>v0</name>{inner}<bricks>{bricks}</bricks><options>{options}</options></volume>"
    return f"<cliOutput><opRet>0</opRet><opErrstr/><volInfo><volumes>{volume}<count>1</count></volumes></volInfo></cliOutput>"


@pytest.mark.parametrize(
    ("told", "groups", "writable", "lost"),
    (
        ({}, 1, "n1:/b n3:/b", "n2:/b"),
        ({"options": "cluster.quorum-type=none"}, 1, "n2:/b", ""),
        ({"options": "cluster.quorum-type=fixed cluster.quorum-count=3"}, 1, "n1:/b n2:/b n3:/b", "n1:/b n2:/b"),
        ({"replicaCount": "2", "bricks": "n1:/b n2:/b"}, 1, "n2:/b", ""),
        ({"replicaCount": "2", "bricks": "n1:/b n2:/b", "options": "cluster.quorum-type=auto"}, 1, "n1:/b", "n2:/b"),
        ({"bricks": "n1:/b n2:/b n3:/b n4:/b n5:/b n6:/b"}, 2, "n1:/b n2:/b", "n2:/b"),
        ({"replicaCount": "1", "typeStr": "Distribute", "bricks": "n1:/b n2:/b"}, 2, "n1:/b", ""),
        ({"replicaCount": "1", "disperseCount": "3", "redundancyCount": "1"}, 1, "n2:/b n3:/b", "n3:/b"),
    ),
)
def test_how_many_bricks_a_write_needs(told: dict[str, str], groups: int, writable: str, lost: str) -> None:
    """Replicas by their quorum, the first brick deciding between halves; distributed and dispersed volumes by what they are."""
    volume = parse_info(info(**told), "v0")
    first = volume.groups[0]
    assert len(volume.groups) == groups
    assert first.writable(frozenset(writable.split())) and not first.writable(frozenset(lost.split()))


def test_gluster_is_read() -> None:
    """Bricks that run, entries that wait, files in split-brain; a brick that cannot be asked counts for none."""
    up = "<cliOutput><opRet>0</opRet><volStatus><volumes><volume>{}</volume></volumes></volStatus></cliOutput>".format(
        "".join(
            f"<node><hostname>{host}</hostname><path>{path}</path><status>{status}</status></node>"
            for host, path, status in (("n1", "/b", "1"), ("n2", "/b", "0"), ("Self-heal Daemon", "localhost", "1"))
        )
    )
    assert parse_up(up) == {"n1:/b"}
    counted = "<numberOfEntriesInHealPending>{}</numberOfEntriesInHealPending><numberOfEntriesInSplitBrain>{}</numberOfEntriesInSplitBrain>"
    bricks = (
        f"<brick><status>Connected</status>{counted.format(3, 1)}</brick><brick><status>Connected</status>{counted.format(5, 0)}</brick>"
    )
    gone = "<brick><status>Transport endpoint is not connected</status></brick>"
    assert parse_heal(f"<cliOutput><healInfo><bricks>{bricks}{gone}</bricks></healInfo><opRet>0</opRet></cliOutput>") == (5, 1)
    assert parse_heal(f"<cliOutput><healInfo><bricks>{gone}</bricks></healInfo><opRet>0</opRet></cliOutput>") == (None, None)
    files = '<brick><file gfid="1">/b &amp; c</file><file gfid="2">/a</file></brick><brick><file gfid="2">/a</file></brick>'
    assert parse_split(f"<cliOutput><healInfo><bricks>{files}</bricks></healInfo><opRet>0</opRet></cliOutput>") == ("/a", "/b & c")
    assert parse_count("Brick n1:/b\nNumber of entries: 5\n\nBrick n2:/b\nNumber of entries: 4\n\nBrick n3:/b\nNo gathered input\n") == 5
    assert parse_count("Brick n3:/b\nNo gathered input for this brick\n") is None


def test_what_gluster_refuses_is_said_in_its_words() -> None:
    """It has its refusals in XML, too."""
    with pytest.raises(ObserveError, match="gluster: Volume nov does not exist"):
        parse_up("<cliOutput><opRet>-1</opRet><opErrstr>Volume nov does not exist</opErrstr></cliOutput>")
    with pytest.raises(ObserveError, match="it knows no volume v1"):
        parse_info(info(), "v1")


def fs_status(ranks: list[dict[str, Any]], clients: int = 2) -> str:
    """`ceph fs status --format json`, as Ceph 16 writes it."""
    return json.dumps({"clients": [{"clients": clients, "fs": "cephfs"}], "mds_version": "16", "mdsmap": ranks, "pools": []})


def test_ceph_is_read() -> None:
    """Ranks with their server, one without, and the standbys."""
    ranks: list[dict[str, Any]] = [
        {"name": "a", "rank": 0, "state": "active"},
        {"name": "b", "rank": 1, "state": "replay"},
        {"rank": 2, "state": "failed"},
        {"name": "c", "state": "standby"},
        {"name": "d", "rank": 0, "state": "standby-replay"},
    ]
    found = parse_fs_status(fs_status(ranks), "")
    assert (found.name, found.clients, found.standbys) == ("cephfs", 2, 2)
    assert found.missing == ("b (replay)", "nobody (failed)")
    with pytest.raises(ObserveError, match="it knows no filesystem other; there are cephfs"):
        parse_fs_status(fs_status(ranks), "other")


PARSERS = (
    parse_mountinfo,
    lambda text: parse_info(text, "v0"),
    parse_up,
    parse_heal,
    parse_split,
    parse_count,
    lambda text: parse_fs_status(text, ""),
    parse_touched,
)
TEXTS = st.one_of(
    st.text(),
    st.sampled_from((MOUNTINFO, info(), fs_status([{"name": "a", "rank": 0, "state": "active"}]))).flatmap(
        lambda text: st.integers(0, len(text)).map(lambda at: text[:at])
    ),
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text()), lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner))
    ).map(json.dumps),
)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=TEXTS)
def test_no_text_breaks_a_parser(parse: Any, text: str) -> None:
    """Cut off, of another version, or garbage: cannot tell, never a trace."""
    try:
        parse(text)
    except ObserveError as error:
        assert str(error)


@given(st.lists(st.sampled_from(("n1:/b", "n2:/b", "n3:/b")), unique=True), st.integers(1, 3), st.booleans())
def test_more_bricks_never_lose_a_quorum(up: list[str], needed: int, first: bool) -> None:
    """A brick that comes up makes nothing unwritable."""
    group = Group(("n1:/b", "n2:/b", "n3:/b"), needed, first)
    assert not group.writable(frozenset(up)) or group.writable(frozenset([*up, "n2:/b"]))
