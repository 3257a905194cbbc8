"""The table of scenes and the bench file, as people and programs read them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.drill.ledger import Ledger, Op, Outcome, summarise
from osvc_ha.drill.report import Case, SceneResult, entries, print_scenes, write_bench
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ConfigError

runs = st.lists(st.floats(0.001, 1000), min_size=1, max_size=20).map(tuple)


class Terminal(io.StringIO):
    """Output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def scene(name: str, passed: bool, why: str = "", kept: Optional[set[int]] = None) -> SceneResult:
    """A scene in which one writer wrote 1 and 2 and was out for 2.5 s."""
    ops = [Op(1, 10.0, 0.1, Outcome.OK), Op(2, 11.0, 0.1, Outcome.REFUSED), Op(3, 12.25, 0.25, Outcome.OK)]
    return SceneResult(name, summarise([Ledger.of("w", ops)], None if kept is None else {"w": kept}), passed, why)


def test_plain_lines_name_every_figure() -> None:
    """Without a terminal each scene is one line that can be read without the table's head."""
    out = io.StringIO()
    code = print_scenes([scene("master killed", True, kept={1}), scene("moved", False, "outage over 1 s")], out)
    first, second = out.getvalue().splitlines()
    assert code == 1
    assert first.startswith(
        "scene: master killed; outage s (reconnecting / persistent): 2.50 / -; stall s: 0.25; failed ops per client: 1;"
    )
    assert first.endswith("acknowledged / lost: 2 / 1; verdict: pass")
    assert second.endswith("acknowledged / lost: 2 / -; verdict: FAIL: outage over 1 s")


def test_terminal_gets_a_table_with_the_same_figures() -> None:
    """On a terminal the figures stand in a table, and a name in brackets is not taken for a colour."""
    out = Terminal()
    assert print_scenes([scene("[bold]", True, kept={1, 3})], out) == 0
    text = out.getvalue()
    assert "[bold]" in text and "2.50 / -" in text and "2 / 0" in text and "pass" in text
    assert "scene: " not in text


def test_json_holds_what_the_table_shows() -> None:
    """Programs get every figure and the verdict, on a terminal as well."""
    out = Terminal()
    assert print_scenes([scene("killed", True, kept={1})], out, "json") == 0
    answer = json.loads(out.getvalue())
    assert answer["passed"] is True
    (row,) = answer["scenes"]
    assert (row["name"], row["seen"]["lost"], row["seen"]["acked"], row["seen"]["outcomes"]) == ("killed", 1, 2, {"ok": 2, "refused": 1})
    assert row["seen"]["outage_reconnecting"] == pytest.approx(2.5) and row["seen"]["outage_persistent"] is None


def test_drill_without_scenes_does_not_pass() -> None:
    """Nothing shown is nothing proved."""
    assert print_scenes([], io.StringIO()) == 1


def bench(path: Path, *cases: Case) -> tuple[int, str, Any]:
    """Write the cases; exit code, what was printed, what the file holds."""
    out = io.StringIO()
    code = write_bench(path, cases, out, Host())
    return code, out.getvalue(), json.loads(path.read_text())


def test_bench_file_bounds_the_value_or_the_ratio(tmp_path: Path) -> None:
    """Without a baseline the limit bounds the median, with one the ratio; the worst run has its own limit."""
    path = tmp_path / "build" / "bench.json"
    code, text, found = bench(
        path,
        Case("stall", "s", (0.2, 0.3, 0.55), limit=0.35, worst_limit=0.6),
        Case("outage", "s", (2.0, 2.2, 2.4), limit=1.1, baseline=(2.0, 2.0, 9.0)),
        Case("size", "MB", (80.0,)),
    )
    assert code == 0
    assert found["stall"] == {"value": 0.3, "unit": "s", "baseline": None, "ratio": None, "limit": 0.35}
    assert found["stall, worst"] == {"value": 0.55, "unit": "s", "baseline": None, "ratio": None, "limit": 0.6}
    assert found["outage"] == {"value": 2.2, "unit": "s", "baseline": 2.0, "ratio": pytest.approx(1.1), "limit": 1.1}
    assert found["outage, worst"]["limit"] is None
    assert list(found) == ["stall", "stall, worst", "outage", "outage, worst", "size"]
    assert "case: size; value: 80; unit: MB; baseline: -; ratio: -; limit: -; verdict: -" in text.splitlines()


@pytest.mark.parametrize(
    "case",
    [
        Case("c", "s", (0.2, 0.4, 0.5), limit=0.35),
        Case("c", "s", (0.2, 0.3, 0.7), limit=0.35, worst_limit=0.6),
        Case("c", "s", (2.3,), limit=1.1, baseline=(2.0,)),
        Case("c", "lost writes", (0, 0, 1), limit=0, worst_limit=0),
    ],
    ids=["median", "worst", "ratio", "nothing may be lost"],
)
def test_exceeded_limit_fails_the_bench(tmp_path: Path, case: Case) -> None:
    """One figure over its limit is an exit code and a word in its line, and the file is still written."""
    code, text, found = bench(tmp_path / "bench.json", Case("fine", "s", (1.0,), limit=2.0), case)
    assert code == 1 and text.count("EXCEEDED") == 1 and "c" in found


def test_old_figures_do_not_survive_a_new_bench(tmp_path: Path) -> None:
    """The file holds this bench only."""
    path = tmp_path / "bench.json"
    bench(path, Case("old", "s", (1.0,)))
    assert list(bench(path, Case("new", "s", (1.0,)))[2]) == ["new"]


@pytest.mark.parametrize(
    ("cases", "message"),
    [
        ([Case("a", "s", ())], "bench a: needs at least one run"),
        ([Case("a", "s", (1.0,)), Case("a", "s", (1.0,))], "bench a: .* name of its own"),
        ([Case("a", "s", (1.0,), baseline=(0.0,))], "bench a: baseline 0 s gives no ratio"),
        ([Case("a", "s", (float("nan"),), limit=1.0)], "bench a: .*nan"),
    ],
)
def test_case_that_proves_nothing_is_refused(cases: list[Case], message: str) -> None:
    """A bench without runs, with two of one name, over a baseline of zero or of no number is an error."""
    with pytest.raises(ConfigError, match=message):
        entries(cases)


def test_bench_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """A path that cannot hold the file is named."""
    (tmp_path / "build").write_text("a file")
    with pytest.raises(ApplyError, match=r"build/bench\.json"):
        bench(tmp_path / "build" / "bench.json", Case("a", "s", (1.0,)))


@given(runs, runs, st.floats(0.001, 1000), st.floats(0.001, 1000))
def test_verdict_is_what_the_file_says(values: tuple[float, ...], base: tuple[float, ...], limit: float, worst: float) -> None:
    """Whoever reads the file by its rule (limit bounds ratio if there is a baseline, else value) finds our verdict."""
    for baseline in ((), base):
        for entry in entries([Case("c", "s", values, limit, worst, baseline)]).values():
            assert entry.limit is not None
            assert entry.exceeded == ((entry.value if entry.baseline is None else entry.value / entry.baseline) > entry.limit)


@given(runs, st.randoms())
def test_order_of_runs_does_not_matter(values: tuple[float, ...], random: Any) -> None:
    """Median and worst do not depend on which run came first, and the worst is never below the median."""
    shuffled = list(values)
    random.shuffle(shuffled)
    one, two = (entries([Case("c", "s", tuple(each), worst_limit=1.0)]) for each in (values, shuffled))
    assert one == two
    assert one["c"].value <= one["c, worst"].value
