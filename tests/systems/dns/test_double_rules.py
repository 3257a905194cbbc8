"""The stand-in for Cloudflare's API refuses what Cloudflare refuses."""

from __future__ import annotations

import re

import cloudflare
import pytest
from cloudflare_double import ALL_RIGHTS, Double


class Clock:
    """Time that passes when told."""

    now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    """The double's time."""
    return Clock()


@pytest.fixture
def double(clock):
    """A double without zones."""
    with Double(clock) as running:
        yield running


@pytest.fixture
def zone(double):
    """example.com on the free plan."""
    return double.add_zone()


def sdk(double, secret, **more):
    """The official client, without its retries."""
    return cloudflare.Cloudflare(base_url=double.url, api_token=secret, max_retries=0, **more)


def refusal(act, *given, **named):
    """(status, code that says why, words) of a call that must be refused."""
    with pytest.raises(cloudflare.APIStatusError) as caught:
        act(*given, **named)
    assert re.fullmatch(r"[0-9a-f]{16}-LAB", caught.value.response.headers["cf-ray"])
    (error,) = caught.value.body["errors"]
    why = (error.get("error_chain") or [error])[0]
    return caught.value.status_code, why["code"], why["message"]


A = {"type": "A", "name": "a", "content": "192.0.2.1", "ttl": 60}
BAD = (
    (9021, {**A, "ttl": 59}),
    (9021, {**A, "ttl": 86401}),
    (9004, {"type": "TXT", "name": "t", "content": '"x"', "ttl": 1, "proxied": True}),
    (9004, {"type": "SRV", "name": "s", "data": {"priority": 0, "weight": 0, "port": 1, "target": "a"}, "ttl": 1, "proxied": True}),
    (9005, {**A, "content": "2001:db8::1"}),
    (9006, {**A, "type": "AAAA"}),
    (9313, {**A, "comment": "x" * 101}),
    (9313, {**A, "comment": "one\ntwo"}),
    (9300, {**A, "tags": ["owner:dns"]}),
    (9000, {**A, "name": "x" * 64}),
    (9101, {"type": "MX", "name": "m", "content": "a", "ttl": 60}),
)


@pytest.mark.parametrize(("code", "given"), BAD)
def test_a_bad_record_is_refused_with_the_code_that_cloudflare_gives(double, zone, code, given):
    """TTL, proxying, addresses, comments and tags have the limits of a free zone, and the reason is in the chain."""
    records = sdk(double, double.add_token().secret).dns.records
    assert refusal(records.create, zone_id=zone.ident, **given)[:2] == (400, code)
    assert zone.records == {}


def test_a_paid_zone_takes_more(double):
    """30 seconds, 500 characters and 20 tags on Enterprise."""
    zone = double.add_zone("example.org", "enterprise")
    records = sdk(double, double.add_token().secret).dns.records
    made = records.create(zone_id=zone.ident, **{**A, "ttl": 30}, comment="x" * 500, tags=["owner:dns"])
    assert (made.ttl, len(made.comment), made.tags) == (30, 500, ["owner:dns"])
    assert refusal(records.create, zone_id=zone.ident, **{**A, "ttl": 29, "name": "b"})[1] == 9021


CNAME = {"type": "CNAME", "name": "a", "content": "b.example.com", "ttl": 60}
BESIDE = ((A, CNAME, 81053), (CNAME, {**CNAME, "content": "c.example.com"}, 81053), (CNAME, A, 81054), (A, {**A, "ttl": 120}, 81058))


@pytest.mark.parametrize(("first", "second", "code"), BESIDE)
def test_what_cannot_stand_beside_each_other(double, zone, first, second, code):
    """A CNAME stands alone, and a record is there once, whatever its TTL."""
    records = sdk(double, double.add_token().secret).dns.records
    records.create(zone_id=zone.ident, **first)
    assert refusal(records.create, zone_id=zone.ident, **second)[:2] == (400, code)
    assert refusal(records.batch, zone_id=zone.ident, posts=[second])[:2] == (400, code)
    other = records.create(zone_id=zone.ident, **{**A, "name": "other"})
    assert refusal(records.update, other.id, zone_id=zone.ident, **second)[1] == code


def test_automatic_and_proxied_are_a_ttl_of_one(double, zone):
    """A proxied record has no TTL of its own; one that is no longer proxied is automatic."""
    records = sdk(double, double.add_token().secret).dns.records
    made = records.create(zone_id=zone.ident, **{**A, "ttl": 300}, proxied=True)
    assert (made.ttl, made.proxied) == (1, True)
    assert records.edit(made.id, zone_id=zone.ident, **{**A, "ttl": 300}, proxied=False).ttl == 300


def test_names_are_completed_with_the_zone_not_refused(double, zone):
    """A name of another zone ends up below this one: whoever writes must look before."""
    records = sdk(double, double.add_token().secret).dns.records
    assert records.create(zone_id=zone.ident, **{**A, "name": "WWW.example.net."}).name == "www.example.net.example.com"
    assert records.create(zone_id=zone.ident, **{**A, "name": "@"}).name == "example.com"


def test_a_zone_is_full_at_some_point(double):
    """A free zone of today has 200 records."""
    zone = double.add_zone("example.org", records_at_most=1)
    records = sdk(double, double.add_token().secret).dns.records
    records.create(zone_id=zone.ident, **A)
    assert refusal(records.create, zone_id=zone.ident, **{**A, "name": "b"})[1] == 81045


def test_who_may_not_is_told_so(double, zone):
    """No token, no token's form, an unknown one, an expired one, a missing right, a zone outside its resources: each its own code."""
    other = double.add_zone("example.org")
    asked = {"zone_id": zone.ident}
    assert refusal(sdk(double, "short").dns.records.list, **asked)[:2] == (400, 6111)
    assert refusal(sdk(double, "x" * 40).dns.records.list, **asked)[:2] == (403, 9109)
    token = double.add_token(ALL_RIGHTS - {"DNS:Edit"}, [zone])
    client = sdk(double, token.secret)
    assert list(client.dns.records.list(**asked)) == []
    assert refusal(client.dns.records.create, **asked, **A)[:2] == (403, 10000)
    assert refusal(client.dns.records.list, zone_id=other.ident)[:2] == (403, 10000)
    assert [each.name for each in client.zones.list()] == ["example.com"]
    token.status = "expired"
    assert refusal(client.dns.records.list, **asked)[:2] == (401, 10000)
    assert client.user.tokens.verify().status == "expired"
    blind = sdk(double, double.add_token(ALL_RIGHTS - {"Zone:Read"}).secret)
    assert refusal(blind.zones.list)[0] == 403


@pytest.mark.parametrize(("code", "status"), [(9109, 403), (1001, 400), (7003, 404)])
def test_a_deleted_zone_is_gone(double, zone, code, status):
    """Which of three answers Cloudflare gives is not documented; all three can be had."""
    double.gone = code
    double.delete_zone(zone)
    client = sdk(double, double.add_token().secret)
    assert refusal(client.dns.records.list, zone_id=zone.ident)[:2] == (status, code)
    assert list(client.zones.list(name="example.com")) == []


def test_1200_calls_in_five_minutes_and_then_five_minutes_of_nothing(double, zone, clock):
    """The headers count down; the 1,201st call is refused with the time to wait, and so is every other until then."""
    double.limit.most = 5
    records = sdk(double, double.add_token().secret).dns.records.with_raw_response
    left = [records.list(zone_id=zone.ident).headers["ratelimit"] for _ in range(5)]
    assert left == [f'"default";r={number};t=300' for number in (4, 3, 2, 1, 0)]
    with pytest.raises(cloudflare.RateLimitError) as caught:
        records.list(zone_id=zone.ident)
    assert caught.value.response.headers["retry-after"] == "300"
    clock.now += 299
    with pytest.raises(cloudflare.RateLimitError):
        records.list(zone_id=zone.ident)
    clock.now += 1
    assert records.list(zone_id=zone.ident).headers["ratelimit-policy"] == '"default";q=5;w=300'
    assert double.calls[-1][2] == 200


def test_the_limit_is_1200(double):
    """Cloudflare's number, unless a test says otherwise."""
    assert double.limit.most == 1200
