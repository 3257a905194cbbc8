"""Say it: the table of a drill's scenes, and build/bench.json with its limits.

A table on a terminal, plain lines elsewhere, JSON on request; the same figures in each.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Dict, Optional, TextIO, Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError

from .ledger import Summary


@dataclass(frozen=True)
class SceneResult:
    """One row: what was done, what the clients saw, and whether that is good enough. ``why``: one sentence, needed when it is not."""

    name: str
    seen: Summary
    passed: bool
    why: str = ""

    @property
    def cells(self) -> Tuple[str, ...]:
        """The row as text, in the order of ``COLUMNS``."""
        gone = "-" if self.seen.lost is None else str(self.seen.lost)
        verdict = ("pass" if self.passed else "FAIL") + (f": {self.why}" if self.why else "")
        outages = f"{_seconds(self.seen.outage_reconnecting)} / {_seconds(self.seen.outage_persistent)}"
        return (self.name, outages, _seconds(self.seen.stall), str(self.seen.failed), f"{self.seen.acked} / {gone}", verdict)


COLUMNS = ("scene", "outage s (reconnecting / persistent)", "stall s", "failed ops per client", "acknowledged / lost", "verdict")


def print_scenes(rows: Sequence[SceneResult], out: TextIO, form: str = "text") -> int:
    """Print the scenes and return the exit code: 0 when each passed, else 1. ``form``: ``text`` or ``json``."""
    if form == "json":
        out.write(json.dumps({"scenes": [asdict(row) for row in rows], "passed": _passed(rows)}, indent=2) + "\n")
    elif out.isatty():
        _print_table(COLUMNS, [row.cells for row in rows], [row.passed for row in rows], out)
    else:
        for row in rows:
            out.write("; ".join(f"{name}: {cell}" for name, cell in zip(COLUMNS, row.cells)) + "\n")
    return 0 if _passed(rows) else 1


def _passed(rows: Sequence[SceneResult]) -> bool:
    # A drill without scenes has proved nothing.
    return bool(rows) and all(row.passed for row in rows)


def _seconds(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.2f}"


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], good: Sequence[bool], out: TextIO) -> None:
    from rich.console import Console  # only a terminal pays for this import
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for column in columns:
        table.add_column(column)
    for row, fine in zip(rows, good):
        table.add_row(*map(escape, row), style="" if fine else "bold red")
    Console(file=out).print(table)


@dataclass(frozen=True)
class Case:
    """What a bench measured, run by run. Lower is better.

    limit: the most that the median may be; with a ``baseline`` (runs of the other way, measured in the
    same session), the most that median over median may be. worst_limit: the most that any run may be.
    """

    name: str
    unit: str
    runs: Tuple[float, ...]
    limit: Optional[float] = None
    worst_limit: Optional[float] = None
    baseline: Tuple[float, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One figure of bench.json. ``limit`` bounds ``ratio`` when there is a ``baseline``, else ``value``."""

    value: float
    unit: str
    baseline: Optional[float] = None
    ratio: Optional[float] = None
    limit: Optional[float] = None

    @property
    def exceeded(self) -> bool:
        """Over its limit?"""
        bounded = self.value if self.ratio is None else self.ratio
        return self.limit is not None and bounded > self.limit


def entries(cases: Iterable[Case]) -> Dict[str, Entry]:
    """Each case as ``<name>`` (the median) and, after more than one run, ``<name>, worst``.

    The worst has no baseline: a ratio of two worst runs is a ratio of noise.
    ConfigError for a case without runs, a name used twice, a figure that is no number, or a baseline
    whose median is not above 0.
    """
    found: Dict[str, Entry] = {}
    for case in cases:
        if not case.runs or case.name in found:
            raise ConfigError(f"bench {case.name}: needs at least one run and a name of its own")
        if not all(map(isfinite, case.runs + case.baseline)):
            # Every comparison with nan is false: it would be within any limit.
            raise ConfigError(f"bench {case.name}: measured {case.runs} against {case.baseline}; every figure must be finite")
        found[case.name] = _middle(case)
        if len(case.runs) > 1 or case.worst_limit is not None:
            found[f"{case.name}, worst"] = Entry(max(case.runs), case.unit, limit=case.worst_limit)
    return found


def _middle(case: Case) -> Entry:
    value = median(case.runs)
    if not case.baseline:
        return Entry(value, case.unit, limit=case.limit)
    base = median(case.baseline)
    if not base > 0:
        raise ConfigError(f"bench {case.name}: baseline {base:g} {case.unit} gives no ratio; bound the value instead")
    return Entry(value, case.unit, base, value / base, case.limit)


def write_bench(path: Path, cases: Sequence[Case], out: TextIO, host: Host) -> int:
    """Write the whole bench.json, print its table, and return the exit code: 1 when a limit is exceeded, else 0.

    A file of an earlier bench is replaced, never merged: an old figure must not pass for a new one.
    """
    found = entries(cases)
    host.replace(path, json.dumps({name: asdict(entry) for name, entry in found.items()}, indent=2) + "\n", mode=0o644)
    columns = ("case", "value", "unit", "baseline", "ratio", "limit", "verdict")
    rows = [(name, *_cells(entry)) for name, entry in found.items()]
    if out.isatty():
        _print_table(columns, rows, [not entry.exceeded for entry in found.values()], out)
    else:
        for row in rows:
            out.write("; ".join(f"{column}: {cell}" for column, cell in zip(columns, row)) + "\n")
    return int(any(entry.exceeded for entry in found.values()))


def _cells(entry: Entry) -> Tuple[str, ...]:
    figures = [_figure(each) for each in (entry.value, entry.baseline, entry.ratio, entry.limit)]
    verdict = "-" if entry.limit is None else "EXCEEDED" if entry.exceeded else "within"
    return (figures[0], entry.unit, *figures[1:], verdict)


def _figure(value: Optional[float]) -> str:
    return "-" if value is None else f"{value:.4g}"
