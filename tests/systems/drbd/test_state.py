"""The parsers, on what the real programs printed, on what they never print, and on half of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.drbd.state.configured import parse_dump, parse_show
from osvc_ha.systems.drbd.state.events import parse_events
from osvc_ha.systems.drbd.state.generations import parse_generations
from osvc_ha.systems.drbd.state.holders import mounts_of, process, sentence, stacked_on, swaps_of
from osvc_ha.systems.drbd.state.includes import includes
from osvc_ha.systems.drbd.state.json_status import parse_status
from osvc_ha.systems.drbd.state.kernel_log import parse_reason
from osvc_ha.systems.drbd.state.progress import parse_code, parse_progress, parse_version
from osvc_ha.systems.drbd.state.resting import resting, same_shape, shape_of

EVENTS = 'exists resource name:r0 role:Secondary suspended:no\nexists device name:r0 volume:0 minor:0 disk:UpToDate size:9\nexists -\n"{};#'


def test_d10_a_running_resync_of_8_4_is_read_without_json(text) -> None:
    """8.4 has no --json: events2 tells the states, /proc/drbd how far the resync is."""
    found = parse_events(text("8.4/synctarget/events2"), "r0")
    assert found is not None
    assert found.role == "Secondary"
    assert (found.volumes[0].disk, found.volumes[0].size) == ("Inconsistent", 65496)
    assert (found.peers[0].connection, found.peers[0].role) == ("Connected", "Primary")
    assert (found.peers[0].volumes[0].replication, found.peers[0].volumes[0].out_of_sync) == ("SyncTarget", 55640)
    assert parse_progress(text("8.4/synctarget/proc_drbd")) == {0: (18.8, 23)}
    assert parse_progress(text("8.4/verifying/proc_drbd")) == {0: (43.8, 1)}
    assert parse_progress(text("8.4/two_volumes/proc_drbd")) == {0: (18.8, 4), 1: (30.0, 3)}
    assert parse_version(text("8.4/synctarget/proc_drbd")) == (8, 4, 11)
    assert parse_code("DRBD_KERNEL_VERSION_CODE=0x08040b\n") == (8, 4, 11)
    assert parse_code("DRBD_KERNEL_VERSION_CODE=0x000000\n") == ()


AT_REST = (
    "connected_uptodate_primary",
    "connected_uptodate_secondary",
    "connecting_primary",
    "fencing_secondary_alone",
    "consistent_fenced",
)
MOVING = ("synctarget", "syncsource", "verifying", "two_volumes", "fencing_suspended", "split_brain_n1", "standalone_disconnected")


SIZES = {0: 65496, 1: 40920}


def rest_of(text, state: str, **changed: str):
    """The resource out of a recorded /proc/drbd and `drbdsetup show`, with words replaced."""
    proc = text(f"8.4/{state}/proc_drbd")
    for old, new in changed.values():
        assert old in proc
        proc = proc.replace(old, new)
    shape = shape_of(parse_show(text(f"8.4/{state}/show"), "r0"), SIZES)
    return None if shape is None else resting(proc, "r0", shape)


@pytest.mark.parametrize("state", AT_REST)
def test_8_4_at_rest_tells_without_events2_what_events2_tells(text, state) -> None:
    """Word for word, from the same moment of a real kernel: role, disks, connection, size, what is out of sync."""
    told = parse_events(text(f"8.4/{state}/events2"), "r0")
    assert told is not None
    assert rest_of(text, state) == told
    assert resting(text(f"8.4/{state}/proc_drbd"), "r0", same_shape(told)) == told


@pytest.mark.parametrize("state", MOVING)
def test_8_4_that_moves_is_asked_about_by_events2(text, state) -> None:
    """A resync, a verify, suspended I/O and a dropped peer."""
    assert rest_of(text, state) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" C r-----", " C s-----"),
        (" C r-----", " C r---d-"),
        ("cs:Connected", "cs:VerifyS"),
        ("cs:Connected", "cs:Unconfigured"),
        ("cs:Connected", "cs:Teardown"),
        ("ro:Secondary", "ro:Tertiary"),
        ("ds:UpToDate", "ds:Sparkling"),
        (" oos:0", ""),
        (" 0: cs", " 7: cs"),
    ],
)
def test_a_word_that_is_not_at_rest_is_asked_about(text, old, new) -> None:
    """Any doubt is events2's."""
    assert rest_of(text, "connected_uptodate_secondary", change=(old, new)) is None


def test_the_kernels_minor_is_judged_whatever_the_file_says(text) -> None:
    """Another resource has minor 0 and is well; the kernel gives r0 minor 1, which is not."""
    show = text("8.4/connected_uptodate_secondary/show").replace("minor 0", "minor 1")
    lines = text("8.4/connected_uptodate_secondary/proc_drbd").splitlines(keepends=True)
    other = [lines[2].replace(" 0:", " 1:").replace("ds:UpToDate/", "ds:Outdated/"), lines[3]]
    found = resting("".join([*lines, *other]), "r0", shape_of(parse_show(show, "r0"), SIZES))
    assert (found.volumes[0].minor, found.volumes[0].disk) == (1, "Outdated")
    assert resting("".join(lines), "r0", shape_of(parse_show(show, "r0"), SIZES)) is None


def test_volumes_that_disagree_are_asked_about(text) -> None:
    """Of one resource, all have one role and one connection; where the text says otherwise it was read in the middle of a change."""
    show = text("8.4/two_volumes/show")
    lines = text("8.4/connected_uptodate_secondary/proc_drbd").splitlines(keepends=True)
    shape = shape_of(parse_show(show, "r0"), SIZES)
    both = [*lines, lines[2].replace(" 0:", " 1:"), lines[3]]
    assert [volume.size for volume in resting("".join(both), "r0", shape).volumes] == [65496, 40920]
    assert resting("".join([*both[:4], both[4].replace("cs:Connected", "cs:WFConnection"), both[5]]), "r0", shape) is None
    assert resting("".join(both[:4]), "r0", shape) is None
    assert shape_of(parse_show(show, "r0"), {0: 65496}) is None, "a size that is not told"


def test_json_of_9_tells_the_same(text) -> None:
    """Two peers, one resyncing us, one not there; quorum and holders are told."""
    found = parse_status(text("9/status.json"), "r0")
    assert found is not None
    assert (found.volumes[0].quorum, found.volumes[0].open) == (True, False)
    assert [(peer.name, peer.connection, peer.role) for peer in found.peers] == [
        ("n2", "Connected", "Primary"),
        ("n3", "Connecting", "Unknown"),
    ]
    assert (found.peers[0].volumes[0].done, found.peers[0].volumes[0].left) == (15.05, 24)
    assert parse_status(text("9/status.json"), "r1") is None


def test_not_in_the_kernel_is_no_resource(text) -> None:
    """That is told, and differs from an answer that was cut."""
    assert parse_events(text("8.4/not_in_kernel/events2"), "r0") is None
    with pytest.raises(ObserveError, match="is cut"):
        parse_events("", "r0")


@pytest.mark.parametrize("state", ["split_brain_n1", "fencing_suspended", "outdated", "diskless", "two_volumes", "verifying"])
def test_a_cut_answer_is_no_answer(text, state) -> None:
    """Wherever the text ends, it tells all or it tells nothing: a peer that is not mentioned would be a peer that is not there."""
    whole = text(f"8.4/{state}/events2")
    for end in range(len(whole.rstrip())):
        with pytest.raises(ObserveError):
            parse_events(whole[:end], "r0")


def test_a_state_that_nobody_knows_is_no_answer(text) -> None:
    """A DRBD of the future is not acted on by guessing."""
    with pytest.raises(ObserveError, match="disk is 'Sparkling'"):
        parse_events(text("8.4/diskless/events2").replace("Diskless", "Sparkling"), "r0")


def test_frozen_writes_are_seen(text) -> None:
    """Of two nodes that lost each other, the Primary's I/O waits for its handler."""
    found = parse_events(text("8.4/fencing_suspended/events2"), "r0")
    assert found is not None
    assert (found.suspended, found.primary) == ("fencing", True)


def test_configuration_is_read_with_what_is_common(text) -> None:
    """Handlers and policies stand in `common`, which `drbdadm dump RES` leaves out."""
    found = parse_dump(text("8.4/dump_fenced"), "r0")
    assert found is not None
    assert found.fencing == "resource-and-stonith"
    assert found.handlers["fence-peer"].endswith("/drbd-fence-peer")
    assert found.net["verify-alg"] == "crc32c"
    assert [(one.host, one.address, one.disks, one.minors) for one in found.hosts] == [
        ("n1", "10.77.0.1:7788", ("/dev/ubda",), (0,)),
        ("n2", "10.77.0.2:7788", ("/dev/ubda",), (0,)),
    ]
    two = parse_dump(text("8.4/dump_two_volumes"), "r0")
    assert two is not None
    assert two.hosts[0].minors == (0, 1)
    assert parse_dump(text("8.4/dump_two_primaries"), "r1-U") is not None
    nine = parse_dump(text("9/dump"), "r0")
    assert nine is not None
    assert (nine.quorum, nine.hosts[1].disks, nine.hosts[2].address) == ("majority", ("/dev/vg/other",), "[fd00::3]:7789")


def test_what_the_kernel_was_told_is_read(text) -> None:
    """An edited file does not change it."""
    found = parse_show(text("8.4/consistent_fenced/show"), "r0")
    assert found is not None
    assert (found.fencing, found.hosts[0].disks, found.two_primaries) == ("resource-and-stonith", ("/dev/ubda",), False)


@pytest.mark.parametrize(
    ("log", "words"),
    [("split_log", "split brain: both sides were written"), ("size_log_n1", "the peer's disk is smaller"), ("size_log_n2", "")],
)
def test_the_kernel_says_why_it_dropped_the_peer(text, log, words) -> None:
    """The reason is in the status line; the side that was dropped has none, and none is made up."""
    found = parse_reason(text(f"8.4/{log}"), "r0", (0,))
    assert found.startswith(words)
    assert bool(found) == bool(words)
    assert parse_reason(text(f"8.4/{log}"), "r7", (7,)) == ""


def test_a_reason_is_over_once_the_peers_have_met_again(text) -> None:
    """A split brain of last week is not told today."""
    log = text("8.4/split_log") + "[ 70.1] block drbd0: conn( WFReportParams -> Connected ) pdsk( DUnknown -> UpToDate )\n"
    assert parse_reason(log, "r0", (0,)) == ""


@pytest.mark.parametrize(
    "said",
    [
        "uuid_compare()=-1000 by rule 100",
        "Unrelated data, aborting!",
    ],
)
def test_metadata_of_another_resource_is_told(said) -> None:
    """DRBD's metadata has no name in it, so it is seen only when the peers compare their generations."""
    assert "metadata of another resource" in parse_reason(f"[    1.0] block drbd0: {said}\n", "r0", (0,))


def test_holders_are_named(text) -> None:
    """Who stops a demotion is told by mount point, device, process and command."""
    assert [one.what for one in mounts_of(text("8.4/mountinfo"), (0,))] == ["it is mounted on /srv/d; umount /srv/d"]
    assert mounts_of(text("8.4/mountinfo"), (1,)) == ()
    assert [one.what for one in mounts_of("30 22 147:0 / /srv/a\\040b rw - ext4 /dev/drbd0 rw", (0,))][0].endswith("umount /srv/a b")
    assert swaps_of("Filename Type\n/dev/drbd0 partition 1 0 -2\n", (0,))[0].what == "it is used as swap; swapoff /dev/drbd0"
    assert "dm-3 is built on it" in stacked_on({0: ("dm-3",)})[0].what
    assert process(7, "dd\0if=/dev/drbd0\0").what == "process 7 (dd if=/dev/drbd0) has it open"
    assert sentence(()).startswith("nobody that /proc names")


def test_metadata_that_is_new_differs_from_metadata_with_data(text) -> None:
    """Only through the first may a first sync go."""
    assert parse_generations(text("8.4/gi_just_created"), "").kind == "just-created"
    assert parse_generations(text("8.4/gi_with_data"), "").kind == "ours"
    assert parse_generations("", text("8.4/gi_none")).kind == "none"
    assert parse_generations("", "", code=1).kind == "none"
    assert parse_generations("", "", code=0).kind == "unknown"
    assert parse_generations("", "open(/dev/vg/r0) failed: No such file or directory").kind == "unreadable"


@pytest.mark.parametrize(
    ("conf", "patterns"),
    [
        ('# include "no";\ninclude "drbd.d/*.res"; include drbd.d/global_common.conf;', ("drbd.d/*.res", "drbd.d/global_common.conf")),
        ('include "/etc/other/r?.res";\nresource r0 { handlers { fence-peer "sh -c \\"include x;\\""; } }', ("/etc/other/r?.res",)),
        ("", ()),
        ('include "drbd.d/[ab].res";', None),
        ('include "drbd.d/{a,b}.res";', None),
        ('include "../drbd.d/a.res";', None),
        ('include "*/a.res";', None),
        ('include "a" "b";', None),
        ('include "a.res"', None),
        ('include "a.res', None),
        ('skip include "a.res";', None),
        ('resource r0 { include "a.res"; }', None),
        ('resource r0 { template-file "a"; }', None),
        ("resource r0 { floating 10.0.0.1:7788; }", None),
        ("resource r0 {", None),
    ],
)
def test_what_drbdadm_reads_besides_is_known_or_nothing_is_kept(conf, patterns) -> None:
    """Of an include in a form that is not understood, nobody says which files it names."""
    assert includes(conf) == patterns


PARSERS = [
    lambda text: parse_events(text, "r0"),
    lambda text: parse_status(text, "r0"),
    lambda text: parse_dump(text, "r0"),
    lambda text: parse_show(text, "r0"),
    parse_progress,
    parse_version,
    parse_code,
    lambda text: resting(text, "r0", ((0, 0, 9),)),
    includes,
    lambda text: parse_reason(text, "r0", (0,)),
    lambda text: parse_generations(text, text),
    lambda text: mounts_of(text, (0,)),
    lambda text: swaps_of(text, (0,)),
]
PIECES = st.lists(st.one_of(st.sampled_from(EVENTS.split(" ")), st.sampled_from(list('{};"# \n:[],')), st.text(max_size=8))).map("".join)


@given(st.sampled_from(PARSERS), st.one_of(st.text(), PIECES))
def test_bad_text_is_never_more_than_cannot_tell(parse, bad) -> None:
    """Whatever a program prints, the status is undef and not a stack trace."""
    try:
        parse(bad)
    except ObserveError as error:
        assert str(error)


SAMPLES = Path(__file__).parent / "samples"


@given(st.sampled_from(sorted(SAMPLES.rglob("[a-z]*"))), st.sampled_from(PARSERS), st.data())
def test_a_spoiled_sample_is_never_more_than_cannot_tell(file, parse, data) -> None:
    """Nor when it is nearly right: a word lost, doubled or put elsewhere."""
    words = file.read_text(encoding="utf-8").split(" ") if file.is_file() else []
    at, to = (data.draw(st.integers(0, len(words))) for _ in range(2))
    try:
        parse(" ".join(words[:at] + words[to:]))
    except ObserveError as error:
        assert str(error)
