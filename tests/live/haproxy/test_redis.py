"""The redis and redis-replica checks against real servers and real Sentinels."""

from __future__ import annotations

import time

import pytest

from osvc_ha.drill.processes import wait_until
from osvc_ha.frontdoor import cut_old_workers, group_id

pytestmark = pytest.mark.live
PATIENCE = 30.0
GROUP = group_id("prod/svc/cache", "cache")
SERVERS = f"l4:prod:svc:cache:main:rw:{GROUP}"


@pytest.fixture
def cache(front, group, ports):
    """The group's read-write listener, started, with n3 in use."""
    front.port = next(ports)
    front.service("cache", front.port, "redis", target_port=group.port, sentinel_port=group.sentinel_port)
    front.start()
    front.await_up("n3")
    return front


def answering(front, ask) -> str:
    """The role of whoever answers at the listener; empty when nobody does."""
    words = ask(front.addresses["n1"], front.port, "ROLE").split("\r\n")
    return words[2] if len(words) > 2 else ""


def votes(front, node: str, column: str) -> list[str]:
    """What HAProxy's checks say of each Sentinel's vote for a node."""
    rows = front.rows()
    return [rows[f"vote:{GROUP}:{node}", voter][column] for voter in front.addresses]


def test_h8_a_replica_fails_the_check_at_once(cache) -> None:
    """A replica is known for one by its answer, not by waiting for words that never come."""
    checked = {(SERVERS, "n1"): "DOWN L7RSP", (SERVERS, "n2"): "DOWN L7RSP", (SERVERS, "n3"): "UP L7OK"}
    wait_until("all are checked", lambda: cache.words() == checked, PATIENCE)
    assert [int(cache.rows()[SERVERS, node]["check_duration"]) < 500 for node in ("n1", "n2")] == [True, True]
    for node in ("n1", "n2"):
        wait_until("all votes are known", lambda node=node: votes(cache, node, "check_status") == ["L7RSP"] * 3, PATIENCE)


def test_h5_an_address_that_begins_another_is_told_apart(cache) -> None:
    """Votes for 127.0.31.1 are no votes for 127.0.31.11, nor the other way round."""
    assert cache.addresses["n1"].startswith(cache.addresses["n3"])
    wait_until("n3 has all votes", lambda: votes(cache, "n3", "check_status") == ["L7OK"] * 3, PATIENCE)
    wait_until("n1 has none", lambda: votes(cache, "n1", "check_status") == ["L7RSP"] * 3, PATIENCE)


def test_h4_who_only_calls_itself_master_gets_nobody(cache, group, ask) -> None:
    """A stale master, first in the list and writable, stays closed because no Sentinel names it."""
    group.ask("n1", "REPLICAOF NO ONE")
    try:
        wait_until("n1 claims", lambda: cache.rows()[f"role:{GROUP}:n1", "n1"]["status"] == "UP", PATIENCE)
        before = int(cache.rows()[SERVERS, "n1"]["chkfail"])
        for _ in range(50):
            assert answering(cache, ask) == "master"
            assert cache.up() == ("n3",)
        assert int(cache.rows()[SERVERS, "n1"]["stot"]) == 0
        assert int(cache.rows()[SERVERS, "n1"]["chkfail"]) >= before
    finally:
        group.ask("n1", f"REPLICAOF {group.addresses['n3']} {group.port}")
        group.await_synced("n1")


def test_h18_one_lost_sentinel_cuts_nobody_and_two_close_the_door(cache, group, session_of, ask) -> None:
    """The authority is in the server's own health: established sessions live with a majority and die without."""
    session = session_of(cache.addresses["n1"], cache.port)
    downs = cache.rows()[SERVERS, "n3"]["chkdown"]
    try:
        group.sentinels["n1"].kill()
        wait_until("its vote is gone", lambda: cache.rows()[f"vote:{GROUP}:n3", "n1"]["status"] == "DOWN", PATIENCE)
        for _ in range(20):
            assert session.say("PING") == "+PONG\r\n"
            assert answering(cache, ask) == "master"
        assert cache.rows()[SERVERS, "n3"]["chkdown"] == downs

        group.sentinels["n2"].kill()
        wait_until("the session is cut", session.is_cut, PATIENCE)
        wait_until("nobody answers", lambda: answering(cache, ask) == "", PATIENCE)
        assert any("clients are refused: n1, n2, n3 fail the check" in line for line in cache.health().lines)
    finally:
        for node in ("n1", "n2"):
            group.sentinels[node].kill()
            group.start_sentinel(node)
    cache.await_up("n3")


def test_a_lease_grants_and_revokes_for_three_seconds_only(cache, group) -> None:
    """A push hurries the authority along, and is forgotten by itself."""
    began = time.monotonic()
    assert cache.say(f"set table lease key {GROUP}:n3 data.gpt0 2").strip() == ""
    wait_until("revoked", lambda: cache.up() == (), PATIENCE)
    cache.await_up("n3")
    assert time.monotonic() - began > 2

    group.ask("n1", "REPLICAOF NO ONE")
    try:
        wait_until("n1 claims", lambda: cache.rows()[f"role:{GROUP}:n1", "n1"]["status"] == "UP", PATIENCE)
        assert "n1" not in cache.up()
        began = time.monotonic()
        cache.say(f"set table lease key {GROUP}:n1 data.gpt0 1")
        wait_until("granted", lambda: "n1" in cache.up(), PATIENCE)
        cache.await_up("n3")
        assert time.monotonic() - began > 2
    finally:
        group.ask("n1", f"REPLICAOF {group.addresses['n3']} {group.port}")
        group.await_synced("n1")


def test_a_lease_alone_opens_no_replica(cache) -> None:
    """However it is told, HAProxy asks the server itself for its role."""
    checks = int(cache.rows()[SERVERS, "n1"]["chkfail"])
    cache.say(f"set table lease key {GROUP}:n1 data.gpt0 1")
    cache.say(f"set server {SERVERS}/n1 health up")
    wait_until("checked and closed", lambda: cache.up() == ("n3",), PATIENCE)
    assert int(cache.rows()[SERVERS, "n1"]["chkfail"]) >= checks


def test_replicas_in_sync_are_read_and_the_master_only_as_a_last_resort(front, group, ports, ask) -> None:
    """Reads go to replicas that follow; when none does, to the master; and back."""
    front.port = next(ports)
    front.service("cache", front.port, "redis-replica", target_port=group.port, sentinel_port=group.sentinel_port)
    front.start()
    front.await_up("n1", "n2", part=":ro:")
    assert {answering(front, ask) for _ in range(20)} == {"slave"}
    try:
        group.ask("n1", f"REPLICAOF {group.addresses['n3']} 1")
        front.await_up("n2", part=":ro:")
        assert {answering(front, ask) for _ in range(20)} == {"slave"}
        group.ask("n2", f"REPLICAOF {group.addresses['n3']} 1")
        wait_until("the master answers", lambda: answering(front, ask) == "master", PATIENCE)
    finally:
        for node in ("n1", "n2"):
            group.ask(node, f"REPLICAOF {group.addresses['n3']} {group.port}")
    front.await_up("n1", "n2", part=":ro:")
    wait_until("a replica answers again", lambda: answering(front, ask) == "slave", PATIENCE)


def test_h10_sessions_of_old_workers_can_be_cut(cache, group, ports, session_of) -> None:
    """A worker of before a reload checks nothing any more; its sessions to one server end through the master process."""
    session = session_of(cache.addresses["n1"], cache.port)
    assert session.say("PING") == "+PONG\r\n"
    cache.service("other", next(ports), "tcp", target_port=group.port)
    cache.follow()
    later = session_of(cache.addresses["n1"], cache.port)
    assert session.say("PING") == later.say("PING") == "+PONG\r\n"
    assert "# old workers" in cache.processes()
    master = str(cache.config.master_socket)
    assert cut_old_workers(cache.host, master, SERVERS, "n1") == 0
    assert cut_old_workers(cache.host, master, SERVERS, "n3") == 1
    wait_until("cut", session.is_cut, PATIENCE)
    assert later.say("PING") == "+PONG\r\n"


def test_h6_established_sessions_die_when_the_authority_moves(cache, group, session_of, ask) -> None:
    """After a plain failover nobody keeps writing to the old master."""
    group.await_gate()
    for node, priority in (("n1", 10), ("n2", 0)):
        group.ask(node, f"CONFIG SET replica-priority {priority}")
    session = session_of(cache.addresses["n1"], cache.port)
    assert session.say("PING") == "+PONG\r\n"
    wait_until("Sentinel agrees", lambda: group.ask_sentinel("n1", "SENTINEL FAILOVER cache").startswith("+OK"), PATIENCE)
    cache.await_up("n1")
    wait_until("the session is cut", session.is_cut, PATIENCE)
    assert answering(cache, ask) == "master"
    assert group.ask("n1", "ROLE").split("\r\n")[2] == "master"
    wait_until("only n1 has votes", lambda: votes(cache, "n3", "status") == ["DOWN"] * 3, PATIENCE)
