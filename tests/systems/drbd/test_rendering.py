"""The .res that osvc_ha writes, read by the real drbdadm of each DRBD."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.drbd.config import parse
from osvc_ha.systems.drbd.plan.protection import HARMLESS
from osvc_ha.systems.drbd.state.configured import parse_dump
from osvc_ha.systems.drbd.state.rendering import is_ours, render

ADDRESSES = {"n1": "10.77.0.1", "n2": "10.77.0.2", "n3": "fd00::3"}
# The utilities of 9 choose by the kernel's module; these are the two that they choose from.
DRBDADM = {False: "/usr/lib/drbd/drbdadm-84", True: "/usr/sbin/drbdadm"}


def config(**keywords: str):
    """Keywords of a resource with a rendered .res."""
    return parse({"path": "prod/svc/db", "res": "r0", "render": "true", "disk": "/dev/vg/r0", **keywords})


def dumped(text: str, nine: bool, folder: Path):
    """What the real drbdadm makes of it. Skipped with a line where there is none."""
    program = shutil.which(DRBDADM[nine]) or shutil.which(DRBDADM[nine].replace("/usr/", "/"))
    if program is None:
        pytest.skip("drbd-utils are not installed: the rendered .res was not read by drbdadm")
    file = folder / "r0.res"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run([program, "-c", str(file), "dump"], capture_output=True, text=True, timeout=20, check=False)
    assert "error" not in done.stderr.replace("modinfo: ERROR", "").lower(), done.stderr
    assert done.returncode == 0, done.stderr
    found = parse_dump(done.stdout, "r0")
    assert found is not None
    return found


@pytest.mark.parametrize("fencing", ["auto", "off"])
@pytest.mark.parametrize("nine", [False, True])
def test_d3_drbdadm_reads_either_quorum_or_fencing(nine, fencing, tmp_path) -> None:
    """8.4 gets fencing with its handler, 9 quorum, never both; and neither when that was asked for."""
    nodes = ("n1", "n2", "n3") if nine else ("n1", "n2")
    found = dumped(render(config(fencing=fencing), nodes, ADDRESSES, nine), nine, tmp_path)
    assert found.quorum == ("majority" if nine and fencing == "auto" else "off")
    assert found.fencing == ("resource-and-stonith" if not nine and fencing == "auto" else "dont-care")
    assert ("fence-peer" in found.handlers) == (not nine and fencing == "auto")
    assert found.handlers["split-brain"] == "/usr/share/osvc-ha/hooks/drbd-split-brain"
    assert [one.host for one in found.hosts] == list(nodes)
    assert found.hosts[0].disks == ("/dev/vg/r0",)
    assert found.hosts[0].minors == (0,)


def test_d4_no_quorum_and_no_data_both_fail_the_io(tmp_path) -> None:
    """A file system whose I/O fails can be unmounted, so a service without quorum can be stopped."""
    found = dumped(render(config(), ("n1", "n2", "n3"), ADDRESSES, True), True, tmp_path)
    assert (found.options["on-no-quorum"], found.options["on-no-data-accessible"]) == ("io-error", "io-error")


@pytest.mark.parametrize("nine", [False, True])
def test_d5_no_policy_discards_a_write(nine, tmp_path) -> None:
    """After a split brain a person decides; only a side that wrote nothing is brought up to date."""
    found = dumped(render(config(), ("n1", "n2"), ADDRESSES, nine), nine, tmp_path)
    assert {key: found.net[key] in harmless for key, harmless in HARMLESS.items()} == dict.fromkeys(HARMLESS, True)
    assert (found.net["protocol"], found.net["verify-alg"]) == ("C", "crc32c")


@pytest.mark.parametrize("nine", [False, True])
def test_d12_two_primaries_are_not_allowed(nine, tmp_path) -> None:
    """Neither here nor by `common`."""
    assert not dumped(render(config(), ("n1", "n2"), ADDRESSES, nine), nine, tmp_path).two_primaries


def test_disks_may_differ_and_one_may_break_ties(tmp_path) -> None:
    """The file is the same everywhere, so what differs between nodes stands in it."""
    found = dumped(render(config(disks="n2=/dev/sdb n3=none"), ("n1", "n2", "n3"), ADDRESSES, True), True, tmp_path)
    assert [one.disks for one in found.hosts] == [("/dev/vg/r0",), ("/dev/sdb",), ("none",)]
    assert found.hosts[2].address == "[fd00::3]:7789"


@pytest.mark.parametrize(
    ("keywords", "nodes", "nine", "words"),
    [
        ({}, ("n1", "n2", "n3"), False, "DRBD 8.4 no more than two, not 3"),
        ({}, ("n1",), True, "not 1"),
        ({"disks": "n2=none"}, ("n1", "n2"), False, "breaks ties is DRBD 9's"),
        ({"disk": "", "disks": "n1=/dev/sdb"}, ("n1", "n2"), False, "no disk for n2"),
        ({}, ("n1", "n4"), False, "the address of n4 is 'db.example', not an IP address"),
    ],
)
def test_what_no_drbd_can_run_is_refused_by_name(keywords, nodes, nine, words) -> None:
    """The mistake is in the keywords, so the message names them."""
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        render(config(**keywords), nodes, {**ADDRESSES, "n4": "db.example"}, nine)


def test_our_file_is_known_by_its_first_line() -> None:
    """Another service's file, and an operator's, are never taken for ours."""
    text = render(config(), ("n1", "n2"), ADDRESSES, False)
    assert is_ours(text, "prod/svc/db")
    assert not is_ours(text, "prod/svc/db2")
    assert not is_ours("resource r0 {}", "prod/svc/db")


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"res": "a b"}, "res="),
        ({"res": ""}, "res is missing"),
        ({"mode": "both"}, "own or guard"),
        ({"disk": ""}, "disk is missing"),
        ({"mode": "guard"}, "render=true with mode=guard"),
        ({"nodes": "n1 n1"}, "names a node twice"),
        ({"device": "/dev/sda"}, "/dev/drbd0"),
        ({"disks": "n1=sda"}, "node=/dev/"),
        ({"fencing": "on"}, "auto or off"),
        ({"meta_disk": "/dev/vg/r0"}, "is also disk"),
        ({"protocol": "A"}, "unknown keyword protocol"),
    ],
)
def test_a_wrong_keyword_is_named(keywords, words) -> None:
    """Service, keyword, value, and what would be right."""
    with pytest.raises(ConfigError, match=words):
        config(**keywords)
