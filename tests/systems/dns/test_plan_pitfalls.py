"""The pitfalls of DNS that are avoided in the plan: each ends with a test of its name."""

from __future__ import annotations

import pytest

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Verb
from osvc_ha.systems.dns.state import AUTOMATIC, Owner, Record, txt_text

L4 = {"prod/svc/l4": {"up": ["n1", "n2", "n3"]}}
REDIS = {"prod/svc/redis": {"up": ["n1"], "env": {"osvc.dns.name": "redis"}}}
TCP = {"osvc.l4.enable": "true", "osvc.l4.port": "6379", "osvc.l4.check": "redis"}


def test_c1_a_name_that_somebody_else_holds_is_not_taken_over(make_world) -> None:
    """Neither a foreign record nor another cluster's is altered, whatever the labels ask for; a note names it."""
    for stranger in ("foreign", "other"):
        world = make_world({"objects": REDIS}, [f"redis.example.com A 198.51.100.9 {stranger}"], node_names="false")
        assert world.plan() == ()
        [note] = world.notes()
        assert "redis.example.com A 198.51.100.9 is in the way" in note


def test_c2_what_the_source_does_not_list_stays_unless_told_otherwise(make_world, said) -> None:
    """upsert-only keeps it, sync removes it, more than 30 % of ten or nothing listed at all is refused."""
    old = [f"old{number}.example.com A 203.0.113.1" for number in range(10)]
    assert make_world({"objects": REDIS}, [*old, "redis.example.com A 203.0.113.1"], node_names="false").plan() == ()
    few = make_world({"objects": REDIS}, [old[0], "redis.example.com A 203.0.113.1"], node_names="false", policy="sync")
    assert said(few.plan()) == ["delete old0.example.com A 203.0.113.1"]
    with pytest.raises(UnsafePlan, match=r"would remove 10 of 11 \(over 30%\)"):
        make_world({"objects": REDIS}, [*old, "redis.example.com A 203.0.113.1"], node_names="false", policy="sync").plan()
    with pytest.raises(UnsafePlan, match="the source lists nothing while 10 exist"):
        make_world({}, old, node_names="false", policy="sync").plan()
    asked = make_world({}, old, node_names="false", policy="sync", allow_mass_change="true")
    assert len(asked.plan()) == 10


def test_c3_one_node_writes_and_only_with_a_majority(make_world) -> None:
    """Without the mark, without the placement, or as the second of two, a node writes nothing; in a minority it says why."""
    dns = {"prod/svc/dns": {"up": ["n1"]}}
    told = {"objects": {**dns, **REDIS}}
    world = make_world(told, path="prod/svc/dns")
    assert world.plan(Verb.FOLLOW) == ()
    assert [step.do for step in world.converge_hold()] == ["hold"]
    assert world.plan(Verb.FOLLOW) != ()
    assert world.turn({**told, "local": "n2", "objects": {"prod/svc/dns": {"up": ["n1", "n2"]}, **REDIS}}).plan(Verb.FOLLOW) == ()
    lonely = {"n1": "203.0.113.1", "n2": {"alive": False}, "n3": {"alive": False}}
    with pytest.raises(UnsafePlan, match="only 1 of 3 present, no majority"):
        world.turn({**told, "nodes": lonely}).plan(Verb.FOLLOW)


def test_c5_what_one_batch_would_hide_is_in_order_anyway(make_world, said) -> None:
    """A batch that is refused is done record by record: so a new address comes before the old one goes, and never after."""
    told = {"nodes": {"n1": "2001:db8::1"}}
    world = make_world(told, ["n1.example.com A 203.0.113.1 ttl=300", "*.n1.example.com A 203.0.113.1 ttl=300"])
    words = [line.split()[0] for line in said(world.converge())]
    assert words == ["create", "create", "delete", "delete"]


def test_c5_a_cname_makes_way_before_an_address_comes(make_world, said) -> None:
    """Nothing may stand beside a CNAME: its deletion comes first, and what replaces it right behind."""
    world = make_world({"objects": REDIS}, ["redis.example.com CNAME n1.example.com"], node_names="false")
    assert said(world.converge()) == ["delete redis.example.com CNAME n1.example.com", "create redis.example.com A 203.0.113.1"]


def test_c6_what_speaks_tcp_is_never_proxied(make_world) -> None:
    """A name of a service with a TCP listener, a member of a seed list, and SRV: plain addresses, and a note says why."""
    env = {"osvc.dns.name": "redis", "osvc.dns.proxied": "true", **TCP}
    told = {"objects": {**L4, "prod/svc/redis": {"up": ["n1"], "env": env}}}
    keywords = {"ingress": "prod/svc/l4", "global": "redis=round-robin web=round-robin db=round-robin", "mongo": "db=n1?replicaSet=rs0"}
    world = make_world(told, global_proxied="redis web db", node_proxied="true", **keywords)
    world.converge()
    assert {one.name for one in world.zone if one.proxied} == {
        "web.example.com",
        "*.n1.example.com",
        "*.n2.example.com",
        "*.n3.example.com",
    }
    notes = world.notes()
    assert (
        "redis.example.com is not proxied: prod/svc/redis speaks TCP, and the proxy only HTTP; its plain addresses are published" in notes
    )
    assert any(note.startswith("db.example.com is not proxied: MongoDB speaks TCP") for note in notes)


def test_c7_other_spellings_of_the_same_are_no_update(make_world) -> None:
    """A proxied record's TTL as the provider says it, a TXT in its quotes, an IPv6 in its short form."""
    told = {"objects": L4, "nodes": {"n1": "2001:0DB8::0001"}}
    keywords = {"ingress": "prod/svc/l4", "global": "web=round-robin", "global_proxied": "web", "mongo": "db=n1?replicaSet=rs0"}
    world = make_world({**told, "objects": {"prod/svc/l4": {"up": ["n1"]}}}, **keywords)
    world.converge()
    proxied = [one for one in world.zone if one.proxied]
    assert proxied and {one.ttl for one in proxied} == {AUTOMATIC}
    world.zone = [one if not one.proxied else Record(one.name, one.type, one.value, 300, True) for one in world.zone]
    assert world.plan() == ()


def test_c8_a_ttl_below_the_zones_least_is_raised_and_said(make_world) -> None:
    """Cloudflare takes 60 s and more: the record gets that, a note says so, and it is no endless update."""
    world = make_world({"objects": REDIS}, node_names="false", service_ttl="30")
    world.lowest_ttl = 60
    world.converge()
    assert {one.ttl for one in world.zone} == {60}
    assert world.notes() == ["a TTL of 30 s is asked for, and the zone takes 60 s at least; that is used"]


def test_c10_a_name_that_comes_to_exist_keeps_the_wildcards_addresses(make_world) -> None:
    """Every level that could be a host and is made to exist by a name below it, the seed list's host included (RFC 4592)."""
    told = {"objects": {**L4, "prod/svc/web": {"up": ["n2"], "env": {"osvc.dns.name": "a.b.c"}}}}
    keywords = {"ingress": "prod/svc/l4", "global": "*=round-robin", "mongo": "db.n1=m.n1?replicaSet=rs0 db=n1?replicaSet=rs0"}
    world = make_world(told, **keywords)
    world.converge()
    everyone = ["203.0.113.1", "203.0.113.2", "203.0.113.3"]
    assert world.values("*.example.com") == everyone
    assert {name: world.values(name) for name in ("b.c.example.com", "c.example.com", "db.example.com")} == {
        "b.c.example.com": everyone,
        "c.example.com": everyone,
        "db.example.com": everyone,
    }
    assert world.values("db.n1.example.com") == ["203.0.113.1"], "of the node's own wildcard"
    assert not [name for name in world.names() if name.startswith("_tcp.")], "no host begins with an underscore"


def test_c11_nothing_goes_at_the_first_miss_and_the_last_stays(make_world, said) -> None:
    """A silent node's wildcard stays for grace; the last address of a round robin stays for good; `<node>` itself too."""
    told = {"objects": L4}
    keywords = {"ingress": "prod/svc/l4", "global": "*=round-robin", "grace": "300"}
    world = make_world(told, **keywords)
    world.converge()
    nodes = {"n1": "203.0.113.1", "n2": "203.0.113.2", "n3": {"alive": False}}
    world.turn({"nodes": nodes, "objects": {"prod/svc/l4": {"up": ["n1", "n2"]}}})
    assert said(world.converge()) == ["delete *.example.com A 203.0.113.3"]
    assert said(world.tick(299).converge()) == []
    assert said(world.tick(2).converge()) == ["delete *.n3.example.com A 203.0.113.3"]
    assert world.values("n3.example.com") == ["203.0.113.3"], "the machine is still called that, and its members"
    world.turn({"nodes": nodes, "objects": {"prod/svc/l4": {"up": []}}}).converge()
    assert world.values("*.example.com") == ["203.0.113.1", "203.0.113.2"]


def test_a_dead_nodes_wildcard_can_point_to_the_ingress_nodes(make_world) -> None:
    """dead_node=ingress: names below it go on answering, and are its own again when it is back."""
    world = make_world({"objects": L4}, ingress="prod/svc/l4", dead_node="ingress", grace="300")
    world.converge()
    nodes = {"n1": "203.0.113.1", "n2": "203.0.113.2", "n3": {"alive": False}}
    world.turn({"nodes": nodes, "objects": {"prod/svc/l4": {"up": ["n1", "n2"]}}}).converge()
    world.tick(301).converge()
    assert world.values("*.n3.example.com") == ["203.0.113.1", "203.0.113.2"]
    world.turn({"objects": L4}).converge()
    assert world.values("*.n3.example.com") == ["203.0.113.3"]


def test_all_nodes_silent_withdraws_nothing(make_world) -> None:
    """Whoever hears nobody, itself included, is deaf: not one step, whatever the grace."""
    world = make_world({}, grace="0", policy="sync")
    world.converge()
    world.turn({"nodes": {name: {"alive": False} for name in ("n1", "n2", "n3")}})
    assert [step.do for step in world.plan()] == ["remember"]


def test_m13_a_seed_list_is_under_the_name_that_clients_ask(make_world) -> None:
    """_mongodb._tcp.<host>, targets by name below the host's parent, the port in the SRV, and no target that is a CNAME."""
    world = make_world({}, ["alias.example.com CNAME n1.example.com foreign"], mongo="db=n1:27018,alias,n2.example.net.?replicaSet=rs0")
    world.converge()
    assert world.values("_mongodb._tcp.db.example.com", "SRV") == ["0 0 27018 n1.example.com"]
    assert len([note for note in world.notes() if "is left out" in note]) == 2
    short = make_world({"nodes": {"n1": "203.0.113.1"}}, domain="lab", mongo="db=n1?replicaSet=rs0")
    short.converge()
    assert [note for note in short.notes() if "is not below db.lab" in note], "a host of two labels asks for one more"


def test_m14_exactly_one_txt_beside_an_srv(make_world) -> None:
    """Its options and nothing else, altered in place when they change; ownership is never written there."""
    world = make_world({}, mongo="db=n1,n2/admin?replicaSet=rs0")
    world.converge()
    world.config = make_world({}, mongo="db=n1,n2?replicaSet=rs1").config
    [step] = [step for step in world.converge() if step.on == "TXT db.example.com"]
    assert step.do == "update"
    [text] = [one for one in world.zone if one.type == "TXT"]
    assert (text.name, txt_text(text.value)) == ("db.example.com", "replicaSet=rs1")


def test_m15_only_the_members_given_are_listed(make_world) -> None:
    """The list holds data-bearing, visible members; an arbiter that was taken out of it leaves the records."""
    world = make_world({}, mongo="db=n1,n2,n3?replicaSet=rs0")
    world.converge()
    world.config = make_world({}, mongo="db=n1,n2?replicaSet=rs0").config
    world.converge()
    assert world.values("_mongodb._tcp.db.example.com", "SRV") == ["0 0 27017 n1.example.com", "0 0 27017 n2.example.com"]


def test_m16_a_member_that_left_keeps_its_name(make_world) -> None:
    """Clients know members from hello, not from SRV: the name resolves until an operator says sync."""
    world = make_world({}, mongo="db=n1,n2,n3?replicaSet=rs0")
    world.converge()
    world.config = make_world({}, mongo="db=n1,n2?replicaSet=rs0").config
    world.turn({"nodes": {"n1": "203.0.113.1", "n2": "203.0.113.2"}}).converge()
    assert world.values("n3.example.com") == ["203.0.113.3"]


def test_two_clusters_share_a_zone(make_world) -> None:
    """Each asks for its own names and sees the other's as another cluster's: neither ever removes one of them."""
    theirs = ["n9.example.com A 203.0.113.9 other", "redis2.example.com A 203.0.113.9 other"]
    world = make_world({"objects": REDIS}, theirs, policy="sync")
    world.converge()
    assert world.names(Owner.OTHER) == {"n9.example.com", "redis2.example.com"}
