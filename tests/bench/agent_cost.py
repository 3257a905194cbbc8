"""What osvc_ha costs a node: our share of one status evaluation inside the agent, and a follower that has nothing to do."""

from __future__ import annotations

import resource
import time
from dataclasses import replace
from pathlib import Path

from agent_stage import INGRESS, Agent, HaLab, agents, cpu_seconds, follower_of, inside, serving
from stage import Say

from osvc_ha.drill.report import Case
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 10
IDLE_SECONDS = 30.0
PLAIN = "prod/svc/plain"
PLAIN_CONF = """[DEFAULT]
nodes = n1 n2 n3
orchestrate = no

[app#0]
type = forking
start = /bin/true
check = /bin/true
stop = false
retcodes = 0:n/a 1:down

[app#1]
type = simple
start = /bin/sleep 1000000

[app#2]
type = simple
start = /bin/sleep 1000001

[sync#i0]
disable = true
"""
STATUS = {"2.1": "om {path} print status --refresh", "3": "om {path} instance status -r"}
CASES = {
    version: (
        Case(f"agent {version}: our CPU in one status evaluation of the ingress service", "s", (), limit),
        Case(f"agent {version}: idle follower, share of a core", "%", (), 0.5),
        Case(f"agent {version}: idle follower, memory", "MB", (), 60.0),
    )
    # Of its two resources together; on 3 each is a process of its own, which the agent starts by two more.
    for version, limit in (("2.1", 0.06), ("3", None))
}
FIGURES = tuple(case for cases in CASES.values() for case in cases)


def measure(runs: int, say: Say) -> list[Case]:
    """On a quiet cluster of each agent."""
    return [case for agent in agents(say) for case in _of(agent, runs, say)]


def _of(agent: Agent, runs: int, say: Say) -> list[Case]:
    status, share, memory = CASES[agent.version]
    with serving(agent, say) as lab:
        _create_plain(lab)
        shares, peaks = _idle(lab, say)
        ours, theirs = [], []
        for _ in range(runs):
            ours.append(_cpu(lab, INGRESS))
            theirs.append(_cpu(lab, PLAIN))
        say(f"agent {agent.version}: status {sorted(ours)[runs // 2]:.3f} s CPU against {sorted(theirs)[runs // 2]:.3f} s with plain apps")
    spent = tuple(mine - other for mine, other in zip(ours, theirs))
    return [replace(status, runs=spent), replace(share, runs=shares), replace(memory, runs=peaks)]


def _create_plain(lab: HaLab) -> None:
    text = PLAIN_CONF if lab.agent.version == "2.1" else PLAIN_CONF.partition("[sync")[0]
    done = lab.machines.run("n1", ["sh", "-c", f"cat > /tmp/plain.conf <<'END'\n{text}END\n"])
    if done.code:
        raise ApplyError(f"n1: /tmp/plain.conf: {done.words}")
    lab.order("n1", "create", path=PLAIN, file="/tmp/plain.conf", values="")
    lab.order("n1", "start", path=PLAIN)


def _cpu(lab: HaLab, path: str) -> float:
    """Seconds of CPU of the agent's command and all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = lab.machines.run("n1", STATUS[lab.agent.version].format(path=path).split())
    if done.code:
        raise ApplyError(f"n1: status of {path}: {done.words}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def _idle(lab: HaLab, say: Say) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Per node: percent of a core over IDLE_SECONDS, and resident megabytes."""
    followers = {name: follower_of(lab, name) for name in lab.names}
    before = {name: cpu_seconds(lab, name, pid) for name, pid in followers.items()}
    began = time.monotonic()
    # The figure is per time: there is no condition to wait for.
    time.sleep(IDLE_SECONDS)
    span = time.monotonic() - began
    shares = tuple(100 * (cpu_seconds(lab, name, pid) - before[name]) / span for name, pid in followers.items())
    peaks = tuple(_resident(lab, name, pid) for name, pid in followers.items())
    told = ", ".join(f"{one:.2f} % and {peak:.0f} MB" for one, peak in zip(shares, peaks))
    say(f"agent {lab.agent.version}: idle followers {told}")
    return shares, peaks


def _resident(lab: HaLab, name: str, pid: int) -> float:
    line = next(line for line in _proc(lab, name, pid, "status").splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def _proc(lab: HaLab, name: str, pid: int, what: str) -> str:
    path: Path = inside(lab, name, f"/proc/{pid}/{what}")
    return path.read_text(encoding="utf-8")
