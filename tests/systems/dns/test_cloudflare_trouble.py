"""What the provider does when Cloudflare, the network or the token fails: no duplicates, no harm, and words that help."""

from __future__ import annotations

import pytest
from cloudflare_double import ALL_RIGHTS
from cloudflare_lab import MARK, a, create, delete, update

from osvc_ha.planner.errors import ApplyError, ObserveError


def three():
    """Three new names."""
    return [create(a(f"h{number}", "203.0.113.1")) for number in range(3)]


def names(lab):
    """Every name in the zone, as often as it is there."""
    return [name.partition(".")[0] for name, _, _ in lab.there()]


def words_of(error_type, act, *given):
    """The words of the error that comes."""
    with pytest.raises(error_type) as caught:
        act(*given)
    return str(caught.value)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_c4_a_look_is_tried_again_after_a_while(lab, status):
    """Three failures and an answer is an answer; each pause is longer, and no two nodes make the same."""
    lab.double.fail("status", "GET", times=3, status=status)
    provider = lab.provider()
    assert provider.listing().ours == ()
    assert len(lab.calls()) == 4
    slept = provider.host.slept
    assert len(slept) == 3 and all(pause > 0.1 for pause in slept)
    lab.double.fail("status", "GET", times=3, status=status)
    other = lab.provider()
    other.listing()
    assert other.host.slept != slept


def test_c4_a_look_is_not_tried_for_ever(lab):
    """Four tries, and then the words of Cloudflare and the request's id."""
    lab.double.fail("status", "GET", times=99, status=500)
    words = words_of(ObserveError, lab.provider().listing)
    assert words.startswith("cloudflare: zone example.com: listing its records: Internal error (HTTP 500, code 10500, request ")
    assert len(lab.calls()) == 4


@pytest.mark.parametrize("kind", ["lost", "reset", "reset_after"])
def test_a_write_without_an_answer_is_looked_at_before_it_is_sent_again(lab, kind):
    """Whether the server had applied it or not, every record is there once, and the write has succeeded."""
    lab.double.fail(kind, "POST", "/batch")
    provider = lab.provider(timeout=0.4)
    provider.write(three())
    assert names(lab) == ["h0", "h1", "h2"]
    sent_again = ["POST batch"] if kind == "reset" else []
    assert lab.calls() == ["POST batch", "GET dns_records", *sent_again]
    assert len(provider.listing().ours) == 3


@pytest.mark.parametrize("kind", ["reset", "reset_after", "garbage"])
def test_updates_and_deletions_without_an_answer_happen_once_too(lab, kind):
    """A record that is as it should be is not touched again."""
    for name in ("n1", "n2", "n3"):
        lab.have(name, "203.0.113.1", comment=MARK)
    provider = lab.provider()
    first, second, third = provider.listing().ours
    lab.double.fail(kind, "POST", "/batch")
    provider.write([update(first, "203.0.113.9"), delete(second)])
    assert lab.there() == [("n1.example.com", "A", "203.0.113.9"), ("n3.example.com", "A", "203.0.113.1")]
    assert {record.value for record in provider.listing().ours} == {"203.0.113.9", third.value}


def test_a_500_after_it_was_applied_makes_no_duplicates(lab):
    """An answer of the server's that says it failed is no proof."""
    lab.double.fail("status", "POST", "/batch", status=500)
    lab.provider().write(three())
    lab.double.fail("reset_after", "POST", "/batch")
    lab.provider().write([create(a("again", "203.0.113.1"))])
    assert names(lab) == ["again", "h0", "h1", "h2"]


def test_no_answer_while_writing_record_by_record_makes_no_duplicates(lab):
    """The way for single records looks before it sends again, too."""
    lab.double.fail("status", "POST", "/batch", times=99, status=405)
    lab.double.fail("reset_after", "POST", "/dns_records")
    lab.provider().write(three())
    assert names(lab) == ["h0", "h1", "h2"]


def test_an_update_whose_record_has_gone_meanwhile_is_named(lab):
    """After no answer, the record is not there: it is said, and nothing is sent for it."""
    ident = lab.have("n1", "203.0.113.1", comment=MARK)
    provider = lab.provider()
    (old,) = provider.listing().ours
    lab.double.fail("reset", "POST", "/batch")
    lab.double.faults.before_call(len(lab.double.calls) + 2, lambda: lab.zone.delete(ident))
    words = words_of(ApplyError, provider.write, [update(old, "203.0.113.2"), *three()])
    assert "update n1.example.com A 203.0.113.2: is no longer there with our comment" in words
    assert names(lab) == ["h0", "h1", "h2"]


def test_a_server_that_answers_a_byte_at_a_time_is_given_up(lab):
    """The deadline is for the whole answer."""
    lab.double.fail("trickle", "GET", times=4)
    words = words_of(ObserveError, lab.provider(timeout=0.3).listing)
    assert "no answer from http://127.0.0.1" in words and "within 0.3 s: still incomplete after" in words


def test_what_is_no_json_is_no_answer(lab):
    """A proxy on the way that answers 200 and a page of its own."""
    lab.double.fail("garbage", "GET", times=4)
    assert "is no JSON" in words_of(ObserveError, lab.provider().listing)


def test_a_server_that_is_not_there_is_named(lab):
    """The address that was tried is in the words."""
    lab.close()
    assert f"no answer from {lab.double.url} within" in words_of(ObserveError, lab.provider().listing)


def test_a_token_that_expires_between_two_batches_says_what_was_done(lab):
    """The words say that the token expired, where it is, and how many records had been written."""
    lab.provider().write([create(a(f"g{number}", "203.0.113.1")) for number in range(201)])
    lab.calls()

    def expire():
        lab.token.status = "expired"

    lab.double.faults.before_call(2, expire)
    words = words_of(ApplyError, lab.provider().write, [create(a(f"h{number}", "203.0.113.1")) for number in range(300)])
    assert "Authentication error (HTTP 401, code 10000, request " in words
    assert f"the token in {lab.token_file} is expired; renew it at" in words
    assert words.endswith("200 of 300 records were written before")
    assert len(lab.zone.records) == 401
    lab.token = lab.double.add_token()
    lab.give(lab.token)
    assert len(lab.provider().listing().ours) == 401


def test_a_token_that_was_replaced_is_used_without_a_restart(lab):
    """The file is read for each call."""
    provider = lab.provider()
    provider.listing()
    lab.token.status = "disabled"
    lab.give(lab.double.add_token())
    assert provider.listing().ours == ()


@pytest.mark.parametrize("code", [9109, 1001, 7003])
def test_a_zone_that_was_deleted_is_said_to_be(lab, code):
    """Looking and writing say so, whatever of the three answers comes, and a write does not try record by record."""
    lab.double.gone = code
    provider = lab.provider()
    provider.listing()
    lab.double.delete_zone(lab.zone)
    lab.calls()
    words = words_of(ApplyError, provider.write, three())
    assert words.startswith("cloudflare: zone example.com: Cloudflare shows no such zone to this token; it was deleted, ")
    assert len(lab.calls()) <= 3
    assert "Cloudflare shows no such zone to this token" in words_of(ObserveError, provider.listing)


def test_a_zone_outside_the_tokens_resources_is_named(lab):
    """A wrong zone, or a right that is missing: both are in the words."""
    other = lab.double.add_zone("example.org")
    lab.give(lab.double.add_token(zones=[other]))
    words = words_of(ObserveError, lab.provider("fresh").listing)
    assert "zone example.com" in words and "Zone:Read" in words and "misspelt" in words


def test_the_missing_right_is_named(lab):
    """Zone.DNS:Edit for the records, Zone:Read to find the zone; a good token is not called bad."""
    lab.give(lab.double.add_token(ALL_RIGHTS - {"DNS:Edit"}))
    provider = lab.provider()
    provider.listing()
    words = words_of(ApplyError, provider.write, three())
    assert f"the token in {lab.token_file} is good and lacks the right Zone.DNS:Edit; add it at dash.cloudflare.com" in words
    assert "-LAB" in words and len(lab.calls()) == 3
    lab.give(lab.double.add_token(ALL_RIGHTS - {"Zone:Read"}))
    assert "lacks the right Zone:Read" in words_of(ObserveError, lab.provider("fresh").listing)
    lab.give(lab.double.add_token({"Zone:Read"}))
    assert "lacks the right Zone.DNS:Edit" in words_of(ObserveError, lab.provider().listing)


def test_a_bad_token_is_named_by_its_place_and_never_shown(lab):
    """Malformed, unknown, missing: each says what to do, and the secret is in no message."""
    lab.token_file.write_text("secret-but-short")
    malformed = words_of(ObserveError, lab.provider().listing)
    assert f"what is in {lab.token_file} is no API token; make one with Zone.DNS:Edit and Zone:Read" in malformed
    lab.token_file.write_text("x" * 40)
    lab.calls()
    unknown = words_of(ObserveError, lab.provider().listing)
    assert f"Cloudflare does not know the token in {lab.token_file}" in unknown
    assert lab.calls() == ["GET dns_records"], "an unknown token is not asked about"
    lab.token_file.unlink()
    missing = words_of(ObserveError, lab.provider().listing)
    assert f"token_file={lab.token_file}: no such file; write the API token into it" in missing
    assert lab.calls() == []
    assert not any("secret-but-short" in words or "x" * 40 in words for words in (malformed, unknown, missing))


def test_the_token_of_a_sec_object_comes_by_the_environment(lab, monkeypatch):
    """And a key of somebody's in the environment is not sent in its place, as the SDK would."""
    monkeypatch.setenv("CLOUDFLARE_API_KEY", "somebody's")
    monkeypatch.setenv("CLOUDFLARE_EMAIL", "somebody@example.net")
    monkeypatch.setenv("DNS_TOKEN", lab.token.secret)
    assert lab.provider(token_file="", token_env="DNS_TOKEN").listing().ours == ()
    monkeypatch.delenv("DNS_TOKEN")
    words = words_of(ObserveError, lab.provider(token_file="", token_env="DNS_TOKEN").listing)
    assert "$DNS_TOKEN is empty or not there; set the keyword token_file, or the environment variable DNS_TOKEN" in words


def test_a_token_that_others_can_read_is_not_used(lab):
    """It is as good as public: the sentence names the file and its mode, and no call is made."""
    lab.token_file.chmod(0o644)
    before = len(lab.double.calls)
    with pytest.raises(ObserveError, match=r"token_file=.*others than its owner can use it \(mode 0644\); chmod 0600"):
        lab.provider().listing()
    assert len(lab.double.calls) == before
