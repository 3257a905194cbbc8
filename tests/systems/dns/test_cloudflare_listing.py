"""What the provider sees of a zone at Cloudflare, and in how many calls."""

from __future__ import annotations

import pytest
from cloudflare_lab import CLUSTER, MARK, Lab, a, create

from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.dns.client.cloudflare_records import LONGEST_COMMENT, mark_of
from osvc_ha.systems.dns.state import AUTOMATIC, Owner, Record


@pytest.fixture
def lab(tmp_path):
    """example.com on the free plan."""
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def large(tmp_path):
    """A zone that takes two pages."""
    lab = Lab(tmp_path, "enterprise")
    for number in range(5001):
        lab.have(f"host-{number}", "192.0.2.1")
    yield lab
    lab.close()


def test_a_quiet_look_is_one_call(lab):
    """The first look finds the zone's id; from then on, also in a new process, a look is one list call."""
    lab.have("n1", "203.0.113.1", comment=MARK)
    first = lab.provider()
    first.listing()
    assert lab.calls() == ["GET zones", "GET dns_records"]
    first.listing()
    assert lab.calls() == ["GET dns_records"]
    lab.provider().listing()
    assert lab.calls() == ["GET dns_records"]


def test_a_page_holds_5000_records(large):
    """5,001 records are two calls, and every record is seen once."""
    listing = large.provider().listing()
    assert large.calls() == ["GET zones", "GET dns_records", "GET dns_records"]
    assert len({record.name for record in listing.others}) == len(listing.others) == 5001


def test_a_zone_that_changes_between_two_pages_is_read_again(large):
    """A record that slips from one page to the one that was read already must not look as if it were gone."""
    provider = large.provider()
    first = next(iter(large.zone.records))
    large.double.faults.before_call(3, lambda: large.zone.delete(first))
    listing = provider.listing()
    assert first not in {record.ident for record in listing.others} and len(listing.others) == 5000
    assert large.calls() == ["GET zones"] + ["GET dns_records"] * 3


def test_a_zone_that_never_stands_still_cannot_be_told(large):
    """A listing that is not whole is no listing."""
    for number in range(3, 30, 2):
        large.double.faults.before_call(number, lambda number=number: large.have(f"new-{number}", "192.0.2.1"))
    with pytest.raises(ObserveError, match="it changed each of the 3 times it was listed"):
        large.provider().listing()


def test_c1_only_records_with_our_comment_are_ours(lab):
    """The comment's first word tells: ours, another cluster's, nobody's; what a person wrote behind it does not matter."""
    lab.have("n1", "203.0.113.1", comment=MARK)
    lab.have("n2", "203.0.113.2", comment=f"{MARK} do not touch, says Ann")
    lab.have("n3", "203.0.113.3", comment="osvc-ha:another")
    lab.have("n4", "203.0.113.4", comment=f"{MARK}x")
    lab.have("n5", "203.0.113.5", comment=f"moved from {MARK}")
    lab.have("n6", "203.0.113.6")
    listing = lab.provider().listing()
    assert [record.name for record in listing.ours] == ["n1.example.com", "n2.example.com"]
    owners = [Owner.OTHER, Owner.OTHER, Owner.FOREIGN, Owner.FOREIGN]
    assert [record.owner for record in listing.others] == owners


def test_c7_every_spelling_comes_back_in_the_one_form_of_the_plan(lab):
    """Proxied is automatic, TXT is quoted, hosts have no last dot, SRV is one value: comparing is enough."""
    lab.zone.create({"name": "WWW", "type": "A", "content": "203.0.113.1", "ttl": 300, "proxied": True, "comment": MARK})
    lab.have("six", "2001:DB8:0:0::1", "AAAA", MARK)
    lab.have("said", "plain words", "TXT", MARK)
    lab.have("quoted", '"a b" "c"', "TXT", MARK)
    lab.have("alias", "WWW.Example.com.", "CNAME", MARK)
    srv = {"priority": 0, "weight": 0, "port": 27017, "target": "N1.example.com."}
    lab.have("_mongodb._tcp.db", "", "SRV", MARK, data=srv)
    ours = {record.name.partition(".")[0]: record for record in lab.provider().listing().ours}
    assert ours["www"] == Record("www.example.com", "A", "203.0.113.1", AUTOMATIC, True)
    assert ours["six"].value == "2001:db8::1"
    assert ours["said"].value == '"plain words"'
    assert ours["quoted"].value == '"a bc"'
    assert ours["alias"].value == "www.example.com"
    assert ours["_mongodb"].value == "0 0 27017 n1.example.com"


def test_c7_a_cluster_id_too_long_for_a_comment_still_marks_its_records(lab):
    """A free zone's comment has 100 characters."""
    name = "a very long name of a cluster " * 9
    assert len(mark_of(name)) <= LONGEST_COMMENT and " " not in mark_of(name)
    assert mark_of(name) != mark_of(name + "!")
    lab.provider(cluster=name).write([create(a("n1", "203.0.113.1"))])
    assert len(lab.provider(cluster=name).listing().ours) == 1


@pytest.mark.parametrize(("plan", "lowest"), [("free", 60), ("pro", 60), ("enterprise", 30)])
def test_the_plan_of_the_zone_sets_the_least_ttl(tmp_path, plan, lowest):
    """30 seconds are for Enterprise; nobody has to write the plan into a keyword."""
    lab = Lab(tmp_path, plan)
    try:
        assert lab.provider().listing().lowest_ttl == lowest
        assert lab.provider().listing().lowest_ttl == lowest
    finally:
        lab.close()


def test_a_record_whose_comment_was_taken_off_is_left_alone_and_said(lab):
    """Without its mark it is somebody else's, also after a restart; with it again, it is ours again."""
    ident = lab.have("n1", "203.0.113.1", comment=MARK)
    lab.provider().listing()
    lab.zone.edit(ident, {"comment": ""})
    for provider in (lab.provider(), lab.provider()):
        listing = provider.listing()
        assert (listing.ours, len(listing.others)) == ((), 1)
        (note,) = listing.notes
        assert note.startswith(f"n1.example.com A 203.0.113.1: its comment {MARK} was taken off; it is left alone")
    lab.zone.edit(ident, {"comment": MARK})
    assert lab.provider().listing().notes == ()


def test_a_foreign_record_is_no_news(lab):
    """Notes are for what was ours."""
    lab.have("n1", "203.0.113.1")
    assert lab.provider().listing().notes == ()


def test_two_clusters_share_a_zone(lab):
    """Each sees its own records as its own, and those of the other as another cluster's."""
    lab.provider("n1", "one").write([create(a("n1", "203.0.113.1"))])
    lab.provider("m1", "two").write([create(a("m1", "203.0.113.2"))])
    for node, cluster, mine, theirs in (("n1", "one", "n1", "m1"), ("m1", "two", "m1", "n1")):
        listing = lab.provider(node, cluster).listing()
        assert [record.name for record in listing.ours] == [f"{mine}.example.com"]
        assert [(record.name, record.owner) for record in listing.others] == [(f"{theirs}.example.com", Owner.OTHER)]


def test_a_zone_that_was_deleted_and_made_again_is_found_again(lab):
    """It has another id then, and the remembered one would fail for ever."""
    provider = lab.provider()
    provider.listing()
    lab.double.delete_zone(lab.zone)
    lab.zone = lab.double.add_zone("example.com", "enterprise")
    lab.have("n1", "203.0.113.1", comment=MARK)
    assert [record.name for record in provider.listing().ours] == ["n1.example.com"]
    assert provider.listing().lowest_ttl == 30


def test_another_zone_in_the_same_runtime_directory_is_another_zone(lab):
    """What was remembered for the old keyword is not used for the new one."""
    lab.provider().listing()
    other = lab.double.add_zone("example.org")
    other.create({"name": "n1", "type": "A", "content": "203.0.113.1", "ttl": 300, "comment": MARK})
    lab.zone = other
    assert [record.name for record in lab.provider().listing().ours] == ["n1.example.org"]


@pytest.mark.parametrize("rubbish", ["", "{", "[]", '{"name": "example.com"}', "\udcff"])
def test_a_memory_that_makes_no_sense_costs_one_call(lab, rubbish):
    """The file is a convenience."""
    lab.provider().listing()
    lab.calls()
    (lab.folder / "n1" / "cloudflare-zone.json").write_bytes(rubbish.encode("utf-8", "surrogateescape"))
    lab.provider().listing()
    assert lab.calls() == ["GET zones", "GET dns_records"]


@pytest.mark.parametrize("edit", [{"content": "203.0.113.2"}, {"ttl": 60}, {"proxied": True}, {"comment": MARK}, {"name": "n2"}])
def test_a_second_look_of_the_same_process_sees_what_was_changed(lab, edit):
    """What is kept from one look to the next is only what was not modified."""
    ident = lab.have("n1", "203.0.113.1")
    provider = lab.provider()
    before = provider.listing()
    assert provider.listing() == before
    lab.zone.edit(ident, edit)
    after, fresh = provider.listing(), lab.provider("other").listing()
    assert (after.ours, after.others) == (fresh.ours, fresh.others) != (before.ours, before.others)
    lab.zone.delete(ident)
    assert (provider.listing().ours, provider.listing().others) == ((), ())


def test_cluster_ids_are_marked_as_they_are():
    """A person reads in the dashboard which cluster a record belongs to."""
    assert mark_of(CLUSTER) == MARK
