"""What our guard costs a promotion, and how long a killed writer's service takes to be mounted on the other node: on real DRBD.

The nodes are User-Mode-Linux kernels (osvc_ha/drill/uml). Bare programs take turns with ours on the same nodes; seconds are the node's own.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from stage import Say

from osvc_ha.drill.report import Case
from osvc_ha.drill.uml.drbd import DrbdLab
from osvc_ha.drill.uml.lab import SNAPSHOT, missing
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 10
PAIRS = 5
SECONDS = 120.0
STARTER = f"{sys.executable} {Path(__file__).with_name('drbd_starter.py')}"
TREE = Path(__file__).resolve().parents[2]
BARE = "drbdadm primary r0"
RESOURCE = "/usr/share/osvc-ha/bin/osvc-ha resource drbd {verb} --path root/svc/data --set res=r0 --snapshot " + SNAPSHOT
OURS, STATUS = RESOURCE.format(verb="start"), RESOURCE.format(verb="status")
MOUNT = "mount /dev/drbd0 /srv/data"

OWN = Case("drbd promotion: what the guard adds", "s", (), 0.15)
WHOLE = Case("drbd promotion: by a program of its own, against drbdadm primary", "s", ())
KILLED = Case("drbd writer killed: promoted, recovered and mounted, against drbdadm and mount", "s", (), 1.3)
PROGRAM = Case("drbd writer killed: the same by a program of its own, against drbdadm and mount", "s", ())
LOST = Case("drbd writer killed: acknowledged writes lost", "writes", (), 0, 0)
FIGURES = (OWN, WHOLE, KILLED, PROGRAM, LOST)


def measure(runs: int, say: Say) -> list[Case]:
    """Promotions of one of a good pair, then kills of the node that writes."""
    if missing():
        say(f"needs {' '.join(missing())}: not measured")
        return []
    with DrbdLab() as lab:
        lab.make()
        own = _own(lab, runs, say)
        bare, whole = zip(*((_promoted(lab, BARE), _promoted(lab, OURS)) for _ in range(runs)))
        took: dict[str, list[float]] = {"bare": [], "driver": [], "program": []}
        lost = []
        for number in range(1, runs + 1):
            # Each of them first in turn: a machine that grows busy is no figure.
            for how in [*took, *took][number % 3 : number % 3 + 3]:
                seconds, gone = _killed(lab, how)
                took[how].append(seconds)
                lost.append(gone)
            say(f"kill {number}/{runs}: " + ", ".join(f"{how} {row[-1]:.2f} s" for how, row in took.items()) + f", lost {sum(lost):g}")
    base = tuple(took["bare"])
    return [
        replace(OWN, runs=own),
        replace(WHOLE, runs=whole, baseline=bare),
        replace(KILLED, runs=tuple(took["driver"]), baseline=base),
        replace(PROGRAM, runs=tuple(took["program"]), baseline=base),
        replace(LOST, runs=tuple(lost)),
    ]


def _own(lab: DrbdLab, runs: int, say: Say) -> tuple[float, ...]:
    """In one process that is there: what `om start` asks of the driver, less `drbdadm primary` in it."""
    found = lab.nodes["n1"].must(f"PYTHONPATH={TREE} {STARTER} pairs {SNAPSHOT} {PAIRS * runs}", 10.0 * PAIRS * runs)
    rows = [json.loads(line) for line in found.splitlines()]
    for row in rows:
        whole, own, others, bare = row["whole"], row["own"], row["programs"], row["bare"]
        say(f"promotion: {whole:.3f} s, of it the guard {own:.3f} s with {others} programs; bare {bare:.3f} s")
    return tuple(row["own"] for row in rows)


def _timed(lab: DrbdLab, name: str, command: str) -> float:
    """By the node's own clock, so that how commands get there does not count."""
    done = lab.nodes[name].run(f"exec bash -c 'began=$EPOCHREALTIME; {{ {command}; }} >&2 && echo $began $EPOCHREALTIME'", SECONDS)
    if done.code:
        raise ApplyError(f"{name}: {command}: {done.words}")
    began, ended = map(float, done.out.split())
    return ended - began


def _promoted(lab: DrbdLab, command: str) -> float:
    took = _timed(lab, "n1", command)
    lab.nodes["n1"].must("drbdadm secondary r0")
    return took


def _killed(lab: DrbdLab, how: str) -> tuple[float, float]:
    """From the moment when cluster and DRBD have both lost the writer, until it is mounted; and how many acknowledged writes are gone."""
    lab.start_over()
    done = lab.promote("n1")
    if done.code:
        raise ApplyError(f"n1: not promoted with its peer connected: {done.words}")
    lab.start_writer("n1")
    # As the agent does there every few minutes; 1: the role is down.
    status = lab.nodes["n2"].run(STATUS, SECONDS)
    if status.code != 1:
        raise ApplyError(f"n2: {STATUS}: {status.words}")
    if how != "program":
        _stand_by(lab, how)
    lab.nodes["n1"].kill()
    lab.await_told("n2", "cstate", "WFConnection")
    lab.await_alive("n2", "n2", "n3")
    took = _timed(lab, "n2", f"{OURS} && {MOUNT}") if how == "program" else _go(lab)
    return took, float(len(lab.acknowledged("n1") - lab.held("n2")))


def _stand_by(lab: DrbdLab, how: str) -> None:
    """A process with the driver in it, that waits for its word."""
    node = lab.nodes["n2"]
    run = f"exec 3<>/run/go; PYTHONPATH={TREE} {STARTER} takeover {SNAPSHOT} {how} <&3 >/run/took 2>&1; tail -1 /run/took >/run/ended"
    node.must(f"mkfifo /run/go /run/ended; ({run}) &")
    lab.until("the driver is there", lambda: node.must("cat /run/took"), lambda found: found == "ready", SECONDS)


def _go(lab: DrbdLab) -> float:
    """Nothing is asked of the node meanwhile: with one slow processor, whoever asks is part of the answer."""
    found = lab.nodes["n2"].must("echo go >/run/go; cat /run/ended", SECONDS)
    try:
        return float(found)
    except ValueError as error:
        raise ApplyError(f"n2: {found}") from error
