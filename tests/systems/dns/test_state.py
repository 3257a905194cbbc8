"""Values, names and steps: that what is the same compares as the same, and that a step is the whole change."""

from __future__ import annotations

import pytest

from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.dns.plan.addresses import refusal
from osvc_ha.systems.dns.plan.turns import parse, render
from osvc_ha.systems.dns.state import Change, Do, Owner, Record, Turn, canonical, change_of, origin_of, to_step, txt, txt_text
from osvc_ha.systems.dns.state.names import absolute, canonical_name

OLD = Record("redis.example.com", "A", "203.0.113.9", 300, False, Owner.OURS, "abc123")
NEW = Record("redis.example.com", "A", "203.0.113.7", 60, False, Owner.OURS, "abc123")


@pytest.mark.parametrize(
    ("type_", "said", "is_"),
    [
        ("AAAA", "2001:DB8:0:0::1", "2001:db8::1"),
        ("CNAME", "WWW.Example.com.", "www.example.com"),
        ("SRV", "00 5  27017 N1.Example.com.", "0 5 27017 n1.example.com"),
        ("TXT", "replicaSet=rs0", '"replicaSet=rs0"'),
        ("TXT", '"replica" "Set=rs0"', '"replicaSet=rs0"'),
        ("TXT", r'"a\"b\\c\059d"', r'"a\"b\\c;d"'),
        ("TXT", "x" * 300, f'"{"x" * 255}" "{"x" * 45}"'),
    ],
)
def test_c7_every_spelling_of_a_value_is_one(type_, said, is_) -> None:
    """Servers answer with other spellings than they were given; comparing must not see that."""
    assert canonical(type_, said) == is_


@pytest.mark.parametrize(("type_", "value"), [("A", "203.0.113"), ("AAAA", "203.0.113.1"), ("SRV", "0 0 n1"), ("SRV", "0 0 99999 n1")])
def test_a_value_that_is_none_is_refused(type_, value) -> None:
    """Rather than compared with what it cannot be equal to."""
    with pytest.raises(ConfigError, match=type_):
        canonical(type_, value)


def test_a_txt_says_what_was_put_in() -> None:
    """Quotes, backslashes and length make no difference to what a client reads."""
    for text in ("", 'a "b" \\c', "x" * 600, "authSource=admin&replicaSet=rs0"):
        assert txt_text(txt(text)) == text


def test_a_step_is_the_whole_change() -> None:
    """With the provider's own name for the record, whose it is, and which look it follows from."""
    for change in (Change(Do.CREATE, NEW), Change(Do.UPDATE, NEW, OLD), Change(Do.DELETE, OLD)):
        step = to_step(change, "why", "c1", "7")
        back = change_of(step)
        assert (back, back.record.ident, origin_of(step)) == (change, "abc123", ("c1", "7"))
    assert (step.do, step.on, step.args) == (
        "delete",
        "A redis.example.com",
        (("value", "203.0.113.9"), ("ttl", "300"), ("proxied", "false")),
    )
    assert "abc123" not in str(step.public())


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("redis", "redis.example.com"),
        ("@", "example.com"),
        ("*", "*.example.com"),
        ("Redis.Example.COM", "redis.example.com"),
        ("redis.example.com.", "redis.example.com"),
        ("www.example.net.", "www.example.net"),
        ("bücher", "xn--bcher-kva.example.com"),
        ("straße", "strasse.example.com"),
        ("_mongodb._tcp.db", "_mongodb._tcp.db.example.com"),
    ],
)
def test_a_name_becomes_absolute(name, found) -> None:
    """IDNA is Python's own, of 2003: ß becomes ss."""
    assert absolute(name, "example.com") == found


@pytest.mark.parametrize("name", ["", "a..b", "a.*.b", "-a", "a b", "a/b", "a" * 64, ".".join(["a" * 60] * 5), "ü" * 60])
def test_a_name_that_no_zone_can_hold_is_refused(name) -> None:
    """With a sentence, whatever the codec says."""
    with pytest.raises(ConfigError):
        canonical_name(absolute(name, "example.com"))


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.31.0.1", "192.168.0.1", "100.64.0.1", "169.254.1.1", "127.0.0.1", "fd00::1", "fe80::1", "::1", "::ffff:10.0.0.1"],
)
def test_a_private_address_is_published_only_when_allowed(address) -> None:
    """Private, shared, link-local and loopback, also mapped into IPv6."""
    assert "set allow_private=true" in refusal(address, False)
    assert refusal(address, True) == ""


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "n1", "fe80::1%eth0", "203.0.113.1/24"])
def test_an_address_of_no_host_is_never_published(address) -> None:
    """Whatever is allowed."""
    assert refusal(address, True) != ""


@pytest.mark.parametrize("address", ["203.0.113.1", "2001:db8::1", "8.8.8.8", "2a00::1"])
def test_a_public_address_is_published(address) -> None:
    """Those for documentation count as public, so that examples can be tried."""
    assert refusal(address, False) == ""


def test_a_broken_memory_is_none() -> None:
    """It costs a grace period, and no record."""
    memory = {"node:n1": Turn(False, 12.5)}
    assert parse(render(memory)) == memory
    for text in ("", "{", "[]", '{"node:n1": 3}', '{"node:n1": [true]}', "null"):
        assert parse(text) == {}
