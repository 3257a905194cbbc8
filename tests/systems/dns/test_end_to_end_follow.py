"""From a placement to an answer: the whole system on real Knot and BIND, with the cluster as the only thing that is told."""

from __future__ import annotations

import pytest
from dns_cluster import PUBLIC, Stage
from dns_servers import ZONE, dns_server
from dns_stage import create, keywords_of, provider, server, sort

from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError
from osvc_ha.planner.reconcile import status
from osvc_ha.planner.types import Status, Verb

__all__ = ["server", "sort"]


@pytest.fixture
def stage(server, tmp_path):
    """The dns service is started on n1."""
    made = Stage(server, tmp_path)
    made.resource("n1").do(Verb.START)
    return made


def test_start_writes_every_node_and_every_name(stage, server):
    """Once START returns, every node and anything below it answers, and a service answers with its node; the resource is up."""
    for node, address in PUBLIC.items():
        assert server.ask(f"{node}.{ZONE}", "A") == [address]
        assert server.ask(f"anything.{node}.{ZONE}", "A") == [address]
    assert server.ask(f"redis.{ZONE}", "A") == [PUBLIC["n1"]]
    assert stage.resource("n1").health().status is Status.UP
    assert stage.resource("n2").health().status is Status.DOWN


def test_a_moved_instance_answers_from_its_new_node(stage, server):
    """The writer follows the placement with one change of the zone, and then has nothing to do."""
    for node in ("n2", "n3", "n1"):
        before = server.serial()
        stage.redis = node
        stage.follow("n1")
        assert server.ask(f"redis.{ZONE}", "A") == [PUBLIC[node]]
        assert server.serial() == before + 1
        assert stage.follow("n1").steps == ()


def test_c3_only_the_writer_writes(stage, server):
    """The other nodes see the same placement and leave the zone alone."""
    stage.redis, before = "n2", server.serial()
    assert stage.follow("n2").steps == () and stage.follow("n3").steps == ()
    assert server.serial() == before


def test_the_next_writer_continues_from_what_is_there(stage, server):
    """The writer's node dies without a word: OpenSVC places the service elsewhere, which writes what changed and nothing else."""
    before = server.serial()
    stage.dead, stage.writer = ("n1",), "n2"
    stage.resource("n2").do(Verb.START)
    assert server.serial() == before, "it found everything right, and wrote nothing"
    assert stage.resource("n2").health().status is Status.UP
    stage.redis = "n3"
    stage.follow("n2")
    assert (server.ask(f"redis.{ZONE}", "A"), server.serial()) == ([PUBLIC["n3"]], before + 1)


def test_the_old_writer_that_comes_back_does_not_write(stage, server):
    """Its mark is still there, but OpenSVC runs the service elsewhere: what it wants is no longer asked for."""
    stage.writer, stage.redis = "n2", "n2"
    stage.resource("n2").do(Verb.START)
    before = server.serial()
    stage.redis = "n3"
    assert stage.follow("n1").steps == ()
    assert server.serial() == before


def test_a_planned_move_of_the_writer_changes_no_record(stage, server):
    """STOP here and START there, with the server seeing no update at all."""
    before = server.serial()
    stage.move_writer("n3")
    assert server.serial() == before
    assert [stage.resource(node).health().status for node in ("n1", "n3")] == [Status.DOWN, Status.UP]


def test_a_record_that_was_edited_by_hand_is_put_back(stage, server):
    """What bears our mark is kept as the cluster says."""
    ours = provider(server, "cluster-of-the-tests")
    (redis,) = [one for one in ours.listing().ours if one.name == f"redis.{ZONE}"]
    ours.write(
        [type(create("x", "A", "203.0.113.9"))(create("x", "A", "203.0.113.9").do, type(redis)(redis.name, "A", "203.0.113.9", redis.ttl))]
    )
    assert len(server.ask(f"redis.{ZONE}", "A")) == 2
    stage.follow("n1")
    assert server.ask(f"redis.{ZONE}", "A") == [PUBLIC["n1"]]


def test_a_server_that_is_down_does_not_hold_up_a_failover(stage, server):
    """STOP needs no server; START says what is wrong, and the next look after it is back puts everything right."""
    server.stop()
    stage.redis = "n2"
    with pytest.raises(HaError, match="Connection refused; is the server running"):
        stage.follow("n1")
    assert stage.resource("n1").health().status is Status.WARN
    stage.resource("n1").do(Verb.STOP)
    stage.writer = "n2"
    with pytest.raises(HaError, match="Connection refused"):
        stage.resource("n2").do(Verb.START)
    server.start()
    stage.follow("n2")
    assert server.ask(f"redis.{ZONE}", "A") == [PUBLIC["n2"]]


def test_a_server_that_shows_its_zone_to_nobody_is_followed_all_the_same(sort, tmp_path):
    """Without a transfer, a process that is new asks after what is wanted: it finds it right, says what is missing, and follows."""
    with dns_server(sort, transfers=False) as server:
        made = Stage(server, tmp_path)
        made.resource("n1").do(Verb.START)
        before = server.serial()
        made.hosts["n1"] = Host()
        health = made.resource("n1").health()
        assert health.status is Status.UP
        assert any("transfer no zone" in line for line in health.lines)
        made.redis = "n2"
        made.follow("n1")
        assert (server.ask(f"redis.{ZONE}", "A"), server.serial()) == ([PUBLIC["n2"]], before + 1)


def test_by_hand_a_server_that_is_down_is_said_to_be(stage, server):
    """Without a service there is nothing to stop, and so nothing that could be called down: it cannot be told, and why."""
    server.stop()
    system = stage.resource("n1").system
    config = system.parse(keywords_of(server))
    health = status(system, config, stage.cluster("n1"), Host())
    assert health.status is Status.UNDEF
    assert "Connection refused; is the server running" in health.lines[0]
