"""Load balancers: monitor, pool and load balancer are made, kept right and taken away together."""

from __future__ import annotations

import pytest
from cloudflare_double import ALL_RIGHTS
from cloudflare_lab import MARK, a, create, delete, update

from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.systems.dns.config import GlobalName, Mode
from osvc_ha.systems.dns.state import AUTOMATIC, Change, Do, Owner, Record

NAMES = (GlobalName("www.example.com", Mode.LOAD_BALANCER),)
TWO = "n1=203.0.113.1 n2=203.0.113.2 monitor=tcp:443"


def balancer(value=TWO, ttl=60, **more):
    """The load balancer as the plan wants it."""
    return Record("www.example.com", "LB", value, ttl, **more)


def made(lab, value=TWO, **more):
    """A provider that has made it, and the record as it is listed."""
    provider = lab.provider(global_names=NAMES)
    provider.write([create(balancer(value, **more))])
    (record,) = provider.listing().ours
    return provider, record


def kept(lab, kind):
    """What the account, or the zone, has of it."""
    return list(lab.double.balancers.kept[kind].values())


@pytest.mark.parametrize("check", ["tcp:443", "http:80", "http:8080/", "https:443/health?x=1"])
@pytest.mark.parametrize(("ttl", "proxied"), [(60, False), (AUTOMATIC, True)])
def test_what_was_made_is_what_was_wanted(lab, check, ttl, proxied):
    """A second look, also of a new process, finds nothing to do."""
    wanted = balancer(f"n1=203.0.113.1 n2-6=2001:db8::2 monitor={check}", ttl, proxied=proxied)
    _, record = made(lab, wanted.value, ttl=ttl, proxied=proxied)
    assert record == wanted
    assert lab.provider(global_names=NAMES).listing().ours == (wanted,)
    assert [thing["description"].split()[0] for kind in lab.double.balancers.kept for thing in kept(lab, kind)] == [MARK] * 3


def test_without_load_balancers_nobody_looks_at_them(lab):
    """A quiet look stays one call for whoever uses none, and is four for whoever does."""
    lab.provider().listing()
    assert lab.calls() == ["GET dns_records"]
    made(lab)
    lab.calls()
    lab.provider(global_names=NAMES).listing()
    assert lab.calls() == ["GET dns_records", "GET load_balancers", "GET pools", "GET monitors"]


def test_a_node_that_leaves_is_no_origin_any_more(lab):
    """One call changes the pool, and what a person set on the other origin stays."""
    provider, record = made(lab)
    (pool,) = kept(lab, "pools")
    pool["origins"][0].update(weight=0.5, enabled=False)
    lab.calls()
    provider.write([update(record, "n1=203.0.113.9 n3=203.0.113.3 monitor=tcp:443")])
    assert [call for call in lab.calls() if not call.startswith("GET")] == [f"PATCH {pool['id']}"]
    (pool,) = kept(lab, "pools")
    n1, n3 = pool["origins"]
    assert (n1["name"], n1["address"], n1["weight"], n1["enabled"]) == ("n1", "203.0.113.9", 0.5, False)
    assert (n3["name"], n3["enabled"]) == ("n3", True)
    assert provider.listing().ours[0].value == "n1=203.0.113.9 n3=203.0.113.3 monitor=tcp:443"


def test_another_check_is_another_monitor_of_the_same_pool(lab):
    """The monitor is altered, not made twice."""
    provider, record = made(lab)
    provider.write([update(record, TWO.replace("tcp:443", "http:80/up"))])
    (monitor,) = kept(lab, "monitors")
    assert (monitor["type"], monitor["port"], monitor["path"]) == ("http", 80, "/up")


def test_one_that_was_changed_by_hand_is_put_back(lab):
    """Another pool, another monitor: the record has another value, and the update restores it."""
    provider, record = made(lab)
    (row,) = kept(lab, "load_balancers")
    other = lab.double.balancers.create("pools", {"name": "Anns", "origins": [{"name": "x", "address": "198.51.100.1"}]})
    lab.double.balancers.edit("load_balancers", row["id"], {"default_pools": [other["id"]]})
    (seen,) = provider.listing().ours
    assert seen != record and seen.ident == record.ident
    provider.write([Change(Do.UPDATE, balancer(), seen)])
    assert provider.listing().ours == (record,)
    assert other["origins"][0]["address"] == "198.51.100.1" and len(kept(lab, "pools")) == 2


def test_deleting_takes_its_pool_and_monitor_along_and_nothing_else(lab):
    """Also when the keyword is gone: what was ours is still looked at."""
    lab.double.balancers.create("monitors", {"description": "Ann's"})
    made(lab)
    provider = lab.provider()
    (record,) = provider.listing().ours
    provider.write([delete(record)])
    assert kept(lab, "load_balancers") == kept(lab, "pools") == []
    assert [monitor["description"] for monitor in kept(lab, "monitors")] == ["Ann's"]
    assert provider.listing().ours == ()


def test_c1_a_foreign_load_balancer_is_looked_at_and_left_alone(lab):
    """It is listed as nobody's; making one of that name is refused by name, and the records are written."""
    pool = lab.double.balancers.create("pools", {"name": "Anns", "origins": [{"name": "x", "address": "198.51.100.1"}]})
    fields = {"name": "www.example.com", "default_pools": [pool["id"]], "fallback_pool": pool["id"]}
    lab.double.balancers.create("load_balancers", fields)
    provider = lab.provider(global_names=NAMES)
    (seen,) = provider.listing().others
    assert (seen.name, seen.type, seen.owner) == ("www.example.com", "LB", Owner.FOREIGN)
    with pytest.raises(ApplyError, match=r"1 of 2 records refused.*create www.example.com LB"):
        provider.write([create(balancer()), create(a("n1", "203.0.113.1"))])
    assert kept(lab, "load_balancers")[0]["default_pools"] == [pool["id"]]
    assert [name for name, _, _ in lab.there()] == ["n1.example.com"]


@pytest.mark.parametrize("kind", ["monitors", "pools", "load_balancers"])
@pytest.mark.parametrize("fault", ["reset", "reset_after"])
def test_no_answer_makes_nothing_twice(lab, kind, fault):
    """Each of the three calls may be lost before or after it was done."""
    lab.double.fail(fault, "POST", kind)
    provider, record = made(lab)
    assert record == balancer()
    assert [len(kept(lab, each)) for each in ("monitors", "pools", "load_balancers")] == [1, 1, 1]


def test_a_name_keeps_its_address_until_the_load_balancer_is_there(lab):
    """When it is refused, the address stays; when it is made, the address goes."""
    lab.have("www", "203.0.113.1", comment=MARK)
    provider = lab.provider(global_names=NAMES)
    (old,) = provider.listing().ours
    lab.double.fail("status", "POST", "load_balancers/pools", status=400)
    with pytest.raises(ApplyError, match="stays, because its load balancer was refused"):
        provider.write([create(balancer()), delete(old)])
    assert len(lab.there()) == 1
    provider.write([create(balancer()), delete(old)])
    assert lab.there() == [] and provider.listing().ours == (balancer(),)


def test_the_rights_of_load_balancing_are_named(lab):
    """Two more than for records, and each has another name in the dashboard."""
    lab.give(lab.double.add_token(ALL_RIGHTS - {"Load Balancers:Edit"}))
    with pytest.raises(ObserveError, match="lacks the right Zone.Load Balancers:Edit"):
        lab.provider(global_names=NAMES).listing()
    lab.give(lab.double.add_token(ALL_RIGHTS - {"Load Balancing: Monitors And Pools:Edit"}))
    with pytest.raises(ObserveError, match="lacks the right Account.Load Balancing: Monitors And Pools:Edit"):
        lab.provider(global_names=NAMES).listing()
