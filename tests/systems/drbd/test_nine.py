"""DRBD 9, as its utilities print it: JSON, many peers, and a quorum of its own."""

from __future__ import annotations

import pytest

from osvc_ha.planner.errors import ApplyError, UnsafePlan
from osvc_ha.planner.reconcile import reconcile, status
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.drbd import SYSTEM
from osvc_ha.systems.drbd.config import parse
from osvc_ha.systems.drbd.plan import notes

CONFIG = parse({"path": "prod/svc/db", "res": "r0"})
ALL = ("n1", "n2", "n3")


def do(node, seen_by, verb: Verb, alive=ALL) -> list[str]:
    """The verb, on n1; the steps that were taken."""
    return [step.do for step in reconcile(SYSTEM, CONFIG, seen_by("n1", alive), verb, node.host).steps]


def words(node) -> list[tuple[str, ...]]:
    """What was run."""
    return [argv for argv in node.host.ran if argv[1:2] not in ((), ("dump",), ("status",), ("show",))]


def test_d10_9_is_asked_by_json(nine, seen_by) -> None:
    """Promoted by one command, its state read as JSON before and after; nothing of it stands in /proc/drbd."""
    node = nine()
    assert do(node, seen_by, Verb.START) == ["promote"]
    assert words(node) == [("drbdadm", "primary", "r0")]
    assert {argv[1:3] for argv in node.host.ran if argv[0] == "drbdsetup"} == {("status", "--json"), ("show", "r0")}
    assert status(SYSTEM, CONFIG, seen_by("n1", ALL), node.host).status is Status.UP


def test_a_role_of_9_is_never_a_glance(nine, seen_by) -> None:
    """/proc/drbd says the same whatever the role: the last look does not hold."""
    node = nine()
    status(SYSTEM, CONFIG, seen_by("n1", ALL), node.host)
    assert SYSTEM.glance is not None and SYSTEM.glance(CONFIG, seen_by("n1", ALL), node.host) is None


def test_stop_of_9_demotes_by_name(nine, seen_by) -> None:
    """8.4 takes a minor; 9 the resource."""
    node = nine()
    node.became(role="Primary")
    assert do(node, seen_by, Verb.STOP) == ["demote"]
    assert words(node) == [("drbdsetup", "secondary", "r0")]


def test_exit_code_10_means_that_it_is_not_up(nine, seen_by, scene) -> None:
    """Brought up, and waited for."""
    node = nine()
    node.there = False
    assert scene(node, "n1", Verb.START).done == ("up", "wait", "promote")
    assert scene(node, "n1", Verb.STOP).done == ()


def test_without_quorum_nobody_is_promoted(nine, seen_by) -> None:
    """DRBD would refuse it too; we say why."""
    node = nine()
    node.gone("n2")
    node.gone("n3")
    node.became(device={"quorum": False})
    with pytest.raises(UnsafePlan, match="volume 0 of r0 has no quorum; bring back the other nodes"):
        do(node, seen_by, Verb.START, ("n1", "n3"))


def test_a_primary_that_lost_its_quorum_says_so_and_can_be_stopped(nine, seen_by, scene) -> None:
    """Up, with what is wrong; a stop demotes it."""
    node = nine()
    node.became(device={"quorum": False}, role="Primary", suspended=True, **{"suspended-quorum": True})
    look = scene(node, "n1", Verb.START)
    said = " ".join(notes(look.actual, look.desired))
    assert look.done == () and "all I/O of r0 is frozen (quorum)" in said and "has no quorum" in said
    assert do(node, seen_by, Verb.STOP) == ["demote"]


def test_a_primary_elsewhere_is_refused_and_one_that_died_is_waited_for(nine, seen_by) -> None:
    """Of several peers, the one that writes is named."""
    node = nine()
    node.peer("n2", {"peer-role": "Primary"}, "UpToDate")
    with pytest.raises(UnsafePlan, match="n2 is Primary of r0"):
        do(node, seen_by, Verb.START)
    node.host.sleep = lambda seconds: node.gone("n2")
    assert do(node, seen_by, Verb.START, ("n1", "n3")) == ["wait", "promote"]


def test_d3_quorum_and_fencing_together_are_refused(nine, seen_by, text) -> None:
    """Two judges with different jurors."""
    node = nine(text("9/dump").replace("protocol           C;", "protocol           C; fencing resource-and-stonith;"))
    with pytest.raises(UnsafePlan, match="r0 has quorum majority and fencing resource-and-stonith; use one"):
        do(node, seen_by, Verb.START)


def test_d3_neither_is_refused(nine, seen_by, text) -> None:
    """9 without a quorum and without fencing."""
    node = nine(text("9/dump").replace("quorum           majority;", ""))
    with pytest.raises(UnsafePlan, match="neither fencing nor quorum"):
        do(node, seen_by, Verb.START)


def test_d4_frozen_io_is_asking_for_trouble(nine, scene, text) -> None:
    """A manager that has to stop a service cannot unmount what is frozen."""
    node = nine(text("9/dump").replace("on-no-quorum     io-error;", "on-no-quorum suspend-io;"))
    look = scene(node, "n1", Verb.START)
    assert "on-no-quorum and on-no-data-accessible should both be io-error" in " ".join(notes(look.actual, look.desired))


def test_a_connection_that_9_has_removed_counts_as_standalone(nine, seen_by) -> None:
    """`drbdadm disconnect` takes it out of the status altogether: connected again, and not promoted before it is there."""
    node = nine()
    node.found["connections"] = [one for one in node.found["connections"] if one["name"] != "n2"]
    with pytest.raises(ApplyError, match="n2 is alive but not connected"):
        do(node, seen_by, Verb.START)
    assert words(node) == [("drbdadm", "connect", "r0")]


def test_the_quorum_of_9_proves_that_a_dead_peer_has_not_written(nine, seen_by) -> None:
    """With its majority here, whoever is StandAlone and gone had none: no split brain."""
    node = nine()
    node.found["connections"] = [one for one in node.found["connections"] if one["name"] != "n2"]
    assert do(node, seen_by, Verb.START, ("n1", "n3")) == ["connect", "promote"]


def test_an_override_of_9_goes_past_a_peer_that_is_not_heard(nine, seen_by) -> None:
    """There is no handler to ask: DRBD's own quorum has the last word."""
    node = nine()
    node.gone("n2")
    with pytest.raises(ApplyError, match="n2 is alive but not connected"):
        do(node, seen_by, Verb.START)
    config = parse({"path": "prod/svc/db", "res": "r0", "allow_promote_alone": "true"})
    assert [step.do for step in reconcile(SYSTEM, config, seen_by("n1", ALL), Verb.START, node.host).steps] == ["promote"]
