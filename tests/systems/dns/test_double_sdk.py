"""The stand-in for Cloudflare's API, checked with Cloudflare's own SDK: its models parse every answer strictly."""

from __future__ import annotations

import cloudflare
import pytest
from cloudflare_double import Double


@pytest.fixture
def double():
    """A double without zones."""
    with Double() as running:
        yield running


@pytest.fixture
def zone(double):
    """example.com on the free plan."""
    return double.add_zone()


@pytest.fixture
def client(double, zone):
    """The SDK, which refuses an answer that does not fit its models."""
    return sdk(double, double.add_token().secret)


def sdk(double, secret, **more):
    """The official client, without its retries."""
    return cloudflare.Cloudflare(api_token=secret, base_url=double.url, max_retries=0, _strict_response_validation=True, **more)


def code_of(error):
    """The code that says why."""
    (first,) = error.value.body["errors"]
    return (first.get("error_chain") or [first])[0]["code"]


RECORDS = (
    {"type": "A", "name": "a", "content": "192.0.2.1", "ttl": 60},
    {"type": "AAAA", "name": "a", "content": "2001:DB8:0::1", "ttl": 60},
    {"type": "CNAME", "name": "c", "content": "a.example.com.", "ttl": 1, "proxied": True},
    {"type": "TXT", "name": "t", "content": '"one" "two"', "ttl": 300},
    {"type": "SRV", "name": "_x._tcp.s", "data": {"priority": 0, "weight": 5, "port": 27017, "target": "a.example.com"}, "ttl": 300},
    {"type": "MX", "name": "@", "content": "a.example.com", "priority": 10, "ttl": 300},
    {"type": "NS", "name": "sub", "content": "ns.example.net", "ttl": 300},
    {"type": "CAA", "name": "@", "data": {"flags": 0, "tag": "issue", "value": "example.net"}, "ttl": 300},
)


@pytest.mark.parametrize("given", RECORDS, ids=lambda given: given["type"])
def test_every_type_can_be_made_read_edited_overwritten_and_deleted(client, zone, given):
    """What the SDK was given comes back, parsed by its own models, after each call there is."""
    made = client.dns.records.create(zone_id=zone.ident, **given)
    assert client.dns.records.get(made.id, zone_id=zone.ident) == made
    assert list(client.dns.records.list(zone_id=zone.ident)) == [made]
    edited = client.dns.records.edit(made.id, zone_id=zone.ident, **{**given, "comment": "ours"})
    assert (edited.id, edited.comment, edited.content) == (made.id, "ours", made.content)
    overwritten = client.dns.records.update(made.id, zone_id=zone.ident, **given)
    assert (overwritten.id, overwritten.comment) == (made.id, None)
    assert client.dns.records.delete(made.id, zone_id=zone.ident).id == made.id
    assert list(client.dns.records.list(zone_id=zone.ident)) == []


def test_the_zone_the_token_and_the_balancers_fit_the_models(double, client, zone):
    """Zones, tokens, monitors, pools and load balancers pass the strict models, too."""
    (found,) = client.zones.list(name="example.com")
    assert found == client.zones.get(zone_id=zone.ident)
    assert (found.id, found.plan.legacy_id, found.account.id) == (zone.ident, "free", zone.account)
    assert list(client.zones.list(name="example.net")) == []
    assert client.user.tokens.verify().status == "active"
    balancing = client.load_balancers
    monitor = balancing.monitors.create(account_id=zone.account, type="tcp", port=443)
    pool = balancing.pools.create(account_id=zone.account, name="p", origins=[{"name": "n1", "address": "192.0.2.1"}], monitor=monitor.id)
    made = balancing.create(zone_id=zone.ident, name="www.example.com", default_pools=[pool.id], fallback_pool=pool.id)
    assert [each.id for each in balancing.list(zone_id=zone.ident)] == [made.id]
    assert [each.id for each in balancing.pools.list(account_id=zone.account)] == [pool.id]
    with pytest.raises(cloudflare.APIStatusError):
        balancing.pools.delete(pool.id, account_id=zone.account)
    assert balancing.delete(made.id, zone_id=zone.ident).id == made.id
    assert balancing.pools.delete(pool.id, account_id=zone.account).id == pool.id
    assert balancing.monitors.delete(monitor.id, account_id=zone.account).id == monitor.id


def test_pages_follow_each_other_without_gap(client, zone):
    """The SDK's own pager walks all pages, and the last one says how many there are."""
    for number in range(7):
        client.dns.records.create(zone_id=zone.ident, type="A", name=f"h{number}", content="192.0.2.1", ttl=60)
    found = list(client.dns.records.list(zone_id=zone.ident, per_page=3))
    assert [record.name for record in found] == [f"h{number}.example.com" for number in range(7)]
    told = client.dns.records.with_raw_response.list(zone_id=zone.ident, per_page=3, page=3).http_response.json()
    assert told["result_info"] == {"page": 3, "per_page": 3, "count": 1, "total_count": 7, "total_pages": 3}
    assert [record.name for record in client.dns.records.list(zone_id=zone.ident, name={"startswith": "H6"})] == ["h6.example.com"]


def test_a_batch_is_done_in_its_own_order(client, zone):
    """Deletes, patches, puts, posts: an address can take the place of a CNAME, and of a record that moves away, in one batch."""
    cname = client.dns.records.create(zone_id=zone.ident, type="CNAME", name="c", content="a.example.com", ttl=60)
    moved = client.dns.records.create(zone_id=zone.ident, type="A", name="m", content="192.0.2.1", ttl=60)
    kept = client.dns.records.create(zone_id=zone.ident, type="A", name="k", content="192.0.2.1", ttl=60, comment="mine")
    done = client.dns.records.batch(
        zone_id=zone.ident,
        posts=[
            {"type": "A", "name": "c", "content": "192.0.2.2", "ttl": 60},
            {"type": "A", "name": "m", "content": "192.0.2.1", "ttl": 60},
        ],
        puts=[{"id": kept.id, "type": "A", "name": "k", "content": "192.0.2.3", "ttl": 60}],
        patches=[{"id": moved.id, "content": "192.0.2.4"}],
        deletes=[{"id": cname.id}],
    )
    assert [record.id for record in done.deletes] == [cname.id]
    assert [record.content for record in done.patches + done.puts + done.posts] == ["192.0.2.4", "192.0.2.3", "192.0.2.2", "192.0.2.1"]
    assert client.dns.records.get(kept.id, zone_id=zone.ident).comment is None


def test_a_batch_is_all_or_nothing(client, zone):
    """One bad record, and nothing of the batch has happened; the first error is the answer."""
    kept = client.dns.records.create(zone_id=zone.ident, type="A", name="k", content="192.0.2.1", ttl=60)
    bad = {"type": "A", "name": "k", "content": "192.0.2.2", "ttl": 5}
    with pytest.raises(cloudflare.BadRequestError) as error:
        client.dns.records.batch(zone_id=zone.ident, deletes=[{"id": kept.id}], posts=[bad, {**bad, "content": "no address"}])
    assert code_of(error) == 9021
    assert list(client.dns.records.list(zone_id=zone.ident)) == [kept]
    assert client.dns.records.create(zone_id=zone.ident, type="A", name="k", content="192.0.2.2", ttl=60)


@pytest.mark.parametrize(("plan", "most"), [("free", 200), ("pro", 3500)])
def test_a_batch_has_the_limit_of_its_plan(double, plan, most):
    """200 changes on the free plan, 3,500 on a paid one."""
    zone = double.add_zone("example.org", plan, 10_000)
    records = sdk(double, double.add_token().secret).dns.records
    posts = [{"type": "A", "name": f"h{number}", "content": "192.0.2.1", "ttl": 60} for number in range(most + 1)]
    with pytest.raises(cloudflare.BadRequestError):
        records.batch(zone_id=zone.ident, extra_body={"posts": posts})
    assert zone.records == {}
    records.with_raw_response.batch(zone_id=zone.ident, extra_body={"posts": posts[1:]})
    assert len(zone.records) == most


@pytest.mark.parametrize("kind", ["lost", "reset", "reset_after", "garbage", "trickle"])
def test_a_broken_connection_is_one_for_the_sdk(double, zone, kind):
    """The faults are seen by a client as the network's."""
    client = sdk(double, double.add_token().secret, timeout=0.5)
    double.fail(kind, "POST")
    with pytest.raises((cloudflare.CloudflareError, ValueError)):
        if kind == "trickle":
            slow(client, zone)
        client.dns.records.create(zone_id=zone.ident, type="A", name="a", content="192.0.2.1", ttl=60)
    assert len(zone.records) == (0 if kind == "reset" else 1)


def slow(client, zone):
    """A client that gives up on an answer that comes a byte at a time."""
    with client.dns.records.with_streaming_response.create(zone_id=zone.ident, type="A", name="a", content="192.0.2.1", ttl=60) as response:
        for number, _ in enumerate(response.iter_bytes(1)):
            if number == 3:
                raise cloudflare.CloudflareError("too slow")
