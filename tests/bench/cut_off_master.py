"""The master's node loses its network, and gets it back: both sides live on, and the old master still takes itself for one.

Nodes in network namespaces on one bridge. They belong to a process that is started in a namespace of
its own (``python cut_off_master.py runs``), so that nothing of them outlives it or meets another run.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace

from stage import DOWN_AFTER, SETTLE_SECONDS, Say, Seen, make_ready, outages_over, settle, sleep_until, writers

from osvc_ha.drill.lab import Lab
from osvc_ha.drill.load import wait_flowing
from osvc_ha.drill.processes import Reserved, Run, wait_until
from osvc_ha.drill.report import Case
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError

LEAST_RUNS = 10
CUT_SECONDS = DOWN_AFTER / 1000 + 4.0
OUTAGE_SECONDS = 0.5
MOST = DOWN_AFTER / 1000 + 2.0
END_SECONDS = 30.0
NETWORK = "10.0.0"
PORTS = tuple(range(21000, 21016))
# Who is not root becomes it in a namespace of users, where that is allowed.
ALONE = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--net")

LOST = Case("master cut off: acknowledged writes lost outside the minority", "writes", (), 0, 0)
OUTAGES = Case("master cut off: outages over 0.5 s of the worst client outside", "outages", (), 1, 1)
OUTAGE = Case("master cut off: outage of the worst client outside", "s", (), MOST, MOST)
FIGURES = (LOST, OUTAGES, OUTAGE)


def measure(runs: int, say: Say) -> list[Case]:
    """Start ourselves in a namespace, and read what it measured."""
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        say("no network namespaces for this user: not measured")
        return []
    argv = [*ALONE, sys.executable, __file__, str(runs)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stderr is not None and child.stdout is not None
            last = ""
            for line in child.stderr:
                last = line.rstrip("\n")
                say(last)
            told = child.stdout.read()
        finally:
            child.terminate()
            child.wait(END_SECONDS)
    if child.returncode:
        raise ApplyError(f"the run in a namespace ended with exit code {child.returncode}: {last}")
    figures = json.loads(told)
    return [replace(case, runs=tuple(row[number] for row in figures)) for number, case in enumerate(FIGURES)]


class CutLab(Lab):
    """The lab with a network for each node. What the bench itself does, it does from the bridge."""

    def __init__(self, run: Run) -> None:
        self._machine = Host()
        names = ("n1", "n2", "n3")
        self._ip("link", "set", "lo", "up")
        self._ip("link", "add", "bridge0", "type", "bridge")
        self._ip("address", "add", f"{NETWORK}.254/24", "dev", "bridge0")
        self._ip("link", "set", "bridge0", "up")
        self._homes = {node: self._home(run, node, f"{NETWORK}.{number}") for number, node in enumerate(names, 1)}
        held = Reserved(tuple(f"{NETWORK}.{number}" for number in range(1, 4)), PORTS, socket.socket())
        super().__init__(run, held, redis={"down_after": str(DOWN_AFTER)})

    def program(self, node: str) -> list[str]:
        """In the node's own network."""
        return ["nsenter", "--net", f"--target={self._homes[node]}", "--", *super().program(node)]

    def cut(self, node: str) -> None:
        """Pull its cable."""
        self._ip("link", "set", node, "down")

    def heal(self, node: str) -> None:
        """Plug it in again."""
        self._ip("link", "set", node, "up")

    def _home(self, run: Run, node: str, address: str) -> int:
        """A namespace that lives as long as the process in it."""
        pid = run.start(f"network {node}", ["unshare", "--net", "sleep", "infinity"]).pid
        ours = os.readlink("/proc/self/ns/net")
        wait_until(f"a network for {node}", lambda: os.readlink(f"/proc/{pid}/ns/net") != ours)
        self._ip("link", "add", node, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        self._ip("link", "set", node, "master", "bridge0", "up")
        for words in (["link", "set", "lo", "up"], ["address", "add", f"{address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            self._must("nsenter", "--net", f"--target={pid}", "--", "ip", *words)
        return pid

    def _ip(self, *words: str) -> None:
        self._must("ip", *words)

    def _must(self, *argv: str) -> None:
        done = self._machine.run(argv)
        if done.code:
            raise ApplyError(f"{' '.join(argv)}: {done.words}")


def main(argv: list[str]) -> int:
    """The runs, in the namespace: rows of the figures as JSON."""
    runs = int(argv[0])
    rows = []
    with Run("osvc_ha-bench-") as run:
        lab = CutLab(run)
        lab.bring_up()
        for number in range(1, runs + 1):
            seen = _cut_off(lab, f"cut{number}")
            rows.append([seen.lost, max(outages_over(each, OUTAGE_SECONDS) for each in seen.ledgers), seen.outage()])
            print(f"run {number}/{runs}: {rows[-1][1]} outages; {seen.words()}", file=sys.stderr, flush=True)
    json.dump(rows, sys.stdout)
    return 0


def _cut_off(lab: CutLab, tag: str) -> Seen:
    master = lab.await_master()
    clients = writers(lab, tag, without=master)
    wait_flowing(clients)
    lab.cut(master)
    try:
        sleep_until(time.time() + CUT_SECONDS)
    finally:
        lab.heal(master)
    wait_until(f"{master} to follow the new master", lambda: lab.role(master) == "slave", SETTLE_SECONDS)
    seen = settle(lab, clients)
    make_ready(lab, master)
    return seen


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
