"""The notes of who is fenced off: where two majorities meet, and when a note is old."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.host import Completed
from osvc_ha.planner.errors import ApplyError
from osvc_ha.systems.drbd.client.fence_notes import Lineage, Notes, is_fenced, lineage_of, parse_lineage
from osvc_ha.testing import FakeHost

# As `drbdadm get-gi` of 8.4.11 printed it: Secondary, connected; the same data on its Primary; after it went on alone.
SECONDARY = "49B262BA4CD71F34:0000000000000000:21A8E98897826A06:0000000000000004:1:1:0:1:0:0:0\n"
PRIMARY = "49B262BA4CD71F35:0000000000000000:21A8E98897826A07:0000000000000004:1:1:1:1:0:0:0\n"
WENT_ON = "716860E74F2AA0FB:49B262BA4CD71F34:73179C84740C7E3A:0000000000000004:1:1:1:0:0:1:0\n"
SAME = parse_lineage(SECONDARY)


def test_both_sides_have_the_same_generation() -> None:
    """Who is Primary makes no difference to what data it is."""
    assert parse_lineage(PRIMARY) == SAME == Lineage(frozenset({"49B262BA4CD71F34"}))


def test_of_two_that_fence_each_other_off_the_first_wins() -> None:
    """On the one node that both need: the second is told that it is fenced off itself."""
    notes = Notes("r0", FakeHost(), Path("/notes"))
    assert notes.write("n1", "n2", SAME)
    assert notes.write("n1", "n2", SAME)
    assert not notes.write("n2", "n1", SAME)
    assert notes.read() == {("n1", "49B262BA4CD71F34")}


def test_a_note_is_old_once_its_node_was_resynced() -> None:
    """Nobody had to lift it: the node has other data now, and may fence off the other in its turn."""
    notes = Notes("r0", FakeHost(), Path("/notes"))
    notes.write("n1", "n2", SAME)
    resynced = parse_lineage("716860E74F2AA0FA:0000000000000000:49B262BA4CD71F34:0000000000000004:1:1:0:1:0:0:0\n")
    assert not is_fenced(notes.read(), "n1", resynced)
    assert notes.write("n2", "n1", resynced)
    assert notes.read() == {("n2", "716860E74F2AA0FA")}


def test_who_wrote_alone_all_the_same_stays_fenced_off() -> None:
    """`drbdadm resume-io` on the frozen side makes a new generation out of the one that was noted."""
    assert is_fenced(frozenset({("n1", SAME.noted)}), "n1", parse_lineage(WENT_ON))


@pytest.mark.parametrize("text", ["", "garbage", "12:34", "x:y:z", "r0: no such resource"])
def test_data_that_cannot_be_told_is_fenced_off(text: str) -> None:
    """A note holds against a node that cannot show that it was resynced."""
    assert not parse_lineage(text).current or parse_lineage(text).noted
    assert is_fenced(frozenset({("n1", SAME.noted)}), "n1", lineage_of("r0", FakeHost(programs={"drbdadm": Completed(10, text, "")})))


def test_a_note_of_older_data_stays_beside_a_newer_one() -> None:
    """The node may come back with either."""
    notes = Notes("r0", FakeHost(), Path("/notes"))
    notes.write("n1", "n2", SAME)
    notes.write("n1", "n2", parse_lineage(WENT_ON))
    assert is_fenced(notes.read(), "n1", SAME)
    notes.lift("n1")
    assert notes.read() == frozenset()


def test_notes_are_written_one_at_a_time() -> None:
    """While another holds the file, nothing is noted, and that is said."""
    host = FakeHost()
    host.locked.add("/notes/r0.lock")
    with pytest.raises(ApplyError):
        Notes("r0", host, Path("/notes")).write("n1", "n2", SAME)


@given(st.lists(st.tuples(st.sampled_from(["n1", "n2"]), st.sampled_from([SECONDARY, WENT_ON])), max_size=8))
def test_never_both(told) -> None:
    """Whatever the order of writes, no two nodes with the same data are noted at once by each other's wish."""
    notes = Notes("r0", FakeHost(), Path("/notes"))
    granted = {by for by, text in told if text == SECONDARY and notes.write("n2" if by == "n1" else "n1", by, parse_lineage(text))}
    assert len(granted) <= 1


@given(st.text(max_size=200))
def test_any_text_is_a_lineage_or_none(text: str) -> None:
    """What drbdadm may print one day raises nothing."""
    assert Lineage.of(str(parse_lineage(text))) == parse_lineage(text)
