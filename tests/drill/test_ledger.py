"""What a ledger says about a client's operations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.drill.ledger import Ledger, Op, Outcome, lost, parse_ops, summarise
from osvc_ha.planner.errors import ConfigError

MICROSECOND = 1e-6


@st.composite
def histories(draw: st.DrawFn) -> tuple[Op, ...]:
    """Operations one after the other, as a blocking client makes them, on the microsecond as its file keeps them."""
    at, ops = 1_700_000_000_000_000, []
    for number in range(draw(st.integers(0, 30))):
        at += draw(st.integers(0, 2_000_000))
        latency = draw(st.integers(0, 2_000_000))
        outcome = draw(st.sampled_from(Outcome))
        unknown = outcome in (Outcome.RESET, Outcome.TIMEOUT) and draw(st.booleans())
        role = draw(st.sampled_from(["", "master", "slave"]))
        ops.append(Op(number, at / 1e6, latency / 1e6, outcome, unknown, role))
        at += latency
    return tuple(ops)


def ok(at: float, latency: float = 0.0, number: int = 0) -> Op:
    """A success."""
    return Op(number, at, latency, Outcome.OK)


def bad(at: float, outcome: Outcome = Outcome.REFUSED, unknown: bool = False, number: int = 0) -> Op:
    """A failure."""
    return Op(number, at, 0.001, outcome, unknown)


def test_outage_runs_from_the_last_success_to_the_next_one() -> None:
    """Two seconds without a success are an outage of two seconds, however many attempts failed in between."""
    ledger = Ledger.of("w", [ok(1.0), ok(2.0), bad(2.5), bad(3.5), ok(3.9, 0.1), ok(4.0)])
    assert ledger.outage == pytest.approx(2.0)
    assert len(ledger.failed) == 2


def test_outage_that_has_not_ended_reaches_the_end_of_its_window() -> None:
    """A client that never recovers is out until the scene ends, not healthy until its last success."""
    ledger = Ledger.of("w", [ok(1.0), bad(1.5), bad(2.0)]).window(0.0, 10.0)
    assert ledger.outage == pytest.approx(9.0)


def test_window_without_any_operation_is_all_outage() -> None:
    """A client that hung through a whole scene counts as out for all of it."""
    assert Ledger.of("w", [ok(1.0)]).window(5.0, 8.0).outage == pytest.approx(3.0)


def test_stall_is_the_slowest_success() -> None:
    """A slow failure is no stall: only an operation that succeeded was held up."""
    assert Ledger.of("w", [ok(1.0, 0.3), Op(1, 2.0, 1.0, Outcome.TIMEOUT, True), ok(3.1, 0.1)]).stall == pytest.approx(0.3)


def test_unanswered_write_is_neither_acknowledged_nor_lost() -> None:
    """A write that was sent and not answered may be there or not, and neither is a loss."""
    ledger = Ledger.of("w", [ok(1.0, number=1), bad(2.0, Outcome.RESET, unknown=True, number=2), bad(3.0, number=3), ok(4.0, number=4)])
    assert (ledger.acked, ledger.unknown) == ({1, 4}, {2})
    assert lost(ledger.acked, {1, 2, 4}) == lost(ledger.acked, {1, 4}) == frozenset()
    assert lost(ledger.acked, {2, 4}) == {1}


def test_reader_acknowledges_nothing() -> None:
    """Reads count for outages, never among the acknowledged writes."""
    ledger = Ledger.of("r", [ok(1.0, number=1)], writes=False)
    assert not ledger.acked and not ledger.unknown


def test_summary_names_the_worst_client_of_each_sort() -> None:
    """One bad client is not hidden by the good ones beside it."""
    ledgers = [
        Ledger.of("a", [ok(0.0, number=1), ok(1.0, number=2)]),
        Ledger.of("b", [ok(0.0, number=1), bad(1.0), ok(3.0, number=2)]),
        Ledger.of("c", [ok(0.0, 0.5), Op(2, 1.0, 0.1, Outcome.OK, role="slave")], writes=False, persistent=True),
    ]
    seen = summarise(ledgers, {"a": {1, 2}, "b": {2}})
    assert (seen.outage_reconnecting, seen.outage_persistent) == (pytest.approx(3.0), pytest.approx(1.1))
    assert (seen.clients, seen.failed, seen.acked, seen.lost, seen.misrouted) == (3, 1, 4, 1, 1)
    assert seen.outcomes == {"ok": 6, "refused": 1}
    assert summarise(ledgers[:2]).lost is None and summarise(ledgers[:2]).outage_persistent is None


def test_summary_refuses_a_writer_that_was_not_read_back() -> None:
    """A writer whose numbers nobody fetched is an error, not a writer without loss."""
    with pytest.raises(ConfigError, match="client b"):
        summarise([Ledger.of("b", [ok(1.0)])], {"a": set()})


def test_broken_record_is_named() -> None:
    """A damaged record says which line it is."""
    with pytest.raises(ConfigError, match="1 2 three"):
        parse_ops("1 2 three\n")


@given(histories())
def test_file_gives_back_what_was_written(ops: tuple[Op, ...]) -> None:
    """Reading a client's file gives its operations, and a half-written last line is left out."""
    text = "".join(op.line() for op in ops)
    back = parse_ops(text + "99 17")
    assert [(op.number, op.outcome, op.unknown, op.role) for op in back] == [(op.number, op.outcome, op.unknown, op.role) for op in ops]
    assert all(abs(one.end - two.end) < 3 * MICROSECOND for one, two in zip(back, ops))


@given(histories(), st.floats(0, 60))
def test_windows_side_by_side_share_nothing_and_drop_nothing(ops: tuple[Op, ...], cut: float) -> None:
    """Each operation belongs to exactly one of two neighbouring scenes."""
    whole = Ledger.of("w", ops)
    middle = whole.since + cut
    before, after = whole.window(whole.since, middle), whole.window(middle, max(middle, whole.until) + 1)
    assert before.ops + after.ops == whole.ops
    assert before.acked | after.acked == whole.acked
    assert len(before.failed) + len(after.failed) == len(whole.failed)


@given(histories(), st.randoms())
def test_order_of_reading_does_not_matter(ops: tuple[Op, ...], random: st.random.Random) -> None:
    """A ledger is the same in whatever order its operations are read."""
    shuffled = list(ops)
    random.shuffle(shuffled)
    assert Ledger.of("w", shuffled) == Ledger.of("w", ops)


@given(histories())
def test_outage_covers_every_stall_and_every_failure(ops: tuple[Op, ...]) -> None:
    """No outage is shorter than a stall, a failed operation or a row of them, nor longer than the run."""
    ledger = Ledger.of("w", ops)
    assert ledger.outage >= ledger.stall - MICROSECOND
    assert all(ledger.outage >= op.latency - MICROSECOND for op in ledger.failed)
    assert 0 <= ledger.outage <= ledger.until - ledger.since + MICROSECOND


@given(histories(), st.sets(st.integers(0, 30)))
def test_lost_and_kept_add_up_to_acknowledged(ops: tuple[Op, ...], survivors: set[int]) -> None:
    """Each acknowledged write is either kept or lost, and nothing else is lost."""
    acked = Ledger.of("w", ops).acked
    gone = lost(acked, survivors)
    assert gone <= acked and not gone & survivors
    assert len(gone) + len(acked & survivors) == len(acked)
