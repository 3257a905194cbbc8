"""Every system keeps the contract by the exec runner, on the real programs: what `osvc-ha conformance SYSTEM` tries."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from osvc_ha.conformance import FAIL, PASS, SUBJECTS, conform, find_cases, name_of
from osvc_ha.conformance.cases import Case
from osvc_ha.conformance.executed import Executed

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

# Of these cases most is waiting.
HUNG = ("hung_status", "hung_stop", "hung_start")
# tests/lab/drbd tries it, on a kernel that has DRBD.
ELSEWHERE = {"drbd"}
# Part of others, and servers that take their time need not do it twice here.
PART_OF_OTHERS = {"mongo": ("start", "stop", "start_after_stop"), "postgres": ("start", "stop", "start_after_stop")}
# What an ext4 does that a folder does not: it is checked, and its device must be free again. The rest is one driver's.
FEW = {"volumes-ext4": ("start_twice", "stop_twice", "provision", "program_dies", "start_killed_then_stop", "stop_killed_then_start")}


def lacking(name: str) -> str:
    """Why it cannot be tried on this machine."""
    return SUBJECTS[name].lacking({})


def broken(name: str, cases: Iterable[Case]) -> dict[str, str]:
    """Those of the cases that failed, of those that make sense for it and can be tried this way; and that each of the others passed."""
    tried = tuple(case for case in cases if name_of(case) not in SUBJECTS[name].never and name_of(case) not in Executed.cannot)
    verdicts = conform(name, {}, lambda verdict: None, tried, kills=1)
    assert {verdict.result for verdict in verdicts} <= {PASS, FAIL}
    return {f"{name} {one.case}": f"expected {one.expected}; seen {one.seen}" for one in verdicts if one.result == FAIL}


@pytest.mark.parametrize("name", [name for name in SUBJECTS if name not in ELSEWHERE])
def test_the_contract_is_kept(name: str) -> None:
    """Every case, but for programs that hang."""
    if lacking(name):
        pytest.skip(lacking(name))
    cases = find_cases(FEW.get(name, ()))
    assert broken(name, (case for case in cases if name_of(case) not in (*HUNG, *PART_OF_OTHERS.get(name, ())))) == {}


def test_what_hangs_is_found_and_ended_in_time() -> None:
    """A program that hangs, or never becomes ready: of all systems at once."""
    names = [name for name in SUBJECTS if name not in ELSEWHERE | set(FEW) and not set(HUNG) <= set(SUBJECTS[name].never)]
    with ThreadPoolExecutor(len(names)) as pool:
        found = pool.map(lambda name: broken(name, find_cases(HUNG)), [name for name in names if not lacking(name)])
        assert {case: words for each in found for case, words in each.items()} == {}
