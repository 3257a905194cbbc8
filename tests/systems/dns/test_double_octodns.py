"""The stand-in for Cloudflare's API, checked with octoDNS: a client that this project did not write, and its own idea of a zone."""

from __future__ import annotations

import pytest
from cloudflare_double import Double

pytest.importorskip("octodns", reason="octoDNS wants Python 3.10")

from octodns.record import Record
from octodns.zone import Zone
from octodns_cloudflare import CloudflareProvider

RECORDS = {
    "": {"type": "A", "ttl": 300, "values": ["192.0.2.1", "192.0.2.2"]},
    "six": {"type": "AAAA", "ttl": 300, "value": "2001:db8::1"},
    "*.n1": {"type": "A", "ttl": 120, "value": "192.0.2.3"},
    "www": {"type": "CNAME", "ttl": 300, "value": "six.example.com.", "octodns": {"cloudflare": {"proxied": True, "auto-ttl": True}}},
    "said": {"type": "TXT", "ttl": 300, "values": ["authSource=admin&replicaSet=rs0", "v=spf1 -all", "x" * 300]},
    "_mongodb._tcp.db": {
        "type": "SRV",
        "ttl": 300,
        "values": [{"priority": 0, "weight": 0, "port": 27017, "target": f"n{number}.example.com."} for number in (1, 2, 3)],
    },
    "mail": {"type": "MX", "ttl": 300, "value": {"preference": 10, "exchange": "six.example.com."}},
}


@pytest.fixture
def double():
    """A double with example.com."""
    with Double() as running:
        running.add_zone()
        yield running


def sync(double, records):
    """What octoDNS does with a zone of its own: (changes planned, changes made)."""
    secret = double.add_token().secret
    provider = CloudflareProvider("double", token=secret, api_url=double.url, pagerules=False, records_per_page=5, zones_per_page=5)
    wanted = Zone("example.com.", [])
    for name, given in records.items():
        wanted.add_record(Record.new(wanted, name, given))
    plan = provider.plan(wanted)
    return (0, 0) if plan is None else (len(plan.changes), provider.apply(plan))


def test_octodns_syncs_a_zone_twice_and_the_second_time_changes_nothing(double):
    """Every value, TTL and flag comes back as it was written, over pages of five, or octoDNS would plan a change."""
    assert sync(double, RECORDS) == (len(RECORDS), len(RECORDS))
    (zone,) = double.zones.values()
    assert len(zone.records) == 12
    calls = len(double.calls)
    assert sync(double, RECORDS) == (0, 0)
    assert {method for method, _, _ in double.calls[calls:]} == {"GET"}


def test_octodns_sees_each_kind_of_change(double):
    """A changed value, another TTL and a record taken away are written, and then there is nothing to do."""
    sync(double, RECORDS)
    changed = {name: given for name, given in RECORDS.items() if name != "mail"}
    changed["*.n1"] = {**RECORDS["*.n1"], "value": "192.0.2.9"}
    changed["six"] = {**RECORDS["six"], "ttl": 600}
    assert sync(double, changed) == (3, 3)
    assert sync(double, changed) == (0, 0)
