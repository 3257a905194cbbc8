"""The power of the master's node is cut: what clients of the other nodes' HAProxies notice, at the agent's defaults and tuned.

Against a SIGKILL of the master's redis-server in the same cluster. Sentinel and HAProxy carry the failover, so the
agent's patience (23 s at its defaults) must make no difference.
"""

from __future__ import annotations

import time
from dataclasses import replace

from agent_stage import LSNR, Agent, HaLab, Writers, agents, agree, inside, serving
from stage import Say

from osvc_ha.agents import rest
from osvc_ha.drill.report import Case
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 3
# The cut is noticed by silence and the kill by a refused connection: Sentinel's patience (down_after 1.5 s) is the same.
OUTAGE, WORST = 1.1, 4.0
PATIENCE = {"defaults": ("15s", "5s", "5s"), "tuned": ("4s", "1s", "2s")}
CASES = {
    (version, how): Case(
        f"agent {version}, {how}: power cut of the master's node, outage, against SIGKILL of redis-server", "s", (), OUTAGE, WORST
    )
    for version in ("2.1", "3")
    for how in PATIENCE
}
LOST = {key: Case(f"agent {key[0]}, {key[1]}: power cut: replicated writes lost", "writes", (), 0, 0) for key in CASES}
FIGURES = (*CASES.values(), *LOST.values())


def measure(runs: int, say: Say) -> list[Case]:
    """Cut and kill in turn, so that a busy moment hits both."""
    return [case for agent in agents(say) for how in PATIENCE for case in _of(agent, how, runs, say)]


def _of(agent: Agent, how: str, runs: int, say: Say) -> list[Case]:
    cuts: list[float] = []
    kills: list[float] = []
    lost: list[float] = []
    with serving(agent, say) as lab:
        _be_patient(lab, how)
        for number in range(1, runs + 1):
            outage, gone = _cut(lab)
            cuts.append(outage)
            lost.append(gone)
            outage, gone = _kill(lab)
            kills.append(outage)
            say(f"agent {agent.version}, {how}, run {number}/{runs}: cut {cuts[-1]:.2f} s, kill {kills[-1]:.2f} s, lost {lost[-1]:g}")
    key = (agent.version, how)
    return [replace(CASES[key], runs=tuple(cuts), baseline=tuple(kills)), replace(LOST[key], runs=tuple(lost))]


def _be_patient(lab: HaLab, how: str) -> None:
    timeout, interval, ready = PATIENCE[how]
    before = _receivers(lab)
    lab.order("n1", "patience", timeout=timeout, interval=interval, ready=ready)
    # Agent 3 starts its receivers anew for this, and forgets who was beating without calling them stale (hb/hbctrl/main.go,
    # CmdUnregister): a peer that dies before the new receiver has heard it once is never dropped.
    lab.wait("a new receiver that hears all peers on every node", lambda: _all_new(_receivers(lab), before))


def _all_new(now: dict[str, str], before: dict[str, str]) -> bool:
    return all(made and made != before[name] for name, made in now.items())


def _receivers(lab: HaLab) -> dict[str, str]:
    """Node -> when its heartbeat's receiver was made; "" when it does not hear every peer. Of agent 3; else empty."""
    return {name: _receiver(lab, name) for name in lab.names} if lab.agent.version == "3" else {}


def _receiver(lab: HaLab, name: str) -> str:
    status = rest.status(Host(), inside(lab, name, LSNR["3"]))
    streams = {one["id"]: one for one in status["cluster"]["node"][name]["daemon"]["heartbeat"]["streams"]}
    found = streams.get("hb#1.rx", {})
    beating = [peer for peer, seen in (found.get("peers") or {}).items() if seen["is_beating"]]
    return str(found["created_at"]) if len(beating) == len(lab.names) - 1 else ""


def _cut(lab: HaLab) -> tuple[float, float]:
    gone = lab.master()
    left = lab.others(gone)
    with Writers(lab.machines, *left) as writers:
        lab.cut_power(gone)
        writers.flowing(time.time())
        agree(lab, *left)
    outage, lost = _seen(writers)
    lab.boot(gone)
    lab.wait_complete()
    agree(lab, seconds=120)
    return outage, lost


def _kill(lab: HaLab) -> tuple[float, float]:
    victim = lab.master()
    left = lab.others(victim)
    with Writers(lab.machines, *left) as writers:
        done = lab.machines.run(victim, ["pkill", "-KILL", "-x", "redis-server"])
        if done.code:
            raise ApplyError(f"{victim}: pkill redis-server: {done.words}")
        writers.flowing(time.time())
        lab.wait("another master", lambda: _master_but(lab, victim))
    lab.order(victim, "start", seconds=90.0, path="prod/svc/redis")
    agree(lab, seconds=120)
    return _seen(writers)


def _master_but(lab: HaLab, victim: str) -> bool:
    try:
        return lab.master() != victim
    except AssertionError:
        return False


def _seen(writers: Writers) -> tuple[float, float]:
    seen = writers.seen
    return max(seen.outage_reconnecting or 0.0, seen.outage_persistent or 0.0), float(seen.lost or 0)
