"""Reading a document that is mostly what it was, against Python's own parser."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.cluster.rereading import Rereader
from osvc_ha.cluster.v2 import cluster_from_v2
from osvc_ha.cluster.v2_objects import Objects
from osvc_ha.planner.errors import ObserveError

SAMPLE = json.loads((Path(__file__).parent / "samples" / "v2_failover.json").read_text(encoding="utf-8"))
NAMES = st.sampled_from(["a", "b", "ab", 'q"', "ü", "}", ""])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(0, 120), st.sampled_from([1.5, 1e30, "", "x", "xy", "]}", 'a"b', "ü"]))
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)), max_leaves=25
)
DOCUMENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), min_size=2, max_size=5)
SPACING = st.sampled_from([None, (",", ":"), (" , ", " : ")])


@given(DOCUMENTS, SPACING, st.sampled_from([None, 2]))
def test_it_reads_what_is_there_whatever_was_there_before(documents: list[Any], separators: Any, indent: Any) -> None:
    """One document after the other by one reader: each as Python's own parser has it, numbers that grew by a digit included."""
    reader = Rereader()
    for document in documents:
        text = json.dumps(document, separators=separators, indent=indent)
        assert json.dumps(reader.parse(text, "it")) == json.dumps(json.loads(text))


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=5), st.data())
def test_what_is_no_json_is_refused_as_ever(document: Any, data: Any) -> None:
    """Cut anywhere, or with a character too many or another: an error that names the document, or what Python's parser reads."""
    reader = Rereader()
    text = json.dumps(document)
    reader.parse(text, "it")
    at = data.draw(st.integers(0, len(text) - 1))
    for broken in (text[:at], text[:at] + data.draw(st.sampled_from(list(',:{}[]"1 x'))) + text[at:], text + "}", f"[{text}]"):
        try:
            wanted = json.loads(broken)
        except ValueError:
            wanted = None
        if isinstance(wanted, dict):
            assert reader.parse(broken, "it") == wanted
        else:
            with pytest.raises(ObserveError, match="^it: "):
                reader.parse(broken, "it")


def test_a_status_in_which_one_instance_changed_keeps_all_others() -> None:
    """Only the objects of which something changed are made anew; of the others nobody has to look at anything."""
    reader, objects = Rereader(), Objects()

    def look(status: Any) -> tuple[Any, Any]:
        read = reader.parse(json.dumps(status), "it")
        return read, cluster_from_v2(read, {}, "n1", objects)

    status = copy.deepcopy(SAMPLE)
    document, cluster = look(status)
    again, same = look(status)
    assert same.objects is cluster.objects
    status["monitor"]["nodes"]["n2"]["services"]["status"]["fo"]["avail"] = "warn"
    status["monitor"]["nodes"]["n2"]["updated"] += 1.0
    later, changed = look(status)
    assert later == status
    assert later["monitor"]["nodes"]["n3"] == document["monitor"]["nodes"]["n3"]
    assert later["monitor"]["nodes"]["n3"]["services"] is document["monitor"]["nodes"]["n3"]["services"]
    assert [path for path in changed.objects if changed.objects[path] is not cluster.objects[path]] == ["root/svc/fo"]
    assert changed.object("fo").instances["n2"].avail == "warn"
    assert cluster.object("fo").instances["n2"].avail == SAMPLE["monitor"]["nodes"]["n2"]["services"]["status"]["fo"]["avail"]


CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["n1", "n2", "n3"]), st.sampled_from(["status", "config", "drop", "silence", "speak", "edit"]), st.integers(0, 2)
    ),
    max_size=12,
)


@given(CHANGES)
def test_a_cluster_made_again_and_again_is_the_one_made_at_once(changes: list[tuple[str, str, int]]) -> None:
    """Whatever changes, in whatever order: an instance, a scope, a config, a service or a node that goes and comes back."""
    reader, objects, status = Rereader(), Objects(), copy.deepcopy(SAMPLE)
    paths = sorted(SAMPLE["monitor"]["nodes"]["n1"]["services"]["config"])
    configs = {path: {"DEFAULT": {"nodes": "n1 n2 n3"}} for path in paths}
    for node, what, number in changes:
        path = paths[number % len(paths)]
        told = status["monitor"]["nodes"].get(node, {}).get("services", {})
        if what == "status" and path in told.get("status", {}):
            told["status"][path]["avail"] = ["up", "down", "warn"][number]
        elif what == "config" and path in told.get("config", {}):
            told["config"][path]["scope"] = ["n3", "n2", "n1"][number:]
        elif what == "drop":
            told.get("status", {}).pop(path, None)
        elif what == "silence" and node != "n1":
            status["monitor"]["nodes"].pop(node, None)
        elif what == "speak":
            status["monitor"]["nodes"][node] = copy.deepcopy(SAMPLE["monitor"]["nodes"][node])
        elif what == "edit":
            configs = {**configs, path: {"DEFAULT": {"nodes": "n2 n1 n3"}, "env": {"color": str(number)}}}
        text = json.dumps(status)
        assert cluster_from_v2(reader.parse(text, "it"), configs, "n1", objects) == cluster_from_v2(json.loads(text), configs, "n1")
