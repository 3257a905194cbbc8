"""What Knot and BIND refuse becomes one sentence each, with the way out, and is never worked around."""

from __future__ import annotations

import time
from types import SimpleNamespace

import dns.message
import dns_servers
import pytest
from dns_servers import KEY
from dns_stage import create, provider, server, shown, sort

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ConfigError, ObserveError
from osvc_ha.systems.dns.client.rfc2136_key import parse_key, read_key
from osvc_ha.systems.dns.client.rfc2136_words import WAYS_OUT, refusal
from osvc_ha.systems.dns.state.servers import parse_servers

__all__ = ["server", "sort"]
SECRET = "c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMgb3Igc28h"
FORMS = (
    f"hmac-sha512:writer:{SECRET}\n",
    f'key "writer" {{\n\talgorithm hmac-sha512;\n\tsecret "{SECRET}";\n}};\n',
    f"# hmac-sha512:writer:{SECRET}\nkey:\n  - id: writer\n    algorithm: hmac-sha512\n    secret: {SECRET}\n",
)
POLICIES = {"knot": "    update-type: [A, TXT]\n", "bind": f"update-policy {{ grant {KEY} zonesub A TXT; }};"}


def both_refuse(ours, pattern):
    """A look and a write alike."""
    with pytest.raises(ObserveError, match=pattern):
        ours.listing()
    with pytest.raises(ApplyError, match=pattern):
        ours.write([create("n1", "A", "203.0.113.1")])


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha512"])
def test_both_common_algorithms_sign(sort, algorithm):
    """A key of either kind writes and reads."""
    with dns_servers.dns_server(sort, keys={KEY: dns_servers.fresh_key(algorithm)}) as server:
        ours = provider(server)
        ours.write([create("n1", "A", "203.0.113.1")])
        assert shown(ours.listing()) == ["n1 A 203.0.113.1"]


def test_a_wrong_secret_is_named_as_such(server):
    """BADSIG: the key is known, its secret is another."""
    server.keys[KEY] = dns_servers.fresh_key()
    both_refuse(provider(server), r"has another secret for the TSIG key osvc-ha \(hmac-sha256\): copy the key")


def test_an_unknown_key_is_named_as_such(server):
    """BADKEY: no such name, or another algorithm under that name."""
    server.keys["stranger"] = dns_servers.fresh_key()
    both_refuse(
        provider(server, tsig_key_file=str(server.key_file("stranger"))), r"does not know the TSIG key stranger \(hmac-sha256\).*\[BADKEY\]"
    )
    server.keys[KEY] = ("hmac-sha512", server.keys[KEY][1])
    both_refuse(provider(server), r"does not know the TSIG key osvc-ha \(hmac-sha512\)")


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_clocks_that_differ_are_both_named(server, monkeypatch, seconds):
    """BADTIME: how far apart they are, what each of them says, and how to set them."""
    monkeypatch.setattr(dns.message, "time", SimpleNamespace(time=lambda: time.time() + seconds))
    here = time.strftime("%Y-%m-%d %H:", time.gmtime(time.time() + seconds))
    there = time.strftime("%Y-%m-%d %H:", time.gmtime())
    both_refuse(
        provider(server), rf"clocks are 3(599|600|601) s apart, where 300 s are allowed: {here}.* here, {there}.* there; set them right"
    )


def test_unsigned_requests_are_refused_with_the_way_out(server):
    """No key at all: the sentence names every record once, and says what to allow."""
    ours = provider(server, tsig_key_file="")
    assert "lets unsigned requests transfer no zone" in ours.listing().notes[0]
    with pytest.raises(ApplyError, match=r"^A n1\.example\.com, A n2\.example\.com: .*allow.* unsigned requests") as caught:
        ours.write([create("n1", "A", "203.0.113.1"), create("n2", "A", "203.0.113.2")])
    assert str(caught.value).count("unsigned requests") == 1


def test_a_zone_that_was_removed_is_said(server):
    """The server lives and knows nothing of the zone any more."""
    ours = provider(server)
    ours.write([create("n1", "A", "203.0.113.1")])
    ours.listing()
    server.zones = ("example.org",)
    server.restart()
    both_refuse(ours, r"is not the primary of the zone.*check zone")


def test_a_name_outside_of_the_zone_is_never_sent(server):
    """One stray name must not have the whole message refused (NOTZONE)."""
    ours = provider(server)
    stray = create("n1", "A", "203.0.113.1")
    stray = type(stray)(stray.do, type(stray.record)("n1.example.org", "A", "203.0.113.1", 60))
    with pytest.raises(ApplyError, match=r"A n1\.example\.org: is not in the zone example\.com"):
        ours.write([stray, create("n1", "A", "203.0.113.1"), create("a._osvc-ha", "A", "203.0.113.1")])
    assert shown(ours.listing()) == ["n1 A 203.0.113.1"]


def test_c5_what_the_server_lets_nobody_write_does_not_stop_the_rest(sort):
    """A policy that allows some types only: the others are named with the server's word."""
    with dns_servers.dns_server(sort, policy=POLICIES[sort]) as server:
        ours = provider(server)
        with pytest.raises(ApplyError, match=r"AAAA n1\.example\.com: .*(REFUSED|NOTAUTH|BADKEY)") as caught:
            ours.write([create("n1", "AAAA", "2001:db8::1"), create("n2", "A", "203.0.113.2"), create("n3", "A", "203.0.113.3")])
        assert "n2" not in str(caught.value)
        assert shown(ours.listing()) == ["n2 A 203.0.113.2", "n3 A 203.0.113.3"]


@pytest.mark.parametrize("code", sorted(WAYS_OUT))
def test_each_refusal_says_what_to_do(code):
    """Every answer that RFC 2136 knows names the server, the key or the zone, and a way out; so does one that it does not."""
    sentence = str(refusal(code, "192.0.2.1:53", "update example.com", "the TSIG key k (hmac-sha256)"))
    assert sentence.startswith("192.0.2.1:53 ") and f"[{code}]" in sentence and "{" not in sentence
    assert any(word in sentence for word in ("allow", "set ", "log says why"))
    assert "[YXDOMAIN]" in str(refusal("YXDOMAIN", "192.0.2.1:53", "update example.com", "k"))


@pytest.mark.parametrize("text", FORMS)
def test_the_key_file_may_be_what_the_servers_tools_print(text):
    """One line, tsig-keygen's form, keymgr's form: the same key."""
    key = parse_key(text, "file")
    assert (key.name, key.algorithm, len(key.secret)) == ("writer", "hmac-sha512", 33)
    assert SECRET not in repr(key)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no key"),
        ("hmac-md5:writer:c2VjcmV0", "algorithm hmac-md5 of key writer: want one of hmac-sha256"),
        ("hmac-sha256:writer:!!!", "the secret of key writer is no base64"),
        ("just words", "holds no key; want <algorithm>:<name>:<base64>"),
    ],
)
def test_a_file_that_holds_no_key_is_explained(text, words):
    """The file is named, the secret never."""
    with pytest.raises(ConfigError, match="tsig_key_file=/etc/key: ") as caught:
        parse_key(text, "/etc/key")
    assert words in str(caught.value) and "!!!" not in str(caught.value)


def test_a_key_that_everybody_can_read_is_refused(tmp_path):
    """A secret that is out is no secret."""
    path = tmp_path / "key"
    with pytest.raises(ConfigError, match="no such file"):
        read_key(path, Host())
    path.write_text(FORMS[0])
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others than its owner can use it"):
        read_key(path, Host())
    path.chmod(0o600)
    assert read_key(path, Host()).name == "writer"


def test_servers_are_written_as_people_write_them():
    """Names, addresses of both kinds, with and without port, several of them."""
    assert parse_servers("ns1.example.com, 192.0.2.1:5353 [2001:db8::1]:54, 2001:db8::2,[::1]") == (
        ("ns1.example.com", 53),
        ("192.0.2.1", 5353),
        ("2001:db8::1", 54),
        ("2001:db8::2", 53),
        ("::1", 53),
    )
    for wrong in ("", "ns1:dns", "ns1:0", "ns1:70000", "2001:db8::1:x", ":53", "[2001:db8::1:53"):
        with pytest.raises(ConfigError, match="<host>:<port>"):
            parse_servers(wrong)
