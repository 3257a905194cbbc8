"""What a follower saw last, as a file: written, read, and whatever else may be found in its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status
from osvc_ha.seen import Seen, parse_seen, render_seen

TEXT = st.text(max_size=20)
HEALTH = st.builds(
    Health,
    st.sampled_from(Status),
    st.lists(TEXT, max_size=3).map(tuple),
    st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
)
SEEN = st.builds(
    Seen, st.integers(0, 2**22), st.floats(0, 4e9), TEXT, st.dictionaries(st.sampled_from(("haproxy", "redis")), HEALTH, max_size=2)
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
)


@given(SEEN)
def test_what_was_written_is_read(seen: Seen) -> None:
    """Status, warnings and facts of every system arrive as they were."""
    assert parse_seen(render_seen(seen)) == seen


@given(SEEN, st.data())
def test_half_a_file_says_nothing(seen: Seen, data: st.DataObject) -> None:
    """Cut off anywhere, it is as if there were none: never half an answer."""
    text = render_seen(seen)
    cut = data.draw(st.integers(0, len(text) - 2))
    assert parse_seen(text[:cut]) == Seen()


@given(ANYTHING)
def test_other_json_breaks_nothing(found: object) -> None:
    """Whatever stands there, the answer is a Seen."""
    assert isinstance(parse_seen(json.dumps(found)), Seen)
    assert isinstance(parse_seen(json.dumps({"pid": 1, "systems": found})), Seen)


@pytest.mark.parametrize(
    "text",
    [None, "", "no JSON", "[]", "null", '{"pid": 1e999}', '{"systems": {"haproxy": {"status": "purple"}}}', "[" * 100_000],
    ids=["none", "empty", "words", "list", "null", "no number", "a status of tomorrow", "deep"],
)
def test_what_is_no_look_is_none(text: str) -> None:
    """No file, another file, one of a version to come: nothing was seen, and the next look mends it."""
    assert parse_seen(text) == Seen()


def test_a_field_of_tomorrow_is_ignored() -> None:
    """An older osvc-ha reads what it knows."""
    document = json.loads(render_seen(Seen(7, 5.0, "", {"haproxy": Health(Status.UP)})))
    document["systems"]["haproxy"]["mood"] = document["mood"] = "good"
    assert parse_seen(json.dumps(document)) == Seen(7, 5.0, "", {"haproxy": Health(Status.UP)})
