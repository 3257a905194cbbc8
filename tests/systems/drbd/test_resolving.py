"""Which copy is thrown away, how, and when not: by generation identifiers, and recorded states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from osvc_ha.planner.types import Verb
from osvc_ha.systems.drbd.plan import notes
from osvc_ha.systems.drbd.plan.diagnosis import wrong
from osvc_ha.systems.drbd.plan.resolving import Course, Side, Way, course, opinion, refusal, steps
from osvc_ha.systems.drbd.plan.upkeep import invalidate_refusal, verify_refusal, verify_result
from osvc_ha.systems.drbd.state import Actual, Holder
from osvc_ha.systems.drbd.state.lineage import Verdict, compare, parse_identifiers
from osvc_ha.systems.drbd.state.superblock import parse_superblock

A, B, C, D, E, NONE = ("A" * 15 + "0", "B" * 15 + "0", "C" * 15 + "0", "D" * 15 + "0", "E" * 15 + "0", "0" * 16)
FRESH = "0" * 15 + "4"
FLAGS = ":1:1:0:0:0:0:0"


def gi(current: str, bitmap: str = NONE, *history: str) -> Any:
    """Identifiers, through their text."""
    words = [current, bitmap, *history, NONE, NONE][:4]
    return parse_identifiers("modinfo: noise\n" + ":".join(words) + FLAGS + "\n")


SPLIT = (gi(B, A, C), gi(D, A, C))


@pytest.mark.parametrize(
    ("goes", "stays", "verdict"),
    [
        (gi(A), gi(A[:-1] + "1"), Verdict.SAME),
        (gi(A), gi(B, A), Verdict.BEHIND),
        (gi(A), gi(B, NONE, C, A), Verdict.BEHIND),
        (gi(FRESH), gi(A, NONE, FRESH), Verdict.BEHIND),
        (gi(B, A), gi(A), Verdict.AHEAD),
        (gi(B, NONE, C, A), gi(A), Verdict.AHEAD),
        (gi(A), gi(FRESH), Verdict.AHEAD),
        (*SPLIT, Verdict.SPLIT),
        (gi(B, NONE, A), gi(D, NONE, C, A), Verdict.SPLIT),
        (gi(A, B, FRESH), gi(C, D, FRESH), Verdict.UNRELATED),
    ],
)
def test_generations_are_compared_as_drbd_does(goes: Any, stays: Any, verdict: Verdict) -> None:
    """Who is ahead, and whether both wrote; the lowest bit, which says who was Primary, does not count."""
    assert compare(goes, stays) is verdict


@pytest.mark.parametrize(
    ("goes", "stays", "differ", "way"),
    [
        (*SPLIT, 8, Way.DISCARD),
        (gi(A), gi(B, A), 0, Way.CONNECT),
        (gi(A), gi(A), 0, Way.CONNECT),
        (gi(A), gi(A), 8, Way.INVALIDATE),
        (gi(B, A), gi(A), 8, Way.INVALIDATE),
        (gi(A, B), gi(C, D), 8, None),
        (gi(A), None, 8, None),
        (None, gi(A), 8, None),
    ],
)
def test_the_way_never_lets_the_victim_overwrite_what_stays(goes: Any, stays: Any, differ: int, way: Any) -> None:
    """One that DRBD would make the source is invalidated first; where the direction is not known, nothing is done."""
    found = opinion(Side("n2", generations=(goes,), out_of_sync=differ), Side("n1", generations=(stays,), out_of_sync=0))
    assert found.way is way


def test_the_worst_volume_decides() -> None:
    """One volume that is ahead means invalidate, whatever the others are; other numbers of volumes are refused."""
    assert opinion(Side("n2", generations=(SPLIT[0], gi(B, A))), Side("n1", generations=(SPLIT[1], gi(A)))).way is Way.INVALIDATE
    assert opinion(Side("n2", generations=(gi(A),)), Side("n1", generations=(gi(A), gi(A)))).way is None


@pytest.fixture
def split(told, scene, text) -> Actual:
    """n2 of a split brain, still Primary."""
    node = told("split_brain_n2")
    node.log = text("8.4/split_log")
    found: Actual = scene(node, "n2", Verb.STOP).actual
    return found


def test_a_split_brain_may_be_resolved(split: Actual) -> None:
    """Demoted, saved, connected with the other's data, and the other connected too."""
    assert refusal(split, Side("n2"), Side("n1", connection="StandAlone", disks=("UpToDate",))) == ""
    found = steps(split, "n1", Way.DISCARD, "/var/tmp", True)
    assert [step.do for step in found] == ["demote", "save", "connect", "connect-there"]
    assert found[2].arg("discard") == "true"
    assert [step.do for step in steps(split, "n1", Way.INVALIDATE, "", False)] == ["demote", "invalidate", "connect"]


def changed(actual: Actual, **fields: Any) -> Actual:
    """With other fields of its resource."""
    assert actual.resource is not None
    return replace(actual, resource=replace(actual.resource, **fields))


def test_nothing_is_thrown_away_while_in_doubt(split: Actual) -> None:
    """In use, frozen, not up, a bad disk on either side, policies that choose by themselves, or only a cut cable."""
    assert split.resource is not None and split.running is not None
    good = Side("n1", connection="StandAlone", disks=("UpToDate",))
    volume = split.resource.volumes[0]
    held = changed(split, volumes=(replace(volume, holders=(Holder("it is mounted on /srv; umount /srv"),)),))
    assert "umount /srv" in refusal(held, Side("n2"), good)
    assert "frozen" in refusal(changed(split, suspended="fencing"), Side("n2"), good)
    assert "drbdadm attach r0" in refusal(changed(split, volumes=(replace(volume, disk="Diskless"),)), Side("n2"), good)
    assert "not up" in refusal(replace(split, resource=None), Side("n2"), good)
    assert "cannot be what stays" in refusal(split, Side("n2"), replace(good, disks=("Inconsistent",)))
    choosing = replace(split, running=replace(split.running, net={"after-sb-1pri": "discard-secondary"}))
    assert "after-sb-1pri discard-secondary" in refusal(choosing, Side("n2"), good)
    cut = changed(split, peers=(replace(split.resource.peers[0], connection="Connecting"),))
    assert "mend the link" in refusal(cut, Side("n2"), replace(good, connection="Connecting"))
    assert refusal(cut, Side("n2"), good) == ""


def test_where_it_stands_is_told(told, scene) -> None:
    """Done only when both are UpToDate and at rest; a node that becomes the source is noticed."""

    def now(state: str, local: str, keep: str) -> Course:
        return course(scene(told(state), local, Verb.STOP).actual.resource, keep)

    assert now("connected_uptodate_secondary", "n2", "n1") is Course.DONE
    assert now("synctarget", "n2", "n1") is Course.SYNCING
    assert now("syncsource", "n1", "n2") is Course.WRONG
    assert now("connecting_primary", "n1", "n2") is Course.APART
    assert now("split_brain_n1", "n1", "n2") is Course.DROPPED
    assert course(None, "n1") is Course.DROPPED


@pytest.mark.parametrize(
    ("state", "local", "verify", "invalidate"),
    [
        ("connected_uptodate_secondary", "n2", "", ""),
        ("connected_uptodate_primary", "n1", "", "n1 is Primary"),
        ("verifying", "n1", "", "n1 is Primary"),
        ("synctarget", "n2", "only two sides", "busy (SyncTarget)"),
        ("diskless", "n2", "only two sides", "no disk attached"),
        ("not_in_kernel", "n2", "not up", "not up"),
        ("outdated", "n2", "only two sides", "may be the only one"),
    ],
)
def test_copies_are_compared_and_thrown_away_only_where_that_is_sound(
    told, scene, state: str, local: str, verify: str, invalidate: str
) -> None:
    """Each refusal says what is in the way."""
    actual = scene(told(state), local, Verb.STOP).actual
    for said, wanted in ((verify_refusal(actual), verify), (invalidate_refusal(actual), invalidate)):
        assert wanted in said and bool(said) == bool(wanted), said


def test_the_result_of_a_verify_says_what_to_do(told, scene) -> None:
    """Nothing when identical; with a Primary, the other side reconnects; without one, a person chooses."""
    at = {"out-of-sync:0": "out-of-sync:8"}
    assert verify_result(scene(told(), "n2", Verb.STOP).actual).startswith("identical")
    assert "on n2: drbdadm disconnect r0" in verify_result(scene(told(change=at), "n2", Verb.STOP).actual)
    primary = scene(told("connected_uptodate_primary", change=at), "n1", Verb.STOP).actual
    assert "8 KiB of r0 differ" in verify_result(primary) and "on n2: drbdadm disconnect r0" in verify_result(primary)
    nobody = scene(told(change={**at, "role:Primary": "role:Secondary"}), "n2", Verb.STOP).actual
    assert "osvc-ha drbd invalidate r0 --yes" in verify_result(nobody)


@pytest.mark.parametrize(
    ("state", "local", "way"),
    [
        ("connected_uptodate_secondary", "n2", ""),
        ("diskless", "n2", "drbdadm attach r0"),
        ("peer_diskless", "n1", "on n2: "),
        ("synctarget", "n2", "resync from n1"),
        ("synctarget_paused", "n2", "drbdadm resume-sync r0 on the node where it was paused"),
        ("syncsource", "n1", "wait for it"),
        ("split_brain_n1", "n1", "drbdadm connect r0"),
        ("consistent_fenced", "n2", "bring the peer back"),
        ("fencing_suspended", "n1", "A Primary that stands still"),
        ("not_in_kernel", "n2", "drbdadm up r0"),
    ],
)
def test_everything_wrong_has_a_way_out(told, scene, state: str, local: str, way: str) -> None:
    """One sentence for each thing, with what to run; nothing while all is well."""
    look = scene(told(state), local, Verb.STOP)
    found = wrong(look.actual, look.desired)
    assert bool(found) == bool(way) and way in " ".join(found), found


@pytest.mark.parametrize(("state", "said"), [("connected_uptodate_primary", True), ("syncsource", False), ("connecting_primary", False)])
def test_a_note_that_outlived_its_partition_is_told_on_the_other_side_too(told, scene, state: str, said: bool) -> None:
    """n2 could not take over, so its Primary's status says so, and how to take it back; not before both have the same data."""
    node = told(state)
    node.host.files["/var/lib/osvc_ha/drbd/r0.fenced"] = "n2 A6FBB549D71C3186\n"
    look = scene(node, "n1", Verb.START)
    for lines in (wrong(look.actual, look.desired), notes(look.actual, look.desired)):
        assert ("osvc-ha drbd unfence r0 n2" in " ".join(lines)) is said, lines


def test_the_last_write_is_read_from_the_first_block() -> None:
    """ext tells its time, also after 2038; XFS and what is not known tell none; a short block does no harm."""
    block = bytearray(4096)
    block[1024 + 56 : 1024 + 58] = b"\x53\xef"
    block[1024 + 0x30 : 1024 + 0x34] = (5).to_bytes(4, "little")
    block[1024 + 0x274] = 1
    assert (parse_superblock(bytes(block)).kind, parse_superblock(bytes(block)).written) == ("ext", (1 << 32) + 5)
    assert (parse_superblock(b"XFSB" + bytes(4092)).kind, parse_superblock(b"").kind) == ("xfs", "")
