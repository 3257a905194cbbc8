"""Records on real Knot and real BIND: what is ours is kept right, and nothing else is touched."""

from __future__ import annotations

import time

import dns.rcode
import dns_servers
import pytest
from dns_servers import ZONE
from dns_stage import CLUSTER, OTHER, create, delete, provider, record, server, shown, sort, update

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.systems.dns.client import rfc2136
from osvc_ha.systems.dns.client.registry_zone import lines_of
from osvc_ha.systems.dns.state import Owner

__all__ = ["server", "sort"]


def by_hand(server, *lines):
    """What a person does with nsupdate."""
    text = "\n".join([f"server {server.address} {server.port}", f"zone {ZONE}", *lines, "send", ""])
    done = Host().run(["nsupdate", "-k", str(server.key_file())], text=text)
    assert done.code == 0, done.words


def test_records_are_made_altered_and_taken_away(server):
    """Clients get every kind of record as it was asked for, then as it was altered, and then no more."""
    ours = provider(server)
    ours.listing()
    ours.write(
        [
            create("n1", "A", "203.0.113.1"),
            create("n1", "AAAA", "2001:db8::1"),
            create("*.n1", "A", "203.0.113.1"),
            create("redis", "A", "203.0.113.1"),
            create("redis", "A", "203.0.113.2"),
            create("www", "CNAME", f"n1.{ZONE}"),
            create("", "A", "203.0.113.9"),
        ]
    )
    assert server.ask(f"redis.{ZONE}", "A") == ["203.0.113.1", "203.0.113.2"]
    assert server.ask(f"n1.{ZONE}", "AAAA") == ["2001:db8::1"]
    assert server.ask(f"www.{ZONE}", "CNAME") == [f"n1.{ZONE}."]
    assert server.ask(ZONE, "A") == ["203.0.113.9"]
    listed = {str(one): one for one in ours.listing().ours}
    assert len(listed) == 7
    ours.write([update(listed[f"redis.{ZONE} A 203.0.113.2"], "203.0.113.3"), delete(listed[f"n1.{ZONE} AAAA 2001:db8::1"])])
    assert server.ask(f"redis.{ZONE}", "A") == ["203.0.113.1", "203.0.113.3"]
    assert server.ask(f"n1.{ZONE}", "AAAA") == []
    ours.listing()
    ours.write([delete(one) for one in ours.listing().ours])
    assert ours.listing().ours == ()
    assert [one for one in ours.listing().others if "_osvc-ha" in one.name] == []


def test_a_plan_is_one_change_of_the_zone(server):
    """Nobody sees half of a plan: 200 records appear with one serial."""
    ours = provider(server)
    ours.listing()
    before = server.serial()
    ours.write([create(f"h{number}", "A", "203.0.113.1") for number in range(200)])
    assert server.serial() == before + 1
    assert len(ours.listing().ours) == 200


def test_more_than_a_message_holds_goes_in_several(server):
    """2,000 records are written, though a message of DNS has 64 KiB."""
    ours = provider(server)
    ours.listing()
    before = server.serial()
    ours.write([create(f"host-with-a-long-name-{number}", "A", "203.0.113.1") for number in range(2000)])
    assert len(ours.listing().ours) == 2000
    assert 1 < server.serial() - before < 20


def test_writing_again_what_is_there_changes_nothing(server):
    """Needless writes would wake every secondary."""
    ours = provider(server)
    ours.write([create("redis", "A", "203.0.113.1")])
    before = server.serial()
    ours.write([create("redis", "A", "203.0.113.1")])
    assert server.serial() == before


def test_a_new_time_to_live_holds_for_the_whole_name(server):
    """An RRset has one time to live, and a change of it is no change of values."""
    ours = provider(server)
    ours.write([create("redis", "A", "203.0.113.1", 60), create("redis", "A", "203.0.113.2", 60)])
    first, second = ours.listing().ours
    ours.write([update(first, first.value, 30), update(second, second.value, 30)])
    assert [one.ttl for one in ours.listing().ours] == [30, 30]


def test_c1_a_foreign_record_in_the_way_is_named_and_the_rest_proceeds(sort):
    """What does not bear our mark is neither changed nor deleted nor joined, even by mistake of a plan."""
    with dns_servers.dns_server(sort, extra="redis A 198.51.100.7\nmail MX 10 mx.example.org.\n") as server:
        ours = provider(server)
        seen = {one.name: one for one in ours.listing().others}
        wrong = [create("redis", "A", "203.0.113.1"), delete(seen[f"mail.{ZONE}"]), create("n1", "A", "203.0.113.1")]
        with pytest.raises(ApplyError, match=r"A redis\.example\.com: is there already and not ours \(198\.51\.100\.7\)") as caught:
            ours.write(wrong)
        assert f"MX mail.{ZONE}" in str(caught.value)
        assert server.ask(f"redis.{ZONE}", "A") == ["198.51.100.7"]
        assert server.ask(f"mail.{ZONE}", "MX") == ["10 mx.example.org."]
        assert shown(ours.listing()) == ["n1 A 203.0.113.1"]
        assert seen[f"redis.{ZONE}"].owner is Owner.FOREIGN


def test_a_value_that_somebody_adds_to_our_name_is_an_edit_of_ours(server):
    """A name that answers half right is wrong: the value shows as ours, so that the plan takes it away again."""
    ours = provider(server)
    ours.write([create("redis", "A", "203.0.113.1")])
    by_hand(server, f"update add redis.{ZONE} 60 A 198.51.100.7")
    assert shown(ours.listing()) == ["redis A 198.51.100.7", "redis A 203.0.113.1"]
    ours.write([delete(record("redis", "A", "198.51.100.7"))])
    assert server.ask(f"redis.{ZONE}", "A") == ["203.0.113.1"]


def test_another_clusters_records_are_left_alone(server):
    """Two clusters share a zone: each sees the other's records, and takes none of them."""
    provider(server, OTHER).write([create("redis", "A", "203.0.113.1")])
    ours = provider(server, CLUSTER)
    (found,) = [one for one in ours.listing().others if one.name == f"redis.{ZONE}"]
    assert found.owner is Owner.OTHER
    with pytest.raises(ApplyError, match="marked as another cluster's"):
        ours.write([create("redis", "A", "203.0.113.2"), create("n1", "A", "203.0.113.2")])
    assert server.ask(f"redis.{ZONE}", "A") == ["203.0.113.1"]
    assert shown(ours.listing()) == ["n1 A 203.0.113.2"]


def test_m14_the_mark_is_never_at_the_name_of_a_seed_list(server):
    """Beside the SRV there is no TXT at all, and beside the seed list's TXT no second one, else no MongoDB driver connects."""
    options = '"replicaSet=rs0&authSource=admin"'
    provider(server).write([create("_mongodb._tcp.db", "SRV", f"0 0 27017 n1.{ZONE}"), create("db", "TXT", options)])
    assert server.ask(f"_mongodb._tcp.db.{ZONE}", "SRV") == [f"0 0 27017 n1.{ZONE}."]
    assert server.ask(f"_mongodb._tcp.db.{ZONE}", "TXT") == []
    assert server.ask(f"db.{ZONE}", "TXT") == [options]


def test_c10_no_mark_makes_a_name_exist(server):
    """RFC 4592: a mark next to its record would end the wildcard's answers for names that only the mark has."""
    provider(server).write(
        [
            create("*.n1", "A", "203.0.113.1"),
            create("*", "A", "203.0.113.9"),
            create("x.n1", "AAAA", "2001:db8::1"),
            create("n1", "A", "203.0.113.1"),
        ]
    )
    assert server.ask(f"random.n1.{ZONE}", "A") == ["203.0.113.1"]
    assert server.ask(f"deep.er.n1.{ZONE}", "A") == ["203.0.113.1"]
    for name in ("random", "a.random", "_any", "a", "a.n1.a"):
        assert server.ask(f"{name}.{ZONE}", "A") == ["203.0.113.9"], name


def test_a_mark_does_not_outlive_its_record(server):
    """A record of ours that was deleted by hand leaves no claim on the name: whoever takes it next keeps it."""
    ours = provider(server)
    ours.write([create("redis", "A", "203.0.113.1")])
    by_hand(server, f"update delete redis.{ZONE} A")
    listing = ours.listing()
    assert listing.ours == ()
    assert f"a.redis._osvc-ha.{ZONE} TXT is left" in listing.notes[0]
    ours.write([create("n1", "A", "203.0.113.1")])
    by_hand(server, f"update add redis.{ZONE} 60 A 198.51.100.7")
    assert (shown(ours.listing()), ours.listing().notes) == (["n1 A 203.0.113.1"], ())


def test_a_record_that_was_deleted_by_hand_is_made_again(server):
    """What is still wanted comes back, and keeps its mark."""
    ours = provider(server)
    ours.write([create("redis", "A", "203.0.113.1")])
    by_hand(server, f"update delete redis.{ZONE} A")
    ours.listing()
    ours.write([create("redis", "A", "203.0.113.1")])
    assert shown(ours.listing()) == ["redis A 203.0.113.1"]


def test_a_mark_that_was_taken_off_makes_the_record_foreign(server):
    """Whoever removes the mark takes the record over: it is left as it is."""
    ours = provider(server)
    ours.write([create("redis", "A", "203.0.113.1")])
    (mine,) = ours.listing().ours
    by_hand(server, f"update delete a.redis._osvc-ha.{ZONE} TXT")
    assert ours.listing().ours == ()
    with pytest.raises(ApplyError, match="not ours"):
        ours.write([delete(mine)])
    assert server.ask(f"redis.{ZONE}", "A") == ["203.0.113.1"]


def test_an_address_is_not_lost_in_silence_beside_an_alias(server):
    """A server drops an address that is added beside a CNAME without a word; here somebody makes the CNAME after we looked."""
    ours = provider(server)
    ours.listing()
    by_hand(server, f"update add redis.{ZONE} 60 CNAME n9.{ZONE}")
    with pytest.raises(ApplyError, match=r"A redis\.example\.com: cannot stand beside the CNAME"):
        ours.write([create("redis", "A", "203.0.113.1"), create("n1", "A", "203.0.113.1")])
    assert shown(ours.listing()) == ["n1 A 203.0.113.1"]


def test_an_alias_of_ours_becomes_an_address_at_once(server):
    """One message turns a CNAME into an A, and back."""
    ours = provider(server)
    ours.write([create("www", "CNAME", f"n1.{ZONE}")])
    (alias,) = ours.listing().ours
    ours.write([create("www", "A", "203.0.113.1"), delete(alias)])
    assert shown(ours.listing()) == ["www A 203.0.113.1"]
    (address,) = ours.listing().ours
    ours.write([create("www", "CNAME", f"n1.{ZONE}"), delete(address)])
    assert shown(ours.listing()) == [f"www CNAME n1.{ZONE}"]


def test_names_that_do_not_exist_stay_so(server):
    """A zone without wildcards of ours answers NXDOMAIN for strangers, marks or not."""
    provider(server).write([create("redis", "A", "203.0.113.1")])
    assert server.answer(f"nobody.{ZONE}", "A").rcode() == dns.rcode.NXDOMAIN


def test_a_large_zone_is_read_whole_by_a_busy_machine(sort, monkeypatch):
    """10,000 records of others: Knot cuts off who takes half a second to read on, so understanding them must not hold up the reading."""
    many = "".join(f"host-{number} A 198.51.100.{number % 256}\n" for number in range(10_000))

    pauses = [1.5]

    def slowly(message):
        time.sleep(pauses.pop() if pauses else 0.0)
        return lines_of(message)

    monkeypatch.setattr(rfc2136, "lines_of", slowly)
    with dns_servers.dns_server(sort, extra=many) as server:
        ours = provider(server)
        assert len(ours.listing().others) == 10_003
        ours.write([create("redis", "A", "203.0.113.1")])
        listing = ours.listing()
        assert (shown(listing), len(listing.others)) == (["redis A 203.0.113.1"], 10_003)
