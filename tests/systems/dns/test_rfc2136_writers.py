"""Several writers, lost answers, servers that die: real Knot and BIND, and never a record that nobody asked for."""

from __future__ import annotations

import signal
import threading
import time
from functools import partial

import dns_servers
import pytest
from dns_servers import ZONE
from dns_stage import CLUSTER, OTHER, Proxy, create, delete, provider, server, shown, sort, update

from osvc_ha.planner.errors import ApplyError, ObserveError

__all__ = ["server", "sort"]
ROUNDS = 10


def race(*writes):
    """Do them at the same moment; what each one raised, "" for nothing."""
    gate, words = threading.Barrier(len(writes)), [""] * len(writes)

    def run(number):
        gate.wait()
        try:
            writes[number]()
        except ApplyError as error:
            words[number] = str(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(writes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return words


def test_two_clusters_that_want_one_name_never_share_it(server):
    """One of them gets it, with its own values only; the other is told whose it is, and gets the rest of what it wants."""
    ours, theirs = provider(server, CLUSTER), provider(server, OTHER)
    for number in range(ROUNDS):
        ours.listing(), theirs.listing()
        words = race(
            lambda n=number: ours.write([create(f"x{n}", "A", "203.0.113.1"), create(f"a{n}", "A", "203.0.113.1")]),
            lambda n=number: theirs.write([create(f"x{n}", "A", "203.0.113.2"), create(f"b{n}", "A", "203.0.113.2")]),
        )
        (value,) = server.ask(f"x{number}.{ZONE}", "A")
        loser = 1 if value == "203.0.113.1" else 0
        assert f"A x{number}.{ZONE}" in words[loser] and words[1 - loser] == ""
        assert f"x{number} A {value}" in shown((ours, theirs)[1 - loser].listing())
        assert f"x{number} A {value}" not in shown((ours, theirs)[loser].listing())
        assert server.ask(f"a{number}.{ZONE}", "A") + server.ask(f"b{number}.{ZONE}", "A") == ["203.0.113.1", "203.0.113.2"]


def test_two_writers_of_one_cluster_never_mix_their_values(server):
    """A double run: each has looked, each writes another address. One of them is there, not both; the other says so."""
    first, second = provider(server), provider(server)
    first.write([create("redis", "A", "203.0.113.1")])
    for number in range(ROUNDS):
        (one,), (other,) = first.listing().ours, second.listing().ours
        wanted = [f"203.0.113.{10 + 2 * number}", f"203.0.113.{11 + 2 * number}"]
        changes = update(one, wanted[0]), update(other, wanted[1])
        words = race(partial(first.write, changes[:1]), partial(second.write, changes[1:]))
        (value,) = server.ask(f"redis.{ZONE}", "A")
        loser = 1 - wanted.index(value)
        assert words[1 - loser] == ""
        assert f"A redis.{ZONE}: somebody else wrote it meanwhile" in words[loser]


def test_writers_of_different_names_do_not_notice_each_other(server):
    """Forty names, written from both sides at once, are all there."""
    first, second = provider(server), provider(server)
    for number in range(ROUNDS):
        first.listing(), second.listing()
        words = race(
            lambda n=number: first.write([create(f"a{n}", "A", "203.0.113.1"), create(f"a{n}", "AAAA", "2001:db8::1")]),
            lambda n=number: second.write([create(f"b{n}", "A", "203.0.113.2"), create(f"b{n}", "AAAA", "2001:db8::2")]),
        )
        assert words == ["", ""]
    assert len(first.listing().ours) == 4 * ROUNDS


def test_a_plan_that_follows_from_an_old_look_is_not_written(server):
    """What was read before somebody else wrote gives no right to undo it."""
    late = provider(server)
    late.write([create("redis", "A", "203.0.113.1")])
    (old,) = late.listing().ours
    provider(server).write([update(old, "203.0.113.2")])
    with pytest.raises(ApplyError, match="somebody else wrote it meanwhile: it is 203.0.113.2, was 203.0.113.1"):
        late.write([update(old, "203.0.113.3")])
    with pytest.raises(ApplyError, match="somebody else wrote it meanwhile"):
        provider(server).write([update(old, "203.0.113.4")])
    assert server.ask(f"redis.{ZONE}", "A") == ["203.0.113.2"]


@pytest.mark.parametrize("fault", ["losing", "dropping"])
def test_a_lost_message_makes_no_duplicate(server, fault):
    """The server has done it, or has not, and its answer never came: what is there is looked at before anything is sent twice."""
    with Proxy(server) as proxy:
        ours = provider(server, server=proxy.server, timeout=1.0)
        ours.listing()
        before = server.serial()
        setattr(proxy, fault, 1)
        ours.write([create("redis", "A", "203.0.113.1"), create("n1", "A", "203.0.113.1")])
        assert (shown(ours.listing()), server.serial(), proxy.updates) == (["n1 A 203.0.113.1", "redis A 203.0.113.1"], before + 1, 1)


def test_a_server_that_answers_no_update_is_not_waited_for_for_ever(server):
    """The message names the records that were not written, within a few times the deadline."""
    with Proxy(server) as proxy:
        ours = provider(server, server=proxy.server, timeout=0.5)
        proxy.losing = 100
        began = time.monotonic()
        with pytest.raises(ApplyError, match=rf"A redis.{ZONE}.*no answer within 0.5 s"):
            ours.write([create(f"n{number}", "A", "203.0.113.1") for number in range(20)] + [create("redis", "A", "203.0.113.1")])
        assert time.monotonic() - began < 6.0


def test_a_dead_server_is_given_up_after_its_deadline(server):
    """Neither a look nor a write outlives the deadline by much; the sentence names the server."""
    with Proxy(server, mute=True) as proxy:
        ours = provider(server, server=proxy.server, timeout=0.5)
        for call in (ours.listing, lambda: ours.write([create("n1", "A", "203.0.113.1")])):
            began = time.monotonic()
            with pytest.raises((ObserveError, ApplyError), match=f"{proxy.server}: no answer within 0.5 s"):
                call()
            assert time.monotonic() - began < 3.0
    server.stop()
    with pytest.raises(ObserveError, match=rf"{server.server}: Connection refused; is the server running"):
        provider(server).listing()


def test_the_next_server_is_asked_when_one_is_silent(server):
    """Several addresses of the primary: the first that answers is used, and stays in use."""
    with Proxy(server, mute=True) as silent:
        ours = provider(server, server=f"127.0.0.1:1, {silent.server}, {server.server}", timeout=0.5)
        ours.listing()
        began = time.monotonic()
        ours.write([create("n1", "A", "203.0.113.1")])
        assert shown(ours.listing()) == ["n1 A 203.0.113.1"]
        assert time.monotonic() - began < 0.5


@pytest.mark.parametrize("where", ["localhost:{port}", "[::1]:{port}"])
def test_the_server_has_a_name_or_an_ipv6_address(server, where):
    """Any way to write where it is will do."""
    ours = provider(server, server=where.format(port=server.port))
    ours.write([create("n1", "A", "203.0.113.1")])
    assert shown(ours.listing()) == ["n1 A 203.0.113.1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["restarted", "crashed"])
def test_a_server_that_comes_back_is_worked_with_as_before(server, number):
    """Between the look and the write it ends and starts again: the records are right, and nothing is written twice."""
    ours = provider(server)
    ours.write([create("n1", "A", "203.0.113.1")])
    ours.listing()
    server.stop(number)
    with pytest.raises(ApplyError, match="Connection refused"):
        ours.write([create("redis", "A", "203.0.113.1")])
    server.start()
    ours.write([create("redis", "A", "203.0.113.1")])
    assert shown(ours.listing()) == ["n1 A 203.0.113.1", "redis A 203.0.113.1"]
    ours.write([delete(one) for one in ours.listing().ours])
    assert provider(server).listing().ours == ()


def test_looking_again_asks_for_changes_only_and_sees_them_all(server):
    """A look that continues from the last one ends where a new one begins, whatever happened in between."""
    steady, writer = provider(server), provider(server)
    for number in range(ROUNDS):
        writer.write([create(f"n{number}", "A", "203.0.113.1", 60 + number), create("all", "A", f"203.0.113.{number}")])
        if number % 3 == 2:
            found = writer.listing().ours
            writer.write([delete(found[0]), *([update(found[1], "203.0.113.200")] if found[1].name != f"all.{ZONE}" else [])])
        assert steady.listing() == provider(server).listing()


def test_a_zone_that_was_restored_from_a_backup_is_read_anew(server):
    """Its serial is older than what we saw: nothing that we remember of it counts."""
    ours = provider(server)
    ours.write([create(f"n{number}", "A", "203.0.113.1") for number in range(3)])
    ours.write([create("redis", "A", "203.0.113.1")])
    assert len(ours.listing().ours) == 4
    server.stop()
    server.forget()
    server.start()
    assert ours.listing().ours == ()
    ours.write([create("n1", "A", "203.0.113.1")])
    assert shown(ours.listing()) == ["n1 A 203.0.113.1"]


@pytest.mark.parametrize("wildcard", ["", "* A 198.51.100.1\n* TXT osvc-ha:somebody\n"], ids=["plain", "wildcard"])
def test_without_transfers_it_asks_name_by_name(sort, wildcard):
    """What is written is found again and kept right, a wildcard's answers are not taken for records, and a note says what is missed."""
    with dns_servers.dns_server(sort, extra=f"{wildcard}taken A 198.51.100.7\n", transfers=False) as server:
        ours = provider(server)
        ours.listing()
        with pytest.raises(ApplyError, match=r"A taken\.example\.com: is there already and not ours"):
            ours.write([create("redis", "A", "203.0.113.1"), create("taken", "A", "203.0.113.1"), create("*.n1", "A", "203.0.113.1")])
        listing = ours.listing()
        assert shown(listing) == ["*.n1 A 203.0.113.1", "redis A 203.0.113.1"]
        assert "lets the TSIG key osvc-ha (hmac-sha256) transfer no zone" in listing.notes[0]
        before = server.serial()
        again = provider(server)
        again.write([create("redis", "A", "203.0.113.1")])
        assert server.serial() == before
        again.write([delete(one) for one in again.listing().ours])
        assert shown(ours.listing()) == ["*.n1 A 203.0.113.1"]
