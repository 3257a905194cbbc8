"""How long the command line takes, and a hook with nothing to do, against an interpreter that does nothing: whole processes, in turn."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stage import Say

from osvc_ha.drill.report import Case
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 20
SECONDS = 30.0
HOOK = Path(__file__).resolve().parents[2] / "hooks" / "placement"
HELP = Case("osvc-ha --help, against python -c pass", "s", (), 6.0)
NOTHING_TO_DO = Case("hook with nothing to do, against python -c pass", "s", (), 6.0)
FIGURES = (HELP, NOTHING_TO_DO)


def measure(runs: int, say: Say) -> list[Case]:
    """Each against its own baseline, run by run in turn, so that a busy moment hits both."""
    cases = [_against_nothing(HELP, [str(Path(sys.executable).with_name("osvc-ha")), "--help"], sys.executable, runs, say)]
    if HOOK.exists():
        interpreter = HOOK.read_text(encoding="utf-8").partition("\n")[0][len("#!") :].split()[0]
        cases.append(_against_nothing(NOTHING_TO_DO, [str(HOOK)], interpreter, runs, say))
    else:
        say(f"{HOOK} is not there: not measured")
    return cases


def _against_nothing(case: Case, argv: Sequence[str], interpreter: str, runs: int, say: Say) -> Case:
    nothing = [interpreter, "-c", "pass"]
    # The first of each pays for cold files.
    pairs = [(_seconds(argv), _seconds(nothing)) for _ in range(runs + 1)][1:]
    measured = replace(case, runs=tuple(ours for ours, _ in pairs), baseline=tuple(theirs for _, theirs in pairs))
    span, other = measured.runs, measured.baseline
    say(f"{case.name}: {min(span):.3f} to {max(span):.3f} s against {min(other):.3f} to {max(other):.3f} s")
    return measured


def _seconds(argv: Sequence[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS, check=False)
    took = time.perf_counter() - began
    if done.returncode:
        raise ApplyError(f"{' '.join(argv)}: exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    return took
