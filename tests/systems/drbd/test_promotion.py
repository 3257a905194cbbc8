"""What a promotion does on a node, and that none happens that could split or go backwards."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError, NotConverged, ObserveError, UnsafePlan
from osvc_ha.planner.reconcile import reconcile, status
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.drbd import SYSTEM
from osvc_ha.systems.drbd.config import parse
from osvc_ha.systems.drbd.plan import desired, plan
from osvc_ha.systems.drbd.plan.promotion import Kind, outlook
from osvc_ha.systems.drbd.plan.splitting import HARMLESS_DISKS, all_same
from osvc_ha.systems.drbd.state import CONNECTIONS, DISKS, REPLICATIONS, ROLES, Actual, Peer, PeerVolume, Resource, Split, Versions, Volume

READY = {"role:Primary": "role:Secondary"}
CONFIG = parse({"path": "prod/svc/db", "res": "r0", "fencing": "off"})


def ran(host, program: str) -> list[tuple[str, ...]]:
    """What was asked of a program that changes something."""
    telling = ("dump", "get-gi", "events2", "show", "--version", "status")
    return [argv for argv in host.ran if argv[0] == program and argv[1] not in telling]


def promoting(node, becomes: str) -> None:
    """`primary` does what it says."""
    base = node.drbdadm

    def primary(argv, text):
        if argv[1] == "primary":
            node.become(becomes, {})
        return base(argv, text)

    node.host.programs["drbdadm"] = primary


def start(node, scene, seen_by, local: str = "n2", alive=("n1", "n2", "n3"), **keywords: str):
    """START, as an agent asks for it."""
    config = parse({"path": "prod/svc/db", "res": "r0", **keywords})
    return reconcile(SYSTEM, config, seen_by(local, alive), Verb.START, node.host)


def test_d1_promotion_never_forces(told, scene, seen_by) -> None:
    """The one command is `drbdadm primary r0`."""
    node = told(change=READY)
    promoting(node, "connected_uptodate_primary")
    start(node, scene, seen_by)
    assert ran(node.host, "drbdadm") == [("drbdadm", "primary", "r0")]


def test_a_node_that_returns_in_the_middle_is_seen(told, scene, seen_by) -> None:
    """Planned while the peer was dead; it is back, and Primary, before `primary` is run: refused, and not run."""
    node = told("fencing_secondary_alone")
    base = node.drbdsetup

    def setup(argv, text):
        done = base(argv, text)
        if argv[1] == "show":
            node.become("connected_uptodate_secondary", {})
        return done

    node.host.programs["drbdsetup"] = setup
    with pytest.raises(ApplyError, match="n1 is Primary of r0"):
        start(node, scene, seen_by, alive=("n2", "n3"))
    assert ran(node.host, "drbdadm") == []


def test_a_start_at_rest_runs_one_program_besides_primary(told, scene, seen_by) -> None:
    """What the kernel runs it with is asked; how it is, /proc/drbd says, before `primary` and after it. The files are asked once."""
    node = told("fencing_secondary_alone")
    promoting(node, "connecting_primary")
    start(node, scene, seen_by, alive=("n2", "n3"))
    assert [argv[1] for argv in node.host.ran] == ["dump", "show", "primary"]
    node.become("fencing_secondary_alone", {})
    start(node, scene, seen_by, alive=("n2", "n3"))
    assert [argv[1] for argv in node.host.ran[3:]] == ["show", "primary"], "a later start asks the kernel anew"
    node.host.files["/etc/drbd.d/r1.res"] = "resource r1 {}"
    status(SYSTEM, CONFIG, seen_by("n2", ("n2", "n3")), node.host)
    assert [argv[1] for argv in node.host.ran[5:]] == ["dump", "show"], "another file, another answer"


@pytest.mark.parametrize(
    ("state", "local", "programs"),
    [
        ("synctarget", "n2", ["dump", "events2", "show", "get-gi"]),
        ("syncsource", "n1", ["dump", "events2", "show"]),
        ("verifying", "n1", ["dump", "events2", "show"]),
        ("two_volumes", "n1", ["dump", "events2", "show"]),
        ("fencing_suspended", "n1", ["dump", "events2", "show"]),
        ("standalone_disconnected", "n2", ["dump", "events2", "show", "dmesg"]),
        ("outdated", "n2", ["dump", "events2", "show", "dmesg", "get-gi"]),
        ("consistent_fenced", "n2", ["dump", "show", "get-gi"]),
        ("diskless", "n2", ["dump", "show", "get-gi"]),
        ("not_in_kernel", "n1", ["dump", "events2", "get-gi"]),
    ],
)
def test_what_moves_is_asked_about_by_events2(told, scene, state, local, programs) -> None:
    """And what is StandAlone by the kernel's log, and a disk that is not UpToDate by its generations."""
    node = told(state)
    scene(node, local, Verb.START)
    assert [argv[1] if len(argv) > 1 else argv[0] for argv in node.host.ran] == programs


def test_what_the_kernel_does_not_show_is_asked_about_by_events2(told, scene) -> None:
    """One minor is there and at rest; the kernel gives it to another resource, or does not say."""
    for answer in (
        Completed(10, "", "received netlink error reply: No such device"),
        Completed(0, "", ""),
        Completed(0, "resource r0 {", ""),
    ):
        node = told("connected_uptodate_secondary")
        base = node.drbdsetup
        node.host.programs["drbdsetup"] = lambda argv, text, base=base, answer=answer: answer if argv[1] == "show" else base(argv, text)
        seen = scene(node, "n2", Verb.START)
        assert [argv[1] for argv in node.host.ran] == ["dump", "show", "events2"]
        assert seen.actual.resource is not None and "drbdsetup show" in seen.refusal


def test_a_size_that_is_not_told_is_asked_about_by_events2(told, scene) -> None:
    """Whoever saves or overwrites a copy has to know it."""
    node = told("connected_uptodate_secondary")
    del node.host.files["/sys/block/drbd0/size"]
    assert scene(node, "n2", Verb.START).actual.resource.volumes[0].size == 65496
    assert [argv[1] for argv in node.host.ran] == ["dump", "show", "events2"]


def test_a_device_that_was_renumbered_in_the_file_alone_is_judged_by_the_kernels(told, scene) -> None:
    """The .res says minor 0, which is another resource's by now, and well; the kernel has r0 at minor 1, and that is Outdated."""
    node = told("connected_uptodate_secondary", change=READY)
    node.shown = {"minor 0": "minor 1"}
    lines = node.host.files["/proc/drbd"].splitlines(keepends=True)
    node.host.files["/proc/drbd"] += lines[2].replace(" 0:", " 1:").replace("ds:UpToDate/", "ds:Outdated/") + lines[3]
    assert "volume 0 of r0 on n2 is Outdated" in scene(node, "n2", Verb.START).refusal


def test_what_we_changed_ourselves_is_looked_at_anew(told, scene, seen_by) -> None:
    """`drbdadm connect` may change what the kernel runs it with: the next look takes no minor from before."""
    node = told("standalone_disconnected", change={})
    base = node.drbdadm

    def adm(argv, text):
        if argv[1] == "connect":
            node.become("connected_uptodate_secondary", READY)
        if argv[1] == "primary":
            node.become("connected_uptodate_primary", {})
        return base(argv, text)

    node.host.programs["drbdadm"] = adm
    start(node, scene, seen_by)
    assert [argv[1] for argv in node.host.ran if argv[0] != "dmesg"] == ["dump", "events2", "show", "connect", "events2", "primary", "show"]


def test_the_handlers_refusal_is_told_with_its_log(told, scene, seen_by) -> None:
    """`primary` asked the fence-peer handler, which said no: where to read why."""
    node = told("fencing_secondary_alone")
    words = "0: State change failed: (-7) Refusing to be Primary while peer is not outdated"
    base = node.drbdadm
    node.host.programs["drbdadm"] = lambda argv, text: Completed(11, "", words) if argv[1] == "primary" else base(argv, text)
    with pytest.raises(ApplyError, match=r"\(-7\).*see its log in /run/osvc_ha/drbd"):
        start(node, scene, seen_by, alive=("n2", "n3"))


def test_a_passing_refusal_is_tried_again(told, scene, seen_by) -> None:
    """While the peer changes its own state, DRBD refuses for a moment."""
    node = told(change=READY)
    base = node.drbdadm
    tries = []

    def primary(argv, text):
        if argv[1] != "primary":
            return base(argv, text)
        tries.append(argv)
        if len(tries) < 3:
            return Completed(11, "", "0: State change failed: (-10) State change was refused by peer node")
        node.become("connected_uptodate_primary", {})
        return Completed(0, "", "")

    node.host.programs["drbdadm"] = primary
    start(node, scene, seen_by)
    assert len(tries) == 3


def test_a_start_waits_for_the_peer_only_so_long(told, scene, seen_by) -> None:
    """connect_timeout seconds on the machine's own monotonic clock; then the refusal says what to do."""
    node = told("fencing_secondary_alone")
    before = node.host.clock
    with pytest.raises(ApplyError, match="n1 is alive but not connected"):
        start(node, scene, seen_by, connect_timeout="4")
    assert 3.9 <= node.host.clock - before <= 4.5
    assert ran(node.host, "drbdadm") == []


def test_nothing_asks_for_the_time_of_day(told, scene, seen_by, monkeypatch) -> None:
    """From the look to the wait and the promotion: a clock that jumps a year cannot matter to what does not ask it."""
    node = told("fencing_secondary_alone")
    promoting(node, "connecting_primary")
    asked = []
    monkeypatch.setattr(node.host, "now", lambda: asked.append("now"))
    monkeypatch.setattr("time.time", lambda: asked.append("time"))
    node.host.sleep = lambda seconds: node.become("connected_uptodate_secondary", READY)
    assert [step.do for step in start(node, scene, seen_by).steps] == ["wait", "promote"]
    assert asked == []


def test_how_far_the_resync_is_can_be_seen_while_a_start_waits_for_it(told, seen_by) -> None:
    """The node is down until then; its facts say percent and seconds."""
    config = parse({"path": "prod/svc/db", "res": "r0", "wait_sync": "3600"})
    found = status(SYSTEM, config, seen_by("n2", ("n2", "n3")), told("synctarget").host)
    assert found.status is Status.DOWN
    assert dict(found.facts)["n1"] == "Connected Primary UpToDate, resync from n1 18.8 % done, 23 s left"


def test_a_start_waits_for_a_resync_when_told_to(told, scene, seen_by) -> None:
    """wait_sync: it promotes as soon as the disk is UpToDate."""
    node = told("synctarget", change=READY)
    node.host.sleep = lambda seconds: node.become("connected_uptodate_secondary")
    promoting(node, "connected_uptodate_primary")
    done = start(node, scene, seen_by, wait_sync="60")
    assert [step.do for step in done.steps] == ["wait", "promote"]


def test_d8_a_cluster_that_is_quicker_than_drbd_waits_for_it(told, scene, seen_by) -> None:
    """The writer's node died, and DRBD still takes it for connected: promoted as soon as DRBD has noticed, not before."""
    node = told("connected_uptodate_secondary")
    node.host.sleep = lambda seconds: node.become("fencing_secondary_alone")
    base = node.drbdadm

    def primary(argv, text):
        if argv[1] == "primary":
            assert node.state == "fencing_secondary_alone"
            node.become("connecting_primary")
        return base(argv, text)

    node.host.programs["drbdadm"] = primary
    done = start(node, scene, seen_by, alive=("n2", "n3"))
    assert [step.do for step in done.steps] == ["wait", "promote"]
    assert ran(node.host, "drbdadm") == [("drbdadm", "primary", "r0")]


def test_d8_a_writer_that_drbd_never_loses_is_never_promoted_past(told, scene, seen_by) -> None:
    """The cluster is wrong, or DRBD's time-out is longer than connect_timeout: refused, and the role stays as it is."""
    node = told("connected_uptodate_secondary")
    with pytest.raises(ApplyError, match="n1 is Primary of r0, and dead to a majority of the cluster"):
        start(node, scene, seen_by, alive=("n2", "n3"), connect_timeout="3")
    assert ran(node.host, "drbdadm") == []


def test_what_was_standalone_is_marked_until_the_two_have_met(told, scene, seen_by) -> None:
    """The peer dies after our connect, before DRBD could compare the two: no later start takes that for a peer that merely died."""
    mark = "/var/lib/osvc_ha/drbd/r0.split-brain"
    node = told("standalone_disconnected")
    node.host.sleep = lambda seconds: node.become("fencing_secondary_alone")
    with pytest.raises(ApplyError, match="nobody knows why, and has not met its peer"):
        start(node, scene, seen_by, connect_timeout="1")
    with pytest.raises(UnsafePlan, match="nobody knows why, and has not met its peer"):
        start(node, scene, seen_by, alive=("n2", "n3"))
    assert mark in node.host.files
    assert ran(node.host, "drbdadm") == [("drbdadm", "connect", "r0")]
    node.become("connected_uptodate_secondary")
    scene(node, "n2", Verb.START)
    assert mark not in node.host.files


def test_d6_a_split_brain_that_a_look_saw_is_known_when_the_log_is_gone(told, scene, seen_by, text) -> None:
    """Whichever of handler and look is first: the kernel's log is a ring, and a reboot empties it."""
    node = told("split_brain_n1", change=READY)
    node.log = text("8.4/split_log")
    scene(node, "n1", Verb.START)
    node.log = ""
    node.become("fencing_secondary_alone", {})
    with pytest.raises(UnsafePlan, match="marked as a split brain since 1970-01-12"):
        start(node, scene, seen_by, local="n1", alive=("n1", "n3"))


def test_d6_another_reason_to_be_standalone_is_no_split_brain(told, scene, text) -> None:
    """A peer that is too small leaves no mark."""
    node = told("size_other_n1", change=READY)
    node.log = text("8.4/size_log_n1")
    assert scene(node, "n1", Verb.START).actual.split is None
    assert "/var/lib/osvc_ha/drbd/r0.split-brain" not in node.host.files


def test_a_mark_that_was_renewed_meanwhile_stays(told, scene) -> None:
    """It was read before the kernel was asked, so what it says now may be newer than what the kernel said."""
    mark = "/var/lib/osvc_ha/drbd/r0.split-brain"
    node = told(change=READY)
    node.host.files[mark] = "at=1\n"
    base = node.drbdsetup

    def setup(argv, text):
        node.host.files[mark] = "at=2\n"
        return base(argv, text)

    node.host.programs["drbdsetup"] = setup
    scene(node, "n2", Verb.START)
    assert node.host.files[mark] == "at=2\n"


def test_cannot_tell_is_not_down(told, seen_by) -> None:
    """The kernel does not say its role: undef, and the agent does not skip the stop."""
    node = told("connected_uptodate_primary")
    del node.host.programs["drbdsetup"]
    found = status(SYSTEM, parse({"path": "prod/svc/db", "res": "r0"}), seen_by("n1"), node.host)
    assert (found.status, "not found" in found.lines[0]) == (Status.UNDEF, True)


def hang(argv, text):
    """A program in uninterruptible sleep, as Host tells it."""
    raise ApplyError(f"{argv[0]}: no answer within 10 s, killed")


def failed_disk(node) -> None:
    """Whoever reads its metadata hangs."""
    node.become("connected_uptodate_primary", {" disk:UpToDate": " disk:Failed"})
    base = node.drbdadm
    node.host.programs["drbdadm"] = lambda argv, text: hang(argv, text) if argv[1] == "get-gi" else base(argv, text)


def missing(node) -> None:
    """drbd-utils half removed."""
    del node.host.programs["drbdadm"]


def hanging(node) -> None:
    """A file of another resource on a dead NFS server, a lock that is never freed."""
    node.host.programs["drbdadm"] = hang


def silent(node) -> None:
    """`show` fails, as it may when the utilities are older than the module."""
    base = node.drbdsetup
    node.host.programs["drbdsetup"] = lambda argv, text: hang(argv, text) if argv[1] == "show" else base(argv, text)


def unreadable(node) -> None:
    """An I/O error of the system's disk, in all that is ours."""
    node.host.broken.update({"/etc/drbd.conf", "/etc/drbd.d/r0.res", "/run/osvc_ha/drbd/r0.resync-0"})
    node.host.broken.update({"/var/lib/osvc_ha/drbd/r0.fenced", "/var/lib/osvc_ha/drbd/r0.split-brain"})


@pytest.mark.parametrize("trouble", [failed_disk, missing, hanging, silent, unreadable])
def test_a_stop_needs_the_kernel_alone(told, seen_by, trouble) -> None:
    """Its disk, drbdadm, its file, its notes: a failover is due when one of them is broken, and the role goes all the same."""
    node = told("connected_uptodate_primary")
    trouble(node)
    base = node.host.programs["drbdsetup"]

    def setup(argv, text):
        if argv[1] == "secondary":
            node.become("connected_uptodate_secondary", READY)
            return Completed(0, "", "")
        return base(argv, text)

    node.host.programs["drbdsetup"] = setup
    reconcile(SYSTEM, parse({"path": "prod/svc/db", "res": "r0"}), seen_by("n1"), Verb.STOP, node.host)
    assert ran(node.host, "drbdsetup") == [("drbdsetup", "secondary", "0")]


@pytest.mark.parametrize("trouble", [missing, hanging, silent, unreadable])
def test_what_cannot_be_told_promotes_nobody(told, scene, seen_by, trouble) -> None:
    """The role is known, so the status is not undef; a start is refused with the doubt, and a Primary stays up with it as a warning."""
    node = told(change=READY)
    trouble(node)
    with pytest.raises(UnsafePlan, match="whether r0 may be promoted cannot be told: .*(not found|no answer|broken)"):
        start(node, scene, seen_by)
    assert ran(node.host, "drbdadm") == []
    config = parse({"path": "prod/svc/db", "res": "r0"})
    assert status(SYSTEM, config, seen_by("n2"), node.host).status is Status.DOWN
    node.become("connected_uptodate_primary", {})
    found = status(SYSTEM, config, seen_by("n1"), node.host)
    assert found.status is Status.UP and "cannot be told" in found.lines[0]


def test_a_res_that_is_not_utf8_is_read_all_the_same(told, seen_by, tmp_path, monkeypatch) -> None:
    """Somebody's name in a comment, in Latin 1: drbdadm does not mind, so no stop fails for it."""
    node = told("connected_uptodate_primary")
    (tmp_path / "r0.res").write_bytes(b"# M\xfcller\n")
    fake = node.host.read
    real = Host()
    monkeypatch.setattr(
        node.host, "read", lambda path, lossy=False: real.read(tmp_path / "r0.res", lossy) if path.name == "r0.res" else fake(path, lossy)
    )
    found = status(SYSTEM, parse({"path": "prod/svc/db", "res": "r0"}), seen_by("n1"), node.host)
    assert (found.status, found.lines) == (Status.UP, ())


def test_an_unreadable_res_is_not_overwritten(told, scene, seen_by) -> None:
    """Rendered or not, Primary or not: whose it is cannot be told."""
    for state, local in (("connected_uptodate_primary", "n1"), ("connected_uptodate_secondary", "n2")):
        node = told(state)
        node.host.broken.add("/etc/drbd.d/r0.res")
        seen = scene(node, local, Verb.START, render="true", disk="/dev/vg/r0")
        assert seen.done == (() if local == "n1" else ("resolve",))


def test_d11_stop_runs_one_command_and_it_needs_no_file(told, scene, seen_by) -> None:
    """The role goes and nothing else: no down, no disconnect, and nothing by drbdadm, which a broken file keeps from it."""
    node = told("connected_uptodate_primary", dump="")
    base = node.drbdsetup

    def setup(argv, text):
        if argv[1] == "secondary":
            node.become("connected_uptodate_secondary", {})
        return base(argv, text)

    node.host.programs["drbdsetup"] = setup
    reconcile(SYSTEM, parse({"path": "prod/svc/db", "res": "r0"}), seen_by("n1"), Verb.STOP, node.host)
    assert ran(node.host, "drbdsetup") == [("drbdsetup", "secondary", "0")]
    assert ran(node.host, "drbdadm") == []


def test_d9_who_holds_the_device_is_said(told, seen_by, text) -> None:
    """The demotion waits demote_timeout, then names mount, process and what is stacked on the device."""
    node = told("connected_uptodate_primary")
    base = node.drbdsetup
    words = "0: State change failed: (-12) Device is held open by someone"
    node.host.programs["drbdsetup"] = lambda argv, text: Completed(11, "", words) if argv[1] == "secondary" else base(argv, text)
    node.host.programs["find"] = Completed(1, "/proc/990/fd/3\n", "find: '/proc/7/fd': Permission denied")
    node.host.files["/proc/990/mountinfo"] = text("8.4/mountinfo")
    node.host.files["/proc/990/cmdline"] = "sleep\x0020\x00"
    node.host.files["/sys/block/drbd0/holders/dm-3"] = ""
    with pytest.raises(
        ApplyError, match=r"(?s)/dev/drbd0 is still held open after 2 s:.*mounted on /srv/d.*process 990 \(sleep 20\)"
    ) as error:
        reconcile(SYSTEM, parse({"path": "prod/svc/db", "res": "r0", "demote_timeout": "2"}), seen_by("n1"), Verb.STOP, node.host)
    assert "dm-3 is built on it" in str(error.value)


def test_a_rendered_file_that_drbdadm_refuses_is_not_written(told, seen_by) -> None:
    """A broken .res would break every other resource of the node."""
    node = told("", dump="other_resource")
    del node.host.files["/etc/drbd.d/r0.res"]
    base = node.drbdadm
    node.host.programs["drbdadm"] = lambda argv, text: (
        Completed(10, "", f"{argv[2]}:3: Parse error") if argv[1] == "-c" else base(argv, text)
    )
    config = parse({"path": "prod/svc/db", "res": "r0", "render": "true", "disk": "/dev/vg/r0"})
    with pytest.raises(ApplyError, match="drbdadm refuses it, so the old one stays"):
        reconcile(SYSTEM, config, seen_by("n1"), Verb.START, node.host)
    assert "/etc/drbd.d/r0.res" not in node.host.files


def test_an_unsafe_start_touches_nothing(told, scene, seen_by) -> None:
    """Refused is refused: no program that changes anything is run."""
    node = told("fencing_secondary_alone")
    with pytest.raises(UnsafePlan):
        start(node, scene, seen_by, alive=("n2",))
    assert ran(node.host, "drbdadm") + ran(node.host, "drbdsetup") == []


def test_a_promotion_that_did_not_last_is_no_success(told, scene, seen_by) -> None:
    """drbdadm said 0, and the role is Secondary all the same."""
    with pytest.raises((NotConverged, ApplyError, ObserveError)):
        start(told(change=READY), scene, seen_by)


volumes = st.builds(Volume, st.just(0), st.just(0), st.sampled_from(DISKS), st.just(1), st.sampled_from((None, True, False)))
peer_volumes = st.builds(PeerVolume, st.just(0), st.sampled_from(DISKS), st.sampled_from(REPLICATIONS))
peers = st.builds(
    Peer,
    st.sampled_from(("n2", "n3", "n9")),
    st.sampled_from(CONNECTIONS),
    st.sampled_from(ROLES),
    st.lists(peer_volumes, max_size=1).map(tuple),
)
resources = st.builds(
    Resource,
    st.just("r0"),
    st.just("Secondary"),
    st.lists(volumes, max_size=2).map(tuple),
    st.lists(peers, max_size=2, unique_by=lambda peer: peer.name).map(tuple),
)


splits = st.none() | st.builds(Split, st.just("2026-11-24"), st.booleans(), st.sampled_from(("", "n2")))


@given(resources, st.sets(st.sampled_from(("n1", "n2", "n3"))), st.sampled_from(("", "split brain")), st.booleans(), splits, st.booleans())
def test_no_promotion_that_could_split_or_go_backwards(seen_by, resource, alive, dropped, noted, split, resyncing) -> None:
    """READY means: good data here, nobody Primary, and of each peer known that it cannot be writing."""
    actual = Actual(
        "n1",
        Versions((8, 4, 11)),
        resource=resource,
        dropped=dropped,
        fenced=("n1",) if noted else (),
        split=split,
        resyncing=(0,) if resyncing else (),
    )
    wanted = desired(CONFIG, seen_by("n1", alive | {"n1"}), Verb.START)
    found = outlook(actual, wanted)
    assert (found.kind is Kind.READY) == (found.why == "")
    if found.kind is not Kind.READY:
        assert "; " in found.why or "still" in found.why or "not up" in found.why
        return
    assert resource.volumes
    assert {volume.disk for volume in resource.volumes} == {"UpToDate"}
    assert all(volume.quorum is not False for volume in resource.volumes)
    assert not noted
    assert not resyncing or all_same(resource)
    for peer in resource.peers:
        assert peer.role != "Primary"
        harmless = bool(peer.volumes) and all(volume.disk in HARMLESS_DISKS for volume in peer.volumes)
        dead = peer.name in wanted.cluster and peer.name not in wanted.alive and wanted.majority
        assert peer.connected or harmless or (dead and peer.connection != "StandAlone")
        assert not (peer.connection == "StandAlone" and dropped)
        if split is not None and split.peer in ("", peer.name):
            assert peer.connected or (harmless and not split.known)


@given(resources, st.sampled_from(list(Verb)), st.booleans())
def test_nothing_is_planned_but_what_the_verb_may(seen_by, resource, verb, passive) -> None:
    """FOLLOW does nothing, STOP never promotes, START never demotes, the passive side never promotes."""
    config = parse({"path": "prod/svc/db", "res": "r0", "fencing": "off", "passive": str(passive).lower()})
    steps = {step.do for step in plan(Actual("n1", resource=resource), desired(config, seen_by("n1"), verb))}
    allowed = {
        Verb.START: {"resolve", "up", "connect", "wait"} | (set() if passive else {"promote"}),
        Verb.STOP: {"demote"},
        Verb.FOLLOW: set(),
        Verb.PROVISION: {"resolve", "create-metadata", "up", "first-sync"},
        Verb.UNPROVISION: {"demote", "down"},
    }
    assert steps <= allowed[verb]
