"""What provisioning does to disks."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from osvc_ha.host import Completed
from osvc_ha.planner.errors import ApplyError, NotConverged
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb
from osvc_ha.systems.drbd import SYSTEM
from osvc_ha.systems.drbd.config import parse

NONE = Completed(1, "", "")


def provision(node, seen_by, **keywords: str):
    """PROVISION on n1."""
    config = parse({"path": "prod/svc/db", "res": "r0", "connect_timeout": "1", **keywords})
    return reconcile(SYSTEM, config, seen_by("n1"), Verb.PROVISION, node.host)


def running(node, answers):
    """Let drbdadm do what is asked, and note it."""
    base, asked = node.drbdadm, []

    def program(argv, text):
        if argv[1] in ("dump", "get-gi", "--version"):
            return base(argv, text)
        asked.append(argv[1:])
        return answers(argv) or Completed(0, "", "")

    node.host.programs["drbdadm"] = program
    return asked


def test_d1_the_first_sync_forces_only_what_was_just_created(told, seen_by, text) -> None:
    """Both disks are new and connected: one is made the source, and is Secondary again at once."""
    node = told("not_in_kernel")
    node.generations = NONE

    def answers(argv):
        if argv[1] == "create-md":
            node.generations = Completed(0, text("8.4/gi_just_created"), "")
        if argv[1] == "up":
            node.become("connected_inconsistent")
        if argv[1:3] == ("primary", "--force"):
            node.become("syncsource", {"role:Primary": "role:Secondary"})

    asked = running(node, answers)
    provision(node, seen_by)
    assert asked == [("create-md", "r0/0"), ("up", "r0"), ("primary", "--force", "r0"), ("secondary", "r0")]


def test_d1_a_leader_reborn_empty_forces_nothing(told, seen_by, text) -> None:
    """Its disk is new, its peer has the data: it is resynced, not the other way round."""
    node = told("not_in_kernel")
    node.generations = NONE

    def answers(argv):
        if argv[1] == "create-md":
            node.generations = Completed(0, text("8.4/gi_just_created"), "")
        if argv[1] == "up":
            node.become("synctarget", {})

    asked = running(node, answers)
    provision(node, seen_by, provision_alone="true")
    assert asked == [("create-md", "r0/0"), ("up", "r0")]


def test_metadata_with_data_is_taken_as_it_is(told, seen_by) -> None:
    """Provisioned again after it was unprovisioned: the data is still there."""
    node = told("not_in_kernel")

    def answers(argv):
        if argv[1] == "up":
            node.become("connected_uptodate_secondary", {"role:Primary": "role:Secondary"})

    asked = running(node, answers)
    provision(node, seen_by)
    assert asked == [("up", "r0")]


def test_a_disk_with_a_file_system_is_refused_in_drbds_words(told, seen_by) -> None:
    """create-md is never forced, so what it finds stays."""
    node = told("not_in_kernel")
    node.generations = NONE
    found = Completed(40, "Found ext3 filesystem\nDevice size would be truncated\nOperation refused.", "")
    running(node, lambda argv: found if argv[1] == "create-md" else None)
    with pytest.raises(ApplyError, match="Found ext3 filesystem .* Operation refused"):
        provision(node, seen_by)


def test_an_up_that_failed_halfway_is_taken_back(told, seen_by) -> None:
    """A resource in the kernel without a disk would be taken for a detached one."""
    node = told("not_in_kernel")
    asked = running(node, lambda argv: Completed(1, "", "No valid meta data found") if argv[1] == "up" else None)
    with pytest.raises(ApplyError, match="No valid meta data found"):
        provision(node, seen_by)
    assert asked == [("up", "r0"), ("down", "r0")]


def with_peer(cluster, **changed):
    """The cluster with another instance on n2."""
    service = cluster.objects["prod/svc/db"]
    instances = {**service.instances, "n2": replace(service.instances["n2"], **changed)}
    return replace(cluster, objects={"prod/svc/db": replace(service, instances=instances)})


@pytest.mark.parametrize(
    ("peer", "alive", "forced"),
    [
        ({"provisioned": False}, ("n1", "n2", "n3"), True),
        ({"provisioned": False, "state": "wait leader"}, ("n1", "n2", "n3"), True),
        ({"provisioned": False, "state": "provisioning"}, ("n1", "n2", "n3"), False),
        ({"provisioned": True}, ("n1", "n2", "n3"), False),
        ({"provisioned": None}, ("n1", "n2", "n3"), False),
        ({"provisioned": False}, ("n1", "n3"), False),
    ],
)
def test_d1_the_leader_goes_ahead_of_a_node_that_has_nothing_yet(told, seen_by, text, peer, alive, forced: bool) -> None:
    """Agent 2.1 provisions no other node before the leader is done: one that is alive and has nothing is not waited for, any other is."""
    node = told("not_in_kernel")
    node.generations = NONE

    def answers(argv):
        if argv[1] == "create-md":
            node.generations = Completed(0, text("8.4/gi_just_created"), "")
        if argv[1] == "up":
            node.become("connecting_inconsistent")

    asked = running(node, answers)
    config = parse({"path": "prod/svc/db", "res": "r0", "connect_timeout": "1"})
    reconciled = with_peer(seen_by("n1", alive), **peer)
    with contextlib.suppress(NotConverged):
        # The recorded kernel does not change by being forced.
        reconcile(SYSTEM, config, reconciled, Verb.PROVISION, node.host)
    assert (("primary", "--force", "r0") in asked) is forced
