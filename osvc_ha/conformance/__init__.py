"""The contract of a driver, tried on the real programs of this machine, in a private directory, in the spirit of ocf-tester.

What is asked of a driver is in cases/, how it is reached in executed.py and inside.py, what differs between the
systems in subjects.py.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Tuple

from osvc_ha.conformance.bench import Bench, Runner
from osvc_ha.conformance.cases import CASES, Case, name_of, text_of
from osvc_ha.conformance.executed import Executed
from osvc_ha.conformance.subjects import SUBJECTS, Place, find_subject
from osvc_ha.conformance.verdict import FAIL, NEVER, PASS, SKIP, Failed, NotTried, Verdict
from osvc_ha.drill.processes import Run, reserve
from osvc_ha.planner.errors import ApplyError, ConfigError, HaError

__all__ = [
    "CASES",
    "FAIL",
    "KILLS",
    "NEVER",
    "PASS",
    "SKIP",
    "SUBJECTS",
    "Verdict",
    "conform",
    "find_cases",
    "find_subject",
    "name_of",
    "text_of",
    "tried",
]

NAMESPACE = "osvc-ha/svc"
# Moments at which a driver is killed, beside the worst one, for each case that does.
KILLS = 3
PORTS = 4
Report = Callable[[Verdict], None]


def find_cases(names: Sequence[str]) -> Tuple[Case, ...]:
    """The cases of these names, or all. ConfigError lists those there are."""
    known = {name_of(case): case for case in CASES}
    for name in names:
        if name not in known:
            raise ConfigError(f"--case {name}: no such case; there are {', '.join(known)}")
    return tuple(case for name, case in known.items() if name in names or not names)


def conform(
    name: str,
    given: Mapping[str, str],
    report: Report,
    cases: Sequence[Case] = CASES,
    inside: bool = False,
    kills: int = KILLS,
) -> Tuple[Verdict, ...]:
    """Try the cases on the subject of that name, one after the other, and report each. given: keywords that win over those that keep it
    in its place.

    inside: in the agent on this node, as a throwaway service. Nothing is left behind, whatever ends it. HaError when it
    cannot begin.
    """
    subject = find_subject(name)
    lacking = subject.lacking(given)
    if lacking:
        raise ApplyError(f"{name}: {lacking}")
    path = f"{NAMESPACE}/conformance-{name}"
    with Run(f"osvc_ha-conformance-{name}-") as run, reserve(1, PORTS) as reserved:
        home = run.directory / "node"
        if inside:
            from osvc_ha.conformance.inside import Inside, own_address

            place = Place(home, own_address(), reserved.ports, path)
            runner: Runner = Inside(subject, place)
        else:
            place = Place(home, reserved.addresses[0], reserved.ports, path, run.directory / "cluster.json")
            runner = Executed(subject.system, place)
        bench = Bench(subject, runner, place, given, kills)
        try:
            return tuple(tried(bench, case, report) for case in cases)
        finally:
            # The agent first: what it misses, it may start again.
            with contextlib.closing(bench), contextlib.closing(runner):
                pass


def tried(bench: Bench, case: Case, report: Report) -> Verdict:
    """One case, from a clear bench; its verdict, reported."""
    began = time.monotonic()
    result, expected, seen, why = PASS, "", "", ""
    try:
        _refuse(bench, name_of(case))
        bench.clear()
        case(bench)
    except NotTried as reason:
        result, why = reason.result, reason.why
    except Failed as failure:
        result, expected, seen = FAIL, failure.expected, failure.seen
    except HaError as error:
        result, expected, seen = FAIL, "the case can be tried", str(error)
    verdict = Verdict(name_of(case), text_of(case), result, time.monotonic() - began, expected, seen, why)
    report(verdict)
    return verdict


def _refuse(bench: Bench, case: str) -> None:
    for result, reasons in ((NEVER, bench.subject.never), (SKIP, bench.runner.cannot)):
        if case in reasons:
            raise NotTried(result, reasons[case])
