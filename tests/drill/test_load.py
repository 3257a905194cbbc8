"""Clients against a real redis-server that is paused, killed, restarted and tampered with."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from osvc_ha.drill.ledger import Outcome, lost, summarise
from osvc_ha.drill.load import Client, collect, start_client, survivors, wait_flowing
from osvc_ha.drill.processes import Run, wait_until
from osvc_ha.planner.errors import ApplyError, ConfigError, ObserveError

pytestmark = [pytest.mark.drill, pytest.mark.timed]
Start = Callable[..., Any]


def failing(client: Client) -> bool:
    """Has it seen a failure yet?"""
    return bool(client.ledger().failed)


@pytest.mark.parametrize("persistent", [False, True])
def test_pause_is_seen_as_a_stall_of_its_length(run: Run, start_redis: Start, persistent: bool) -> None:
    """A server that stands still for half a second holds one operation up for that long and fails none."""
    redis = start_redis()
    client = start_client(run, "w", redis.address, redis.port, persistent=persistent, timeout=5.0)
    wait_flowing([client])
    redis.process.pause()
    paused = time.monotonic()
    wait_until("half a second", lambda: time.monotonic() - paused >= 0.5, every=0.01)
    redis.process.resume()
    length = time.monotonic() - paused
    wait_flowing([client], since=time.time())
    (ledger,) = collect([client])
    # The pause may begin or end between two operations, 5 ms apart; a busy machine adds to the rest.
    assert length - 0.1 <= ledger.stall <= length + 0.5
    assert ledger.outage >= ledger.stall
    assert not ledger.failed


@pytest.mark.parametrize("persistent", [False, True])
def test_connections_are_what_the_sort_of_client_says(run: Run, start_redis: Start, persistent: bool) -> None:
    """A reconnecting client opens a connection for each operation, a persistent one opens one for all of them."""
    redis = start_redis()
    opened = int(str(redis.ask("INFO", "stats")).partition("total_connections_received:")[2].split()[0])
    client = start_client(run, "w", redis.address, redis.port, persistent=persistent)
    wait_until("some writes", lambda: len(client.ledger().acked) >= 20)
    (ledger,) = collect([client])
    more = int(str(redis.ask("INFO", "stats")).partition("total_connections_received:")[2].split()[0]) - opened - 1
    assert more == (1 if persistent else len(ledger.ops))


@pytest.mark.parametrize("persistent", [False, True])
def test_kill_and_restart_is_seen_as_an_outage(run: Run, start_redis: Start, persistent: bool) -> None:
    """Between a crash and the return nothing succeeds, the failures say why, and memory-only writes are lost."""
    redis = start_redis()
    client = start_client(run, "w", redis.address, redis.port, persistent=persistent)
    wait_flowing([client])
    redis.process.kill()
    gone = time.time()
    before = client.ledger().acked
    wait_until("refusals", lambda: sum(op.outcome is Outcome.REFUSED for op in client.ledger().failed) >= 20)
    back = time.time()
    redis.restart()
    wait_flowing([client], since=time.time())
    (ledger,) = collect([client])
    assert back - gone <= ledger.outage <= time.time() - gone + 1.0
    assert {op.outcome for op in ledger.failed} <= {Outcome.REFUSED, Outcome.RESET}
    assert len(ledger.unknown) <= 1
    kept = survivors([client], redis.address, redis.port)
    assert kept["w"] <= ledger.acked | ledger.unknown
    assert before <= lost(ledger.acked, kept["w"]) and kept["w"] & ledger.acked


def test_writes_deleted_behind_its_back_are_counted_as_lost(run: Run, start_redis: Start) -> None:
    """Exactly the acknowledged writes that the server no longer holds are lost, per client."""
    redis = start_redis()
    clients = [start_client(run, name, redis.address, redis.port, persistent=name == "b") for name in ("a", "b", "c")]
    reader = start_client(run, "r", redis.address, redis.port, writes=False)
    wait_until("some writes", lambda: all(len(client.ledger().acked) >= 20 for client in clients))
    wait_flowing([reader])
    ledgers = collect([*clients, reader])
    kept = survivors([*clients, reader], redis.address, redis.port)
    assert summarise(ledgers, kept).lost == 0
    redis.ask("LREM", clients[0].key, "0", "7")
    redis.ask("LPOP", clients[1].key, "5")
    redis.ask("DEL", clients[2].key)
    kept = survivors(clients, redis.address, redis.port)
    assert [lost(ledger.acked, kept[ledger.client]) for ledger in ledgers[:2]] == [{7}, {1, 2, 3, 4, 5}]
    assert summarise(ledgers, kept).lost == 6 + len(ledgers[2].acked)


@pytest.mark.parametrize("persistent", [False, True])
def test_operations_that_land_on_a_replica_are_counted(run: Run, start_redis: Start, persistent: bool) -> None:
    """A reader succeeds on a replica but is counted as misrouted; a writer is told READONLY."""
    master = start_redis(0)
    replica = start_redis(1, "--replicaof", f"{master.address} {master.port}")
    wait_until("replication", lambda: "master_link_status:up" in str(replica.ask("INFO", "replication")))
    reader = start_client(run, "r", replica.address, replica.port, writes=False, persistent=persistent, ask_role=True)
    writer = start_client(run, "w", replica.address, replica.port, persistent=persistent, ask_role=True)
    other = start_client(run, "o", master.address, master.port, persistent=persistent, ask_role=True)
    wait_flowing([reader, other])
    wait_until("a refused write", lambda: failing(writer))
    read, wrote, well = collect([reader, writer, other])
    assert read.misrouted == len(read.ops) > 0 and not read.failed
    assert {op.outcome for op in wrote.ops} == {Outcome.READONLY} and wrote.misrouted == len(wrote.ops)
    assert not wrote.acked and not wrote.unknown
    assert well.misrouted == 0 and {op.role for op in well.ops} == {"master"}


def test_missing_replicas_and_other_refusals_have_their_own_names(run: Run, start_redis: Start) -> None:
    """NOREPLICAS is told apart from a wrong password; a right one, with its user, writes."""
    redis = start_redis(0, "--min-replicas-to-write", "1")
    redis.ask("ACL", "SETUSER", "load", "on", ">se cret", "~*", "+@all")
    alone = start_client(run, "alone", redis.address, redis.port, username="load", password="se cret")
    wrong = start_client(run, "wrong", redis.address, redis.port, username="load", password="guess")
    wait_until("refusals", lambda: failing(alone) and failing(wrong))
    redis.ask("CONFIG", "SET", "min-replicas-to-write", "0")
    wait_flowing([alone])
    refused, denied = collect([alone, wrong])
    assert {op.outcome for op in refused.failed} == {Outcome.NOREPLICAS}
    assert {op.outcome for op in denied.ops} == {Outcome.ERROR}
    assert not refused.unknown and not denied.unknown


def test_silent_server_is_a_timeout_and_its_write_unknown(run: Run, start_redis: Start) -> None:
    """A server that hangs after accepting costs the client its time-out, no more, and the write counts as unknown."""
    redis = start_redis()
    client = start_client(run, "w", redis.address, redis.port, timeout=0.2)
    wait_flowing([client])
    redis.process.pause()
    wait_until("a time-out", lambda: failing(client))
    redis.process.resume()
    (ledger,) = collect([client])
    late = [op for op in ledger.failed if op.outcome is Outcome.TIMEOUT]
    assert late and all(op.unknown and 0.19 <= op.latency < 1.0 for op in late)


def test_client_keeps_its_rate_and_never_hurries_to_catch_up(run: Run, start_redis: Start) -> None:
    """After a stall a client goes on at its rate: the missed operations are not sent in a burst."""
    redis = start_redis()
    client = start_client(run, "w", redis.address, redis.port, rate=50, timeout=5.0, persistent=True)
    wait_until("five writes", lambda: len(client.ledger().acked) >= 5)
    redis.process.pause()
    paused = time.monotonic()
    wait_until("the pause", lambda: time.monotonic() - paused >= 0.4, every=0.01)
    redis.process.resume()
    many = len(client.ledger().ops) + 15
    wait_until("fifteen more", lambda: len(client.ledger().ops) >= many)
    (ledger,) = collect([client])
    assert len(ledger.ops) <= (ledger.until - ledger.since) * 50 + 2
    # Ten apart, since one that the machine woke late is closer to the next.
    assert all(later.at - earlier.at >= 0.15 for earlier, later in zip(ledger.ops, ledger.ops[10:]))


def test_collect_names_a_client_that_died(run: Run, start_redis: Start) -> None:
    """A client that died during the run is an error: its silence must not pass for a quiet end."""
    redis = start_redis()
    client = start_client(run, "w", redis.address, redis.port)
    wait_flowing([client])
    client.process.kill()
    with pytest.raises(ApplyError, match="client w: died"):
        collect([client])


def test_mistakes_of_the_caller_are_named(run: Run, start_redis: Start) -> None:
    """A name used twice, a rate of nothing, a dead target and clients that never flow are one sentence each."""
    redis = start_redis()
    client = start_client(run, "w", redis.address, redis.port)
    with pytest.raises(ConfigError, match="'w'"):
        start_client(run, "w", redis.address, redis.port)
    with pytest.raises(ConfigError, match="rate=0"):
        start_client(run, "x", redis.address, redis.port, rate=0)
    redis.process.kill()
    with pytest.raises(ApplyError, match=r"w \(refused\)"):
        wait_flowing([client], since=time.time() + 1, seconds=0.5)
    with pytest.raises(ObserveError, match="read back"):
        survivors([client], redis.address, redis.port)
