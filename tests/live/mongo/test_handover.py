"""What a planned stop of the primary leaves behind for the others, for listeners and for DNS."""

import json

import pytest

from osvc_ha.cluster.seedlist import seedlist_file, told_seedlist
from osvc_ha.drill.processes import wait_until
from osvc_ha.planner.types import Verb

pytestmark = [pytest.mark.live, pytest.mark.timed]


@pytest.fixture
def door(running, make_door):
    """HAProxy's port that leads to the primary, on n1's address."""
    return make_door(running)


def copies_from(group, node):
    """The node that this one copies from."""
    source = group.ask(node, "replSetGetStatus")["syncSourceHost"]
    return next((name for name, at in group.addresses.items() if source == f"{at}:{group.port}"), source)


def test_the_others_copy_from_the_heir_before_it_takes_over(running):
    """n3 copies from n2 when n1 steps down, so that w:majority waits for nobody who has to look for a source first."""
    seen = {}

    def report(step):
        if step.do == "step-down":
            seen.update({node: copies_from(running, node) for node in ("n2", "n3")})

    running.leaving = {"n1"}
    with running.writer("heir") as load:
        running.reconcile("n1", Verb.STOP, report)
        load.progress()
    assert seen == {"n2": "n1", "n3": "n2"}
    assert running.primary() == "n2"
    assert (load.lost(), load.failed()) == (set(), [])
    # A member that has nobody to copy from looks again after a second.
    assert load.outage() < 0.9


def test_a_client_behind_the_listener_is_led_to_the_next_primary(running, door):
    """It knows one port alone: n1 hands over, HAProxy cuts it off and leads it to n2, and every acknowledged write is there."""
    with running.writer("port", through=door) as load:
        running.stop("n1")
        load.progress()
    assert load.lost() == set()
    assert load.outage() < 1.5
    assert running.primary() == "n2"


def test_m12_a_driver_that_is_not_told_to_stay_leaves_the_listener_for_the_names_of_the_set(running, door):
    """Through the same port: with directConnection the driver talks to the port alone, without it to the members, and never to the port."""
    import pymongo

    members = {(at, running.port) for at in running.addresses.values()}
    with pymongo.MongoClient(*door, directConnection=True) as client:
        assert client.admin.command("hello")["me"] == f"{running.addresses['n1']}:{running.port}"
        assert set(client.nodes) == {door}
    with pymongo.MongoClient(*door) as client:
        wait_until("the driver knows the set", lambda: client.admin.command("ping")["ok"] and set(client.nodes) == members, 10)
        assert client.primary == (running.addresses["n1"], running.port)


def test_m15_followers_tell_who_can_be_found(running):
    """Each node's follower writes the members that are in sync; one whose instance leaves is gone from it while it still is a member."""

    def told(node):
        text = seedlist_file(running.directory / node / "seedlists", "prod/svc/grp").read_text()
        seeds = told_seedlist(text)
        assert json.loads(text)["replica_set"] == "grp"
        return {host for host, _ in seeds.members}

    everybody = set(running.addresses.values())
    for node in ("n1", "n2"):
        running.reconcile(node, Verb.FOLLOW)
        assert told(node) == everybody
        assert running.plan(node, Verb.FOLLOW) == ()
    running.leaving = {"n3"}
    wait_until("n2 to tell of it", lambda: running.reconcile("n2", Verb.FOLLOW) and told("n2") == everybody - {running.addresses["n3"]}, 10)
    assert len(running.ask("n1", "replSetGetConfig")["config"]["members"]) == 3
