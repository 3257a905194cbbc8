"""pymongo, as users have it, resolves mongodb+srv:// from the records on real Knot and BIND."""

from __future__ import annotations

import dns.resolver
import pymongo.uri_parser
import pytest
from dns_cluster import MONGO, PUBLIC, Stage
from dns_servers import ZONE
from dns_stage import server, sort

from osvc_ha.cluster.seedlist import Seedlist, render_seedlist, seedlist_file
from osvc_ha.host import Host
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.mongo import SYSTEM as MONGO_SYSTEM
from osvc_ha.systems.mongo.client import apply, telling

__all__ = ["server", "sort"]
SEEDS = "db=n1:27017,n2:27018,n3/admin?replicaSet=rs0"


@pytest.fixture
def resolving(server, monkeypatch):
    """This process resolves names through the server, and nothing else."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [server.address], server.port, 5.0
    monkeypatch.setattr(dns.resolver, "default_resolver", resolver)


def start(server, tmp_path, **keywords):
    """The dns service, started on n1."""
    stage = Stage(server, tmp_path, keywords=keywords)
    stage.resource("n1").do(Verb.START)
    return stage


def test_m13_a_mongodb_client_finds_the_replica_set(server, resolving, tmp_path):
    """Members, ports and options come from DNS, TLS is implied, and each member's host has an address."""
    start(server, tmp_path, mongo=SEEDS)
    found = pymongo.uri_parser.parse_uri(f"mongodb+srv://user:secret@db.{ZONE}/shop")
    assert sorted(found["nodelist"]) == [(f"n1.{ZONE}", 27017), (f"n2.{ZONE}", 27018), (f"n3.{ZONE}", 27017)]
    assert {name.lower(): value for name, value in found["options"].items()} == {"tls": True, "replicaset": "rs0", "authsource": "admin"}
    assert found["database"] == "shop"
    for host, _ in found["nodelist"]:
        assert [str(one) for one in dns.resolver.resolve(host, "A")] == [PUBLIC[host.partition(".")[0]]]


def test_a_member_that_leaves_the_list_is_no_seed_any_more(server, resolving, tmp_path):
    """The list is altered in one change of the zone, so that no client reads half of it."""
    stage = start(server, tmp_path, mongo=SEEDS, policy="sync")
    before = server.serial()
    stage.keywords = {"mongo": "db=n1:27017,n2:27018/admin?replicaSet=rs0", "policy": "sync"}
    stage.follow("n1")
    found = pymongo.uri_parser.parse_uri(f"mongodb+srv://db.{ZONE}/")
    assert sorted(found["nodelist"]) == [(f"n1.{ZONE}", 27017), (f"n2.{ZONE}", 27018)]
    assert server.serial() == before + 1


def test_a_seed_list_takes_no_name_from_the_wildcard_above_it(server, resolving, tmp_path):
    """RFC 4592: the SRV makes its host exist; that host still answers for itself, and its neighbours through the wildcard."""
    start(server, tmp_path, mongo="db.n1=m.n1:27017?replicaSet=rs0")
    assert pymongo.uri_parser.parse_uri(f"mongodb+srv://db.n1.{ZONE}/?tls=false")["options"]["tls"] is False
    assert server.ask(f"db.n1.{ZONE}", "A") == [PUBLIC["n1"]]
    assert server.ask(f"other.n1.{ZONE}", "A") == [PUBLIC["n1"]]


@pytest.fixture
def served(server, resolving, tmp_path):
    """The records follow the replica set of a service, which has told of n1 and n2."""
    stage = Stage(server, tmp_path, keywords={"mongo": f"db={MONGO}", "seedlists": str(tmp_path / "seedlists"), "policy": "sync"})
    tell(stage, "n1", "n2")
    stage.resource("n1").do(Verb.START)
    return stage


def tell(stage, *nodes):
    """What the mongo system on the writer's node would tell."""
    seeds = Seedlist("", "rs0", "admin", tuple((f"{node}.{ZONE}", 27017) for node in nodes))
    file = seedlist_file(stage.directory / "seedlists", MONGO)
    file.parent.mkdir(exist_ok=True)
    file.write_text(render_seedlist(seeds))


def found():
    """The nodes that a client finds."""
    nodes = pymongo.uri_parser.parse_uri(f"mongodb+srv://db.{ZONE}/")["nodelist"]
    return sorted(host.partition(".")[0] for host, _ in nodes)


def test_m15_the_seed_list_follows_the_set_itself(served):
    """A member that is in sync is found, one that leaves is not, each by one change of the zone; its own name stays for old clients."""
    assert found() == ["n1", "n2"]
    for members in (("n1", "n2", "n3"), ("n2", "n3")):
        before = served.server.serial()
        tell(served, *members)
        served.follow("n1")
        assert (found(), served.server.serial()) == (list(members), before + 1)
        assert served.follow("n1").steps == ()
    assert served.server.ask(f"n1.{ZONE}", "A") == [PUBLIC["n1"]]


def test_m15_what_nobody_tells_takes_nobody_away(served, tmp_path):
    """A file that is gone, broken, or left of an instance that ran here: the records stay, and the status says why."""
    file = seedlist_file(tmp_path / "seedlists", MONGO)
    kept = file.read_text()
    for text, why in (("", "has told the members"), ("{", "has told the members"), ('{"members": []}', "has told the members")):
        file.write_text(text)
        assert served.follow("n1").steps == ()
        assert any(why in line for line in served.resource("n1").health().lines)
    file.unlink()
    assert served.follow("n1").steps == ()
    file.write_text(kept.replace(f"n2.{ZONE}", f"n3.{ZONE}"))
    served.mongo = ("n2", "n3")
    assert served.follow("n1").steps == ()
    assert any("does not run on n1" in line for line in served.resource("n1").health().lines)
    assert found() == ["n1", "n2"]


def test_m16_a_member_leaves_the_set_once_nobody_is_led_to_it(served, monkeypatch):
    """UNPROVISION waits for the record to go, and for a DNS that does not answer only so long."""
    config = MONGO_SYSTEM.parse({"path": MONGO, "srv": f"db.{ZONE}"})
    host = Host()
    monkeypatch.setattr(telling, "POLL", 0.05)
    step = Step("withdraw", config.srv, "", (("host", f"n2.{ZONE}:27017"),))
    looks = []

    def sleep(seconds):
        looks.append(found())
        if len(looks) == 2:
            tell(served, "n1", "n3")
            served.follow("n1")

    monkeypatch.setattr(host, "sleep", sleep)
    apply(config, step, host)
    assert looks == [["n1", "n2"]] * 2 and found() == ["n1", "n3"]
    served.server.stop()
    monkeypatch.setattr(telling, "WITHDRAW_SECONDS", 0.1)
    monkeypatch.setattr(telling, "ASK_SECONDS", 0.3)
    apply(config, step, Host())
