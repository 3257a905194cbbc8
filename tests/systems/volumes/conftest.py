"""A volume as values, and a small model of what each step does to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.volumes import SYSTEM
from osvc_ha.systems.volumes.config import Config
from osvc_ha.systems.volumes.state import Actual, Answer, CephFs, Client, Desired, Device, Mount, Place, Volume
from osvc_ha.systems.volumes.state.gluster import Group

GIVEN: Mapping[str, Mapping[str, str]] = {
    "ext4": {"device": "/dev/drbd0"},
    "xfs": {"device": "/dev/drbd0"},
    "glusterfs": {"device": "n1:/v0", "backup_servers": "n2 n3"},
    "ceph": {"device": "10.0.0.1,10.0.0.2:/shop"},
    "ceph-fuse": {"device": "/shop"},
    "local": {"device": "/srv/here"},
}
SOURCES = {"ceph-fuse": "ceph-fuse", "local": "/dev/vda1"}
BRICKS = ("n1:/b", "n2:/b", "n3:/b")


class World:
    """A volume that is not mounted; ``change`` makes it something else, ``do`` applies a step to it."""

    def __init__(
        self, kind: str = "ext4", verb: str = "start", elsewhere: str = "down", topology: str = "failover", **keywords: str
    ) -> None:
        given = {"path": "prod/svc/shop", "kind": kind, "mount": "/srv/shop", **GIVEN[kind], **keywords}
        self.config: Config = SYSTEM.parse(given)
        instances = {"n1": Instance("n1", "up"), "n2": Instance("n2", elsewhere)}
        owner = Object("prod/svc/shop", ("n1", "n2"), instances, topology=topology)
        cluster = Cluster("id", "lab", "n1", {name: Node(name, True) for name in instances}, {owner.path: owner})
        self.desired: Desired = SYSTEM.desired(self.config, cluster, Verb(verb))
        block = self.config.kind.block
        self.actual = Actual(Place("/srv/shop"), Device("147:0" if block else ""))

    def mount(self) -> Mount:
        """It, mounted as it should be."""
        kind = self.config.kind
        source = SOURCES.get(kind.value, self.config.device)
        shared = ("ro",) if self.config.read_only else ("rw",)
        return Mount(self.actual.device.number or "0:51", "/", "/srv/shop", kind.fstype or "ext4", source, ("rw", "relatime"), shared)

    def change(self, told: Mapping[str, Any]) -> World:
        """Parts as a case has them: ``{"mount": {}, "answer": {"hung": true}}``."""
        made: dict[str, Any] = {}
        for name, value in told.items():
            made[name] = self._part(name, value) if isinstance(value, (dict, list)) else value
        self.actual = replace(self.actual, **made)
        return self

    def _part(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return tuple(value)
        fields = {key: tuple(each) if isinstance(each, list) else each for key, each in value.items()}
        if name == "mount":
            return replace(self.mount(), **fields)
        if name == "volume":
            up = frozenset(fields.pop("up")) if fields.get("up") is not None else None
            return Volume("v0", fields.pop("started", True), "Replicate", (Group(BRICKS, 2, True),), "auto", up, **fields)
        if name == "cephfs":
            return CephFs("cephfs", tuple(tuple(rank) for rank in fields["ranks"]), fields.get("standbys", 0), fields.get("clients", 1))
        return {"place": Place, "device": Device, "answer": Answer, "client": Client}[name](
            **{**({"path": "/srv/shop"} if name == "place" else {}), **fields}
        )

    def do(self, step: Step) -> None:
        """What the step does, when nothing goes wrong."""
        getattr(self, "_" + step.do.replace("-", "_"))()

    def _mount(self) -> None:
        assert self.actual.mount is None and self.actual.place.kind == "directory"
        self.actual = replace(self.actual, mount=self.mount(), answer=Answer(), client=Client(), place=Place("/srv/shop"))

    def _unmount(self) -> None:
        assert self.actual.mount is not None and not self.actual.below
        self.actual = replace(self.actual, mount=None, answer=Answer(), client=Client(), place=Place("/srv/shop"))

    _abort = _detach = _unmount

    def _make_directory(self) -> None:
        assert self.actual.place.kind == "absent"
        self.actual = replace(self.actual, place=Place("/srv/shop"))

    def _check(self) -> None:
        assert self.actual.mount is None, "a mounted filesystem is never checked"
        self.actual = replace(self.actual, errors=0)

    def _format(self) -> None:
        assert self.actual.mount is None and self.actual.content == ""
        self.actual = replace(self.actual, content=self.config.kind.value)


@pytest.fixture
def world() -> type[World]:
    """Make a World."""
    return World
