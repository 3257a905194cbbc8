"""Every system keeps the contract by the exec runner, on the real programs: what `osvc-ha conformance SYSTEM` tries."""

from __future__ import annotations

import pytest

from osvc_ha.conformance import CASES, SKIP, SUBJECTS, conform, name_of
from osvc_ha.conformance.cases import Case

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

TRIED = [pytest.param(system, case, id=f"{system}-{name_of(case)}") for system in SUBJECTS for case in CASES]


@pytest.mark.parametrize(("system", "case"), TRIED)
def test_the_contract_is_kept(system: str, case: Case) -> None:
    """What the case's own docstring says."""
    (verdict,) = conform(system, {}, lambda verdict: None, (case,), kills=2)
    if verdict.result == SKIP:
        pytest.skip(verdict.why)
    assert (verdict.expected, verdict.seen) == ("", "")
