"""The names of marks: one for each RRset, in a subtree of their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from osvc_ha.systems.dns.state import Owner
from osvc_ha.systems.dns.state.registry import in_registry, mark, owner_of, registered, registry_name, too_long

ZONE = "example.com"
LABELS = some.sampled_from(
    ["a", "aaaa", "txt", "n1", "_any", "_any_", "_any__", "_anyway", "any", "_mongodb", "_tcp", "_osvc-ha", "example", "com"]
)
NAMES = some.builds(
    lambda star, labels: ".".join([*(["*"] if star else []), *labels, ZONE]), some.booleans(), some.lists(LABELS, max_size=4)
)
TYPES = some.sampled_from(["A", "AAAA", "TXT", "SRV", "CNAME"])


@given(NAMES, TYPES)
def test_a_mark_tells_what_it_marks(name, type):
    """From the mark's name back to the record's, for every name, with stars and labels that look like marks."""
    found = registry_name(name, type, ZONE)
    assert in_registry(found, ZONE) and "*" not in found
    assert registered(found, "TXT", ZONE) == (name, type)


@given(NAMES, TYPES, NAMES, TYPES)
def test_no_two_records_share_a_mark(name, type, other, other_type):
    """Else deleting one would give the other away."""
    same = registry_name(name, type, ZONE) == registry_name(other, other_type, ZONE)
    assert same == ((name, type) == (other, other_type))


@pytest.mark.parametrize(
    ("name", "type", "expected"),
    [
        ("redis.example.com", "A", "a.redis._osvc-ha.example.com"),
        ("*.n1.example.com", "AAAA", "aaaa._any.n1._osvc-ha.example.com"),
        ("example.com", "TXT", "txt._osvc-ha.example.com"),
        ("_mongodb._tcp.db.example.com", "SRV", "srv._mongodb._tcp.db._osvc-ha.example.com"),
    ],
)
def test_marks_are_found_by_a_person_too(name, type, expected):
    """Their names are what somebody would look for with dig."""
    assert registry_name(name, type, ZONE) == expected


def test_what_is_no_mark_marks_nothing():
    """Other records in the subtree, and names that only look alike, give nobody a claim."""
    assert registered("_osvc-ha.example.com", "TXT", ZONE) is None
    assert registered("a.redis._osvc-ha.example.com", "A", ZONE) is None
    assert registered("a.redis.osvc-ha.example.com", "TXT", ZONE) is None
    assert not in_registry("x_osvc-ha.example.com", ZONE)


def test_only_our_own_mark_alone_is_ours():
    """Two marks at once, or another text, are nobody's right to write."""
    assert owner_of([mark("a")], "a") is Owner.OURS
    assert owner_of([mark("b")], "a") is Owner.OTHER
    assert owner_of([mark("a"), mark("b")], "a") is Owner.OTHER
    assert owner_of(["heritage=external-dns"], "a") is Owner.FOREIGN


def test_a_name_without_room_for_its_mark_is_too_long():
    """255 bytes hold the mark's name too."""
    label = "x" * 60
    assert not too_long(f"{label}.{label}.{label}.{ZONE}", "A", ZONE)
    assert too_long(f"{label}.{label}.{label}.{'y' * 45}.{ZONE}", "AAAA", ZONE)
