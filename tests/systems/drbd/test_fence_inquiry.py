"""What the fence-peer handler asks, and what it believes, on a real machine with stand-ins for drbdadm and ssh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from osvc_ha.cluster.snapshot import snapshot_of
from osvc_ha.cluster.types import Cluster, Node
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.drbd.client import witness
from osvc_ha.systems.drbd.client.fencing import Case, decide, told
from osvc_ha.testing import FakeHost

SAME = "49B262BA4CD71F34:0000000000000000:21A8E98897826A06:0000000000000004:1:1:0:1:0:0:0"
OTHER = "B0E8484C4DEC3C68:63DDAB7B244A8FD8:73179C84740C7E3A:0000000000000004:1:1:0:0:0:0:0"
DRBDADM = """#!/bin/sh
case $1 in
get-gi) echo {gi} ;;
role) echo {role}/Unknown ;;
outdate) [ {role} = Secondary ] && echo Outdated >{here}/disk ;;
dstate) echo $(cat {here}/disk 2>/dev/null || echo UpToDate)/DUnknown ;;
esac
"""


class Machine:
    """n2, which runs the handler; its peer n1 and the third, n3, behind a shell that stands in for ssh."""

    def __init__(self, here: Path) -> None:
        self.here = here
        self.snapshot = here / "cluster.json"
        self.remote = here / "remote"
        self.drbd("n2")
        self.drbd("n1")
        self.answer("n3", "exit 255")
        self.answer("n1", "exit 255")
        self.remote.write_text(f'#!/bin/sh\nat=$1; shift; PATH={here}/$at:$PATH exec sh {here}/$at.sh "$1"\n')
        self.remote.chmod(0o755)

    def drbd(self, node: str, gi: str = SAME, role: str = "Secondary") -> None:
        (self.here / node).mkdir(exist_ok=True)
        file = self.here / node / "drbdadm"
        file.write_text(DRBDADM.format(gi=gi, role=role, here=self.here / node))
        file.chmod(0o755)

    def answer(self, node: str, script: str) -> None:
        (self.here / f"{node}.sh").write_text(script + "\n")

    def testifies(self, hears_peer: bool = False, hears_us: bool = True, fenced: str = "[]", noted: bool = True) -> None:
        words = {"node": "n3", "hears_peer": hears_peer, "hears_us": hears_us, "fenced": json.loads(fenced), "noted": noted}
        self.answer("n3", f"echo 'Welcome to n3'; echo '{json.dumps(words)}'")

    def decide(self, *alive: str, seconds: float = 1.5, writes: bool = True):
        nodes = {name: Node(name, name in ("n2", *alive)) for name in ("n1", "n2", "n3")}
        document = snapshot_of(Cluster("c", "c", "n2", nodes, {}))
        self.snapshot.write_text(json.dumps({**document, "taken": "before"}))
        host = Writing(self.snapshot, document) if writes else Host()
        remote = f"{self.remote} {{address}}"
        case = Case(
            "r0", "n1", seconds, 0.0, self.snapshot, remote, drbdadm=str(self.here / "n2" / "drbdadm"), directory=self.here, notes=self.here
        )
        return decide(case, host)


class Writing(Host):
    """The machine, on which an agent writes its snapshot anew all the time."""

    def __init__(self, file: Path, document) -> None:
        self._file, self._document, self._count = file, document, 0

    def sleep(self, seconds: float) -> None:
        self._count += 1
        self.replace(self._file, json.dumps({**self._document, "taken": str(self._count)}))
        super().sleep(seconds)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_peer_that_is_dead_to_two_of_three_is_fenced_off(machine) -> None:
    """And its evidence is a line of the log."""
    machine.testifies()
    assert machine.decide("n3", seconds=60).code == 7
    [line] = [json.loads(text) for text in (machine.here / "r0.fence.log").read_text().splitlines()]
    assert (line["code"], line["alive"], line["fenced"]) == (7, ["n2", "n3"], ["n1"])
    assert (machine.here / "r0.fenced").read_text() == "n1 49B262BA4CD71F34\n"


@pytest.mark.parametrize(
    "words",
    [
        {"hears_peer": True},
        {"hears_us": False},
        {"noted": False},
        {"fenced": '[["n2", "49B262BA4CD71F34"]]'},
    ],
)
def test_a_witness_that_disagrees_is_heeded(machine, words) -> None:
    """It hears the peer, does not hear us, could not note it, or knows that we are the ones who are fenced off."""
    machine.testifies(**words)
    assert machine.decide("n3").code == 1


def test_a_stale_snapshot_is_no_evidence(machine) -> None:
    """It says that the peer is dead, but nobody has written it since the handler began."""
    machine.testifies()
    found = machine.decide("n3", writes=False)
    assert found.code == 1 and "not written anew" in found.why


def test_a_witness_that_hangs_delays_nothing(machine, host) -> None:
    """The answer comes when its time is up, not when ssh's is."""
    machine.answer("n3", "sleep 30")
    began = host.now()
    assert machine.decide("n3").code == 1
    assert host.now() - began < 5


def test_what_python_took_to_start_is_part_of_the_time(machine) -> None:
    """On a busy node the handler still answers, and leaves its evidence, before the hook that waits for it ends it."""
    machine.drbd("n2", role="Primary")
    words = [sys.executable, "-m", "osvc_ha.cli", "drbd", "fence-peer", "r0", "--peer", "n1", "--seconds", "6"]
    words += ["--directory", str(machine.here), "--notes", str(machine.here), "--snapshot", str(machine.here / "never")]
    env = {**os.environ, "PATH": f"{machine.here / 'n2'}:{os.environ['PATH']}"}
    assert subprocess.run(["sh", "-c", 'sleep 4; exec "$@"', "sh", *words], env=env, timeout=60, check=False).returncode == 1
    [line] = map(json.loads, (machine.here / "r0.fence.log").read_text().splitlines())
    assert line["took"] < 5


def test_a_living_peer_with_our_data_is_outdated(machine) -> None:
    """What dopd did over heartbeat's links."""
    machine.answer("n1", 'eval "$1"')
    machine.testifies(hears_peer=True)
    assert machine.decide("n1", "n3", seconds=60).code == 4


@pytest.mark.parametrize(("gi", "role"), [(OTHER, "Secondary"), (SAME, "Primary"), ("", "Secondary"), (SAME, "Unknown")])
def test_a_living_peer_that_may_have_better_data_is_left_alone(machine, gi: str, role: str) -> None:
    """It wrote alone, it is writing, or it does not say: it is not even asked to outdate itself."""
    machine.drbd("n1", gi, role)
    machine.answer("n1", 'eval "$1"')
    machine.testifies(hears_peer=True)
    assert machine.decide("n1", "n3").code == 1
    assert not (machine.here / "n1" / "disk").exists()


def test_a_disk_that_is_not_up_to_date_decides_at_once(machine) -> None:
    """Whatever the cluster says."""
    (machine.here / "n2" / "disk").write_text("Consistent")
    machine.testifies()
    assert "Consistent" in machine.decide("n3", seconds=20).why


def test_what_a_remote_shell_prints_around_the_answer_is_ignored() -> None:
    """A banner has slashes and colons too."""
    found = told(f"Welcome / to n1\nkernel: 6.1/amd64 Primary\nSecondary/Unknown\nOutdated/DUnknown\n{SAME}\n")
    assert (found.role, found.disks, found.lineage.noted) == ("Secondary", {"Outdated"}, "49B262BA4CD71F34")
    assert witness.read("motd\n{}\n[1]\nnull\n") is None


def test_a_snapshot_counts_only_while_it_is_written() -> None:
    """Read once anew is not for ever; and clocks have no say."""
    host = FakeHost(files={"/c": "one"})
    eyes = witness.Eyes(Path("/c"), host)
    with pytest.raises(ObserveError, match="not written anew"):
        eyes.look()
    host.files["/c"] = json.dumps(snapshot_of(Cluster("c", "c", "n1", {"n1": Node("n1", True)}, {})))
    assert eyes.look().local == "n1"
    assert eyes.look().local == "n1"
