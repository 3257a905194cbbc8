"""pymongo, as users have it, resolves mongodb+srv:// from the records on real Knot and BIND."""

from __future__ import annotations

import dns.resolver
import pymongo.uri_parser
import pytest
from dns_cluster import PUBLIC, Stage
from dns_servers import ZONE
from dns_stage import server, sort

from osvc_ha.planner.types import Verb

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
