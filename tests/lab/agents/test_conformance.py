"""Every system keeps the contract inside the real agent: `osvc-ha conformance SYSTEM --agent` on a cluster of one node."""

from __future__ import annotations

import json

import pytest
from agent_lab import OSVC_HA
from driver_services import ALONE
from ha_lab import HaLab

from osvc_ha.conformance import CASES, FAIL, NEVER, PASS, SKIP, SUBJECTS, find_subject, name_of
from osvc_ha.host import Completed

pytestmark = [pytest.mark.agent, pytest.mark.timeout(1500)]
# What an agent has no words for.
SKIPPED = {"2.1": {"exit_codes"}, "3": {"exit_codes", "provision", "provision_while_it_runs", "unprovision"}}
# Part of others, where each word costs seconds.
PART_OF_OTHERS = ("start", "stop", "start_after_stop", "status_while_stopped")
TRIED = tuple(name for name in map(name_of, CASES) if name not in PART_OF_OTHERS)
# Not /tmp: a node sees this machine's below its own, and there another run may be at work.
TMPDIR = "/run/tried"
# What the nodes of this lab lack: they share this machine's kernel.
LACKING = {"drbd": "drbd: there is no DRBD in this kernel (no /proc/drbd): modprobe drbd, or run this on a node that has it"}


def is_gone(lab: HaLab, path: str) -> bool:
    """No instance of it is left. Agent 3 keeps the bare name of a purged object in its status."""
    found = lab.cluster(ALONE).objects.get(path)
    return found is None or not (found.instances or found.scope)


def tried(lab: HaLab, name: str) -> Completed:
    """The suite on a node of its own."""
    lab.machines.run(ALONE, ["mkdir", "-p", TMPDIR])
    words = [OSVC_HA, "conformance", name, "--agent", "--kills", "1", "--format", "json", *(f"--case={case}" for case in TRIED)]
    return lab.machines.run(ALONE, words, seconds=1400.0, env={"TMPDIR": TMPDIR})


@pytest.mark.parametrize("name", [name for name in SUBJECTS if name not in LACKING])
def test_the_contract_is_kept_inside_the_agent(installed: HaLab, name: str) -> None:
    """Every case passes that makes sense and that the agent has words for; then neither service, files, processes nor mounts are left."""
    done = tried(installed, name)
    assert done.code in (0, 1), done.words
    cases = json.loads(done.out)["cases"]
    assert {one["case"]: f"expected {one['expected']}; seen {one['seen']}" for one in cases if one["result"] == FAIL} == {}
    never, skipped = find_subject(name).never, SKIPPED[installed.agent.version]
    wanted = {case: NEVER if case in never else SKIP if case in skipped else PASS for case in TRIED}
    assert {one["case"]: one["result"] for one in cases} == wanted
    path = f"osvc-ha/svc/conformance-{name}"
    installed.wait("the service is gone", lambda: is_gone(installed, path))
    # [o]: whoever looks is not found.
    assert installed.machines.run(ALONE, ["pgrep", "-fa", "[o]svc_ha-conformance-"]).out == ""
    assert installed.machines.run(ALONE, ["grep", TMPDIR, "/proc/self/mountinfo"]).out == ""
    left = installed.machines.run(ALONE, ["ls", TMPDIR])
    assert (left.code, left.out) == (0, "")


@pytest.mark.parametrize("name", LACKING)
def test_what_a_node_lacks_is_said(installed: HaLab, name: str) -> None:
    """Nothing is begun, no service is made, and the sentence names the way out."""
    done = tried(installed, name)
    assert (done.code, json.loads(done.out)["error"]["message"]) == (5, LACKING[name])
    assert installed.cluster(ALONE).objects.get(f"osvc-ha/svc/conformance-{name}") is None
