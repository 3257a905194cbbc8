"""Every system keeps the contract inside the real agent: `osvc-ha conformance SYSTEM --agent` on a cluster of one node."""

from __future__ import annotations

import json

import pytest
from agent_lab import OSVC_HA
from driver_services import ALONE
from ha_lab import HaLab

from osvc_ha.conformance import FAIL, PASS, SKIP, SUBJECTS

pytestmark = [pytest.mark.agent, pytest.mark.timeout(900)]
# What an agent has no words for.
SKIPPED = {"2.1": {"exit_codes"}, "3": {"exit_codes", "provision", "provision_while_it_runs", "unprovision"}}
# Not /tmp: a node sees this machine's below its own, and there another run may be at work.
TMPDIR = "/run/tried"


def is_gone(lab: HaLab, path: str) -> bool:
    """No instance of it is left. Agent 3 keeps the bare name of a purged object in its status."""
    found = lab.cluster(ALONE).objects.get(path)
    return found is None or not (found.instances or found.scope)


@pytest.mark.parametrize("system", SUBJECTS)
def test_the_contract_is_kept_inside_the_agent(installed: HaLab, system: str) -> None:
    """Every case passes that the agent has words for; afterwards neither the service nor its files nor its processes are left."""
    words = [OSVC_HA, "conformance", system, "--agent", "--kills", "1", "--format", "json"]
    installed.machines.run(ALONE, ["mkdir", "-p", TMPDIR])
    done = installed.machines.run(ALONE, words, seconds=800.0, env={"TMPDIR": TMPDIR})
    assert done.code in (0, 1), done.words
    cases = json.loads(done.out)["cases"]
    broken = {one["case"]: f"expected {one['expected']}; seen {one['seen']}" for one in cases if one["result"] == FAIL}
    assert broken == {}
    assert {one["case"] for one in cases if one["result"] == SKIP} == SKIPPED[installed.agent.version]
    assert sum(one["result"] == PASS for one in cases) >= 20
    path = f"osvc-ha/svc/conformance-{system}"
    installed.wait("the service is gone", lambda: is_gone(installed, path))
    # [o]: whoever looks is not found.
    assert installed.machines.run(ALONE, ["pgrep", "-fa", "[o]svc_ha-conformance-"]).out == ""
    left = installed.machines.run(ALONE, ["ls", TMPDIR])
    assert (left.code, left.out) == (0, "")
