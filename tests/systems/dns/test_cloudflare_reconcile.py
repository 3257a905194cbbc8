"""The whole system at Cloudflare: what OpenSVC places, what people do by hand, and what fails on the way."""

from __future__ import annotations

import pytest
from cloudflare_lab import CLUSTER, MARK, Lab

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.errors import ApplyError, HaError
from osvc_ha.planner.reconcile import reconcile, status
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.dns import SYSTEM

NODES = {"n1": "203.0.113.1", "n2": "203.0.113.2"}
DNS, REDIS = "prod/svc/dns", "prod/svc/redis"
NAMES = [(f"{wild}{node}.example.com", "A", address) for node, address in NODES.items() for wild in ("", "*.")]


@pytest.fixture
def lab(tmp_path):
    """example.com, kept right by hand once while redis was on n1."""
    lab = Lab(tmp_path)
    follow(lab, "n1")
    lab.calls()
    yield lab
    lab.close()


def cluster(redis, local="n1", ident=CLUSTER, state="idle"):
    """Two nodes; the dns service is up on the local one, redis, which has a name, where it is said."""
    nodes = {node: Node(node, True, False, {"osvc_ha_public_address": address}) for node, address in NODES.items()}
    objects = {}
    for path, placed, env in ((DNS, local, {}), (REDIS, redis, {"osvc.dns.name": "redis"})):
        instances = {node: Instance(node, "up" if node == placed else "down", state=state) for node in NODES}
        objects[path] = Object(path, tuple(NODES), instances, config={"env": env})
    return Cluster(ident, "lab", local, nodes, objects)


def follow(lab, redis):
    """What the follower does; the outcome."""
    return reconcile(SYSTEM, lab.config(), cluster(redis), Verb.FOLLOW, lab.provider().host)


def test_a_new_zone_gets_everything_in_one_batch(lab):
    """Names, wildcards, and the name that a service asked for; and then there is nothing to do."""
    assert lab.there() == sorted([*NAMES, ("redis.example.com", "A", "203.0.113.1")])
    assert follow(lab, "n1").steps == ()
    assert lab.calls() == ["GET dns_records"]


def test_a_moved_instance_is_two_calls(lab):
    """List and batch, from the plan to the look that proves it; the record is changed, not made again."""
    before = {record["id"] for record in lab.zone.records.values()}
    assert len(follow(lab, "n2").steps) == 1
    assert lab.calls() == ["GET dns_records", "POST batch"]
    assert ("redis.example.com", "A", "203.0.113.2") in lab.there()
    assert {record["id"] for record in lab.zone.records.values()} == before


def test_a_record_edited_by_hand_is_put_back(lab):
    """Value, TTL and proxying, changed in the dashboard, are as they should be after the next reconcile."""
    (ident,) = [ident for ident, record in lab.zone.records.items() if record["name"] == "redis.example.com"]
    good = dict(lab.zone.records[ident])
    lab.zone.edit(ident, {"content": "198.51.100.66", "proxied": True})
    assert len(follow(lab, "n1").steps) == 1
    assert {name: lab.zone.records[ident][name] for name in ("content", "ttl", "proxied")} == {
        name: good[name] for name in ("content", "ttl", "proxied")
    }


def test_a_record_whose_comment_was_taken_off_is_left_alone_and_the_rest_proceeds(lab):
    """It is nobody's then: said in the notes, never changed, while other records follow."""
    (ident,) = [ident for ident, record in lab.zone.records.items() if record["name"] == "n2.example.com"]
    lab.zone.edit(ident, {"comment": "", "content": "198.51.100.66"})
    outcome = follow(lab, "n2")
    assert any(note.startswith("n2.example.com A 198.51.100.66: its comment") for note in outcome.notes)
    assert lab.zone.records[ident]["content"] == "198.51.100.66"
    assert ("redis.example.com", "A", "203.0.113.2") in lab.there()


def test_two_clusters_in_one_zone_leave_each_other_alone(lab):
    """The second cluster wants the same names: each is reported, and nothing of the first one's is touched."""
    before = lab.there()
    host = lab.provider().host
    config = lab.config("m1")
    outcome = reconcile(SYSTEM, config, cluster("n2", ident="another-cluster"), Verb.FOLLOW, host)
    assert lab.there() == before
    assert any("redis.example.com" in note for note in outcome.notes)
    assert all(record["comment"] == MARK for record in lab.zone.records.values())


def test_a_provider_that_cannot_be_read_is_a_warning_and_not_down(lab):
    """Cannot tell is not down: the status warns with Cloudflare's words, and the next start says them as an error."""
    lab.double.fail("status", "GET", times=99, status=503)
    host = lab.provider().host
    health = status(SYSTEM, lab.config(path=DNS), cluster("n1"), host)
    assert health.status is Status.DOWN, "without the mark nobody asks"
    with pytest.raises(HaError):
        reconcile(SYSTEM, lab.config(path=DNS), cluster("n1"), Verb.START, host)
    health = status(SYSTEM, lab.config(path=DNS), cluster("n1"), host)
    assert health.status is Status.WARN and any("HTTP 503" in line for line in health.lines)
    with pytest.raises(ApplyError, match="HTTP 503"):
        reconcile(SYSTEM, lab.config(path=DNS), cluster("n1"), Verb.START, host)
    calls = len(lab.double.calls)
    reconcile(SYSTEM, lab.config(path=DNS), cluster("n1", state="stopping"), Verb.STOP, host)
    assert len(lab.double.calls) == calls, "a stop needs no provider"


def test_a_passive_node_makes_no_call(lab):
    """Its follower and its status look at the mark, and at nothing else."""
    host = lab.provider("n2").host
    assert reconcile(SYSTEM, lab.config("n2", path=DNS), cluster("n2"), Verb.FOLLOW, host).steps == ()
    assert status(SYSTEM, lab.config("n2", path=DNS), cluster("n2", "n2"), host).status is Status.DOWN
    assert lab.calls() == []
