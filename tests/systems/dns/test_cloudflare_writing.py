"""How the provider writes: one batch where it fits, and what becomes of a batch that is refused."""

from __future__ import annotations

import pytest
from cloudflare_lab import MARK, Lab, a, create, delete, update

from osvc_ha.planner.errors import ApplyError
from osvc_ha.systems.dns.state import AUTOMATIC, Record


def many(count, name="h"):
    """Changes that make so many names."""
    return [create(a(f"{name}{number}", "203.0.113.1")) for number in range(count)]


def test_one_placement_change_is_two_calls(lab):
    """List, batch; the answer to the batch is the look that follows."""
    lab.have("redis", "203.0.113.1", comment=MARK)
    provider = lab.provider()
    (before,) = provider.listing().ours
    provider.write([update(before, "203.0.113.2")])
    (after,) = provider.listing().ours
    assert lab.calls() == ["GET dns_records", "POST batch"]
    assert (after.value, after.ident) == ("203.0.113.2", before.ident)
    assert lab.there() == [("redis.example.com", "A", "203.0.113.2")]


def test_the_answer_to_a_write_counts_once_and_not_for_long(lab):
    """The next reconcile looks for itself, and so does one that comes later than the end of this one."""
    provider = lab.provider()
    provider.listing()
    provider.write(many(1))
    provider.listing()
    lab.calls()
    provider.listing()
    provider.write(many(1, "g"))
    lab.clock.now += 60
    provider.listing()
    assert lab.calls() == ["GET dns_records", "POST batch", "GET dns_records"]


def test_the_look_after_a_write_is_what_a_real_look_would_be(lab):
    """Made, altered and deleted records are in it as the zone has them."""
    for number in range(3):
        lab.have(f"n{number}", "203.0.113.1", comment=MARK)
    lab.have("foreign", "203.0.113.9")
    provider = lab.provider()
    first, second, _ = provider.listing().ours
    provider.write([delete(first), update(second, "203.0.113.5"), create(a("www", "203.0.113.6", AUTOMATIC, proxied=True))])
    remembered, seen = provider.listing(), lab.provider().listing()
    assert set(remembered.ours) == set(seen.ours)
    assert {record.ident for record in remembered.ours} == {record.ident for record in seen.ours}
    assert remembered.others == seen.others and len(seen.ours) == 3


def test_every_kind_of_record_is_written_as_it_was_wanted(lab):
    """A second look finds what the plan asked for, so there is nothing left to do."""
    wanted = {
        a("n1", "203.0.113.1"),
        a("*.n1", "203.0.113.1"),
        a("n1", "2001:db8::1"),
        a("www", "203.0.113.1", AUTOMATIC, proxied=True),
        Record("alias.example.com", "CNAME", "n1.example.com", 60),
        Record("db.example.com", "TXT", '"authSource=admin&replicaSet=rs0"', 60),
        Record("long.example.com", "TXT", '"' + "x" * 255 + '" "yy"', 60),
        Record("_mongodb._tcp.db.example.com", "SRV", "0 0 27017 n1.example.com", 60),
    }
    lab.provider().write([create(record) for record in wanted])
    assert set(lab.provider().listing().ours) == wanted


def test_c6_c9_only_what_can_be_proxied_says_so_and_nothing_has_tags(lab):
    """SRV and TXT never carry the flag, and tags, of which a free zone has none, are never sent."""
    lab.provider().write([create(Record("t.example.com", "TXT", '"x"', 60)), create(a("n1", "203.0.113.1"))])
    assert [record["proxied"] for record in lab.zone.records.values()] == [False, False]
    assert all(record["tags"] == [] and record["comment"] == MARK for record in lab.zone.records.values())


def test_what_a_person_wrote_behind_our_comment_stays(lab):
    """An update leaves the comment as it is."""
    ident = lab.have("n1", "203.0.113.1", comment=f"{MARK} ask Ann")
    provider = lab.provider()
    (before,) = provider.listing().ours
    provider.write([update(before, "203.0.113.2")])
    assert lab.zone.records[ident]["comment"] == f"{MARK} ask Ann"


def test_the_limit_of_a_batch_is_read_from_the_refusal_and_remembered(lab):
    """1,000 changes on the free plan are one refusal and five batches; a later process knows the limit."""
    lab.provider().write(many(1000))
    assert lab.calls() == ["POST batch"] * 6
    lab.provider().write(many(400, "g"))
    assert lab.calls() == ["POST batch"] * 2
    assert len(lab.zone.records) == 1400


def test_a_refusal_that_names_no_number_is_found_out_by_halving(lab):
    """It takes more calls the first time, every record is written once, and the next time it is known."""
    lab.zone.batch_words = "Too many operations."
    lab.provider().write(many(1000))
    first = len(lab.calls())
    assert len(lab.zone.records) == 1000
    lab.provider().write(many(1000, "g"))
    assert len(lab.calls()) == 8 < first <= 12


def test_a_paid_plan_takes_1000_changes_in_one_call(tmp_path):
    """3,500 fit there."""
    lab = Lab(tmp_path, "pro")
    try:
        lab.provider().write(many(1000))
        assert lab.calls() == ["GET zones", "POST batch"]
    finally:
        lab.close()


def test_c5_one_bad_record_does_not_stop_the_rest(lab):
    """The batch is refused as a whole; the bad record is found, named with Cloudflare's words and its request, and the others are there."""
    lab.have("h7", "203.0.113.9", "CNAME")
    with pytest.raises(ApplyError) as error:
        lab.provider().write(many(16))
    words = str(error.value)
    assert words.startswith("cloudflare: 1 of 16 records refused, the others are written: create h7.example.com A 203.0.113.1: ")
    assert "A CNAME record with that host already exists" in words and "81054" in words and "-LAB" in words
    assert len(lab.zone.records) == 16
    assert len(lab.calls()) <= 2 * 4 + 1


def test_c5_several_bad_records_are_all_named(lab):
    """Each with its own reason."""
    lab.have("h3", "other.example.com", "CNAME")
    lab.have("h9", "203.0.113.1")
    with pytest.raises(ApplyError, match="2 of 16 records refused") as error:
        lab.provider().write(many(16))
    assert "h3.example.com" in str(error.value) and "81054" in str(error.value)
    assert "h9.example.com" in str(error.value) and "81058" in str(error.value)
    assert len(lab.zone.records) == 16


def test_c1_a_foreign_record_in_the_way_is_never_taken_over(lab):
    """The same name, type and value, without our comment: refused by name, and still without our comment."""
    ident = lab.have("n1", "203.0.113.1", comment="Ann's")
    with pytest.raises(ApplyError, match="n1.example.com A 203.0.113.1"):
        lab.provider().write([create(a("n1", "203.0.113.1")), create(a("n2", "203.0.113.2"))])
    assert lab.zone.records[ident]["comment"] == "Ann's"
    assert len(lab.zone.records) == 2


def test_a_name_whose_new_record_is_refused_keeps_its_old_one(lab):
    """Otherwise nothing would answer for it."""
    lab.have("n1", "203.0.113.1", comment=MARK)
    provider = lab.provider()
    (old,) = provider.listing().ours
    bad = Record("n1.example.com", "A", "203.0.113.2", 5)
    with pytest.raises(ApplyError, match="stays, because n1.example.com A 203.0.113.2 was refused"):
        provider.write([delete(old), create(bad), create(a("n2", "203.0.113.2"))])
    assert lab.there() == [("n1.example.com", "A", "203.0.113.1"), ("n2.example.com", "A", "203.0.113.2")]


def test_an_address_takes_the_place_of_a_cname(lab):
    """In one batch, and record by record when another record of the batch is bad."""
    lab.have("n1", "old.example.com", "CNAME", MARK)
    lab.have("n2", "old.example.com", "CNAME", MARK)
    provider = lab.provider()
    first, second = provider.listing().ours
    provider.write([create(a("n1", "203.0.113.1")), delete(first)])
    bad = create(Record("n2.example.com", "A", "203.0.113.3", 5))
    with pytest.raises(ApplyError, match="1 of 3 records refused"):
        provider.write([create(a("n2", "203.0.113.2")), delete(second), bad])
    assert lab.there() == [("n1.example.com", "A", "203.0.113.1"), ("n2.example.com", "A", "203.0.113.2")]


def test_a_record_that_somebody_else_deleted_is_deleted(lab):
    """What was wanted has happened; the rest of the batch is written."""
    ident = lab.have("n1", "203.0.113.1", comment=MARK)
    provider = lab.provider()
    (old,) = provider.listing().ours
    lab.zone.delete(ident)
    provider.write([delete(old), create(a("n2", "203.0.113.2"))])
    assert lab.there() == [("n2.example.com", "A", "203.0.113.2")]


def test_a_record_edited_by_hand_is_put_back(lab):
    """Its value was changed in the dashboard: it still has our comment, so the next look shows it as ours, and the update restores it."""
    ident = lab.have("n1", "203.0.113.1", comment=MARK)
    lab.zone.edit(ident, {"content": "198.51.100.66", "proxied": True})
    provider = lab.provider()
    (seen,) = provider.listing().ours
    assert (seen.value, seen.proxied) == ("198.51.100.66", True)
    provider.write([update(seen, "203.0.113.1", ttl=300, proxied=False)])
    assert set(lab.provider().listing().ours) == {a("n1", "203.0.113.1")}


def test_a_batch_that_cannot_be_had_at_all_is_written_record_by_record(lab):
    """An answer to the batch that is no reason leaves the calls for single records."""
    lab.double.fail("status", "POST", "/batch", times=99, status=405)
    lab.provider().write(many(4))
    assert len(lab.zone.records) == 4


def test_nothing_to_write_is_no_call(lab):
    """An empty plan costs nothing."""
    lab.provider().write([])
    assert lab.calls() == []
