"""What would spoil a failover, found before it does. gather.py reads, checks/ judge (pure), CHECKS is the table."""

from __future__ import annotations

from typing import Tuple

from osvc_ha.doctor.checks import cluster, machine, ours
from osvc_ha.doctor.facts import Check, Facts, Finding, Verdict

# In the order of the table: first what makes the others worthless.
CHECKS: Tuple[Check, ...] = (
    Check("agent", cluster.version),
    Check("installed", ours.installed),
    Check("drivers", ours.drivers),
    Check("packages", ours.packages),
    Check("versions", ours.everywhere),
    Check("hook", ours.hook),
    Check("follower", ours.watcher),
    Check("quorum", cluster.quorum),
    Check("ready period", cluster.ready_period),
    Check("split action", cluster.split_action),
    Check("stonith", cluster.stonith),
    Check("heartbeat", cluster.heartbeat),
    Check("frozen nodes", cluster.frozen),
    Check("clocks", cluster.clocks),
    Check("agent ports", machine.agent_ports),
    Check("listener ports", machine.listeners),
    Check("open files", machine.files),
    Check("haproxy", machine.haproxy),
    Check("redis", machine.redis),
    Check("sentinel", machine.sentinel),
    Check("secrets", machine.secrets),
    Check("kernel", machine.kernel),
)

FAILED, WARNED = 1, 6


def examine(facts: Facts) -> Tuple[Tuple[str, Finding], ...]:
    """Every check's name and finding, in the order of the table."""
    return tuple((check.name, check.judge(facts)) for check in CHECKS)


def exit_code(findings: Tuple[Tuple[str, Finding], ...]) -> int:
    """1 when something fails, 6 when something is only warned of, else 0; what cannot be told is no fault."""
    verdicts = {finding.verdict for _, finding in findings}
    return FAILED if Verdict.FAIL in verdicts else WARNED if Verdict.WARN in verdicts else 0
