"""A node as recorded output of the real programs: what a test reads is parsed, and planned, as on a node."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import MappingProxyType
from typing import Any, Mapping, Optional, Sequence, Tuple

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.host import Completed
from osvc_ha.planner.types import Plan, Verb
from osvc_ha.systems.drbd.client import observe
from osvc_ha.systems.drbd.config import parse
from osvc_ha.systems.drbd.plan import desired, plan
from osvc_ha.systems.drbd.state import Actual, Desired
from osvc_ha.systems.drbd.state.events import parse_events
from osvc_ha.testing import FakeHost

SAMPLES = Path(__file__).parent / "samples"
SERVICE = "prod/svc/db"
PROC_9 = "version: 9.1.23 (api:2/proto:110-121)\nTransports (api:19): tcp (9.1.23)\n"
FENCED = "            disk {\n                fencing         	resource-and-stonith;"


def sample(name: str) -> str:
    """One recorded text."""
    return (SAMPLES / name).read_text(encoding="utf-8")


def changed(text: str, change: Mapping[str, str]) -> str:
    """The text with parts replaced, each of which has to be in it."""
    for old, new in change.items():
        assert old in text, f"{old!r} is not in the sample"
        text = text.replace(old, new)
    return text


def in_proc(proc: str, events: str) -> str:
    """/proc/drbd with roles, disks and what is out of sync as events2 has them, so that a change is told alike by both."""
    found = parse_events(events, "r0")
    assert found is not None
    [peer] = found.peers
    there = {volume.number: volume for volume in peer.volumes}
    for volume in found.volumes:
        disks = f"ds:{volume.disk}/{there[volume.number].disk}"
        line = re.compile(rf"( {volume.minor}: cs:\w+ )ro:\w+/\w+ ds:\w+/\w+(.*\n.* oos:)\d+")
        proc, count = line.subn(rf"\g<1>ro:{found.role}/{peer.role} {disks}\g<2>{there[volume.number].out_of_sync}", proc)
        assert count == 1, line
    return proc


class Told:
    """A node whose DRBD says what was recorded. ``state``: a directory of samples/8.4, "" for one without the module."""

    def __init__(
        self, state: str = "connected_uptodate_secondary", dump: str = "fenced", change: Optional[Mapping[str, str]] = None
    ) -> None:
        self.change = dict(change or {})
        # Parts of `drbdsetup show` that are otherwise: what the kernel runs it with, whatever the file says.
        self.shown: Mapping[str, str] = {}
        self.dump = (
            Completed(0, sample(f"8.4/dump_{dump}"), "") if dump else Completed(10, "", "drbd.d/z.res:2: Parse error: 'on' expected")
        )
        self.generations = Completed(0, sample("8.4/gi_with_data"), "")
        self.log = ""
        files = {"/etc/drbd.conf": 'include "drbd.d/*.res";\n', "/etc/drbd.d/r0.res": "resource r0 {}"}
        # In sectors of 512 bytes, of the two volumes that any of the samples has.
        files.update({f"/sys/block/drbd{minor}/size": f"{2 * size}\n" for minor, size in ((0, 65496), (1, 40920))})
        self.host = FakeHost(files, {"drbdadm": self.drbdadm, "drbdsetup": self.drbdsetup, "dmesg": self.dmesg})
        self.become(state)

    def become(self, state: str, change: Optional[Mapping[str, str]] = None) -> None:
        """Another recorded state."""
        self.state = state
        self.change = self.change if change is None else dict(change)
        if state:
            proc = sample(f"8.4/{state}/proc_drbd")
            events = changed(sample(f"8.4/{state}/events2"), self.change)
            self.host.files["/proc/drbd"] = in_proc(proc, events) if self.change else proc

    def drbdadm(self, argv: Sequence[str], text: str) -> Completed:
        """What does not change a role succeeds."""
        if argv[1] == "--version":
            return Completed(0, "DRBD_KERNEL_VERSION_CODE=0x08040b\n", "modinfo: noise")
        return {"dump": self.dump, "get-gi": self.generations}.get(argv[1], Completed(0, "", ""))

    def drbdsetup(self, argv: Sequence[str], text: str) -> Completed:
        """events2 and show, of the state."""
        if argv[1] == "secondary":
            return Completed(0, "", "")
        found = sample(f"8.4/{self.state}/{argv[1]}")
        if argv[1] == "events2":
            return Completed(0, changed(found, self.change), "")
        return Completed(0, changed(found if "fencing" in found else found.replace("            disk {", FENCED), self.shown), "")

    def dmesg(self, argv: Sequence[str], text: str) -> Completed:
        """The kernel's log."""
        return Completed(0, self.log, "")


class Nine:
    """n1 of three, n3 only breaking ties, under DRBD 9; as its utilities print it (samples/README.md).

    To begin with all are connected, UpToDate and Secondary. ``became``: what changes of the resource, its device, or a peer.
    """

    def __init__(self, dump: str = "") -> None:
        self.text = dump or sample("9/dump")
        self.shown = sample("9/show")
        [self.found] = json.loads(sample("9/status.json"))
        self.there = True
        files = {"/etc/drbd.conf": 'include "drbd.d/*.res";\n', "/etc/drbd.d/r0.res": "resource r0 {}"}
        self.host = FakeHost({**files, "/proc/drbd": PROC_9}, {"drbdadm": self.drbdadm, "drbdsetup": self.drbdsetup})
        self.became(device={"disk-state": "UpToDate"})
        for name, disk in (("n2", "UpToDate"), ("n3", "Diskless")):
            self.peer(name, {"connection-state": "Connected", "peer-role": "Secondary"}, disk)

    def became(self, device: Mapping[str, Any] = MappingProxyType({}), **resource: Any) -> None:
        """Of itself."""
        self.found.update(resource)
        self.found["devices"][0].update(device)

    def peer(self, name: str, change: Mapping[str, str], disk: str) -> None:
        """Of one connection; at rest."""
        [one] = [one for one in self.found["connections"] if one["name"] == name]
        one.update(change)
        still = "Established" if one["connection-state"] == "Connected" else "Off"
        one["peer_devices"] = [{"volume": 0, "peer-disk-state": disk, "replication-state": still, "out-of-sync": 0}]

    def gone(self, name: str) -> None:
        """Its node is off."""
        self.peer(name, {"connection-state": "Connecting", "peer-role": "Unknown"}, "DUnknown")

    def drbdadm(self, argv: Sequence[str], text: str) -> Completed:
        """`primary` is done."""
        if argv[1] == "primary":
            self.became(role="Primary")
        return Completed(0, self.text if argv[1] == "dump" else "", "")

    def drbdsetup(self, argv: Sequence[str], text: str) -> Completed:
        """status and show; `secondary` is done."""
        if argv[1] == "secondary":
            self.became(role="Secondary")
        if argv[1] == "status" and not self.there:
            return Completed(10, "", "'r0' is not a configured resource.")
        return Completed(0, {"status": json.dumps([self.found]), "show": self.shown}.get(argv[1], ""), "")


def cluster_of(local: str, alive: Sequence[str] = ("n1", "n2", "n3"), nodes: Sequence[str] = ("n1", "n2", "n3")) -> Cluster:
    """Three nodes, of which n1 and n2 have the data."""
    labels = {name: {"osvc_ha_address": f"10.77.0.{number}"} for number, name in enumerate(nodes, 1)}
    instances = {name: Instance(name, "down") for name in ("n1", "n2")}
    return Cluster(
        "c1",
        "lab",
        local,
        {name: Node(name, name in alive, labels=labels[name]) for name in nodes},
        {SERVICE: Object(SERVICE, ("n1", "n2"), instances)},
    )


class Scene:
    """One look at one node: ``actual``, ``desired`` and ``steps``."""

    def __init__(self, told: Told, local: str, verb: Verb, cluster: Optional[Cluster] = None, **keywords: str) -> None:
        self.told = told
        self.config = parse({"path": SERVICE, "res": "r0", **keywords})
        self.cluster = cluster or cluster_of(local)
        self.actual: Actual = observe(self.config, self.cluster, told.host)
        self.desired: Desired = desired(self.config, self.cluster, verb)
        self.steps: Plan = plan(self.actual, self.desired)

    @property
    def done(self) -> Tuple[str, ...]:
        """What the plan does, in order."""
        return tuple(step.do for step in self.steps)

    @property
    def refusal(self) -> str:
        """The sentence it is refused with, or ""."""
        return next((step.why for step in self.steps if step.do == "resolve"), "")


@pytest.fixture(scope="session")
def told() -> Any:
    """Make a node."""
    return Told


@pytest.fixture(scope="session")
def nine() -> Any:
    """Make a node with DRBD 9."""
    return Nine


@pytest.fixture(scope="session")
def scene() -> Any:
    """Look at one: scene(told, local, verb, cluster, **keywords)."""
    return Scene


@pytest.fixture(scope="session")
def text() -> Any:
    """Read a recorded text."""
    return sample


@pytest.fixture(scope="session")
def seen_by() -> Any:
    """Make a cluster."""
    return cluster_of
