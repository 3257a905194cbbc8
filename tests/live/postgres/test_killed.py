"""A server that is killed under load loses nothing that it has acknowledged."""

from __future__ import annotations

import pytest
from pgbench_writer import PgbenchWriter, crash, parse_log

from osvc_ha.planner.types import Status

pytestmark = [pytest.mark.live, pytest.mark.drill]


@pytest.mark.parametrize("everything", [False, True], ids=["the postmaster alone", "every process"])
def test_every_commit_is_there_after_a_kill_and_a_start(running, everything) -> None:
    """Three times in a row: each transaction that a client was told of, none by half, none that nobody wrote."""
    PgbenchWriter.prepare(running)
    for number in range(1, 4):
        writer = PgbenchWriter(running, number)
        writer.await_flowing()
        crash(running, everything)
        running.start()
        account = writer.account()
        assert account.whole and account.acked >= 50, account
    assert running.health().status is Status.UP


def test_a_lost_commit_would_be_noticed(running) -> None:
    """The account itself: rows that are taken away, or made up, or halved are counted."""
    PgbenchWriter.prepare(running)
    writer = PgbenchWriter(running, 1)
    writer.await_flowing()
    crash(running, True)
    running.start()
    acked = writer.account().acked
    running.ask("delete from ledger where n = 3")
    assert (writer.account().lost, writer.account().torn) == (4, 4)
    running.ask("insert into ledger values (1, 0, 100000), (1, 0, 100001), (1, 0, 3)")
    assert writer.account().invented >= 1
    assert writer.account().acked == acked


def test_a_log_of_pgbench_is_read() -> None:
    """Each line is one acknowledged transaction, with the time of its end."""
    [op] = parse_log(["2 7 1500 0 1795000000 250000\n"])[2]
    assert (op.number, op.latency, round(op.end, 6), op.ok) == (7, 0.0015, 1795000000.25, True)
