"""The real follower as a resource of a service, and the snapshot that it is shown, which a test rewrites."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.agents.resource import Resource
from osvc_ha.drill.process import residents
from osvc_ha.drill.processes import Reserved, Run, reserve, wait_until
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import Health, reconcile
from osvc_ha.planner.types import Step, Verb
from osvc_ha.seen import Seen, parse_seen
from osvc_ha.source import Source
from osvc_ha.systems import haproxy
from osvc_ha.systems.follow import SYSTEM

PATH = "prod/svc/ingress"


class Follower:
    """The resource, its files, its processes."""

    def __init__(self, run: Run, reserved: Reserved) -> None:
        self.directory = run.directory
        self.host = Host()
        self.address = reserved.addresses[0]
        self.ports = reserved.ports
        self.snapshot = run.directory / "cluster.json"
        self.program = self.write_program("osvc-ha", f"sys.argv += ['--snapshot', {str(self.snapshot)!r}, '--poll', '0.05']")
        self.haproxy = {"config_file": run.directory / "haproxy.cfg", "runtime_dir": run.directory / "run", "bind": self.address}
        self.keywords = {
            "systems": "haproxy",
            "keywords": " ".join(f"haproxy.{name}={value}" for name, value in self.haproxy.items()),
            "runtime_dir": str(run.directory / "follower"),
            "program": str(self.program),
            "start_timeout": "20",
        }
        self.steps: list[Step] = []
        self.publish()

    def write_program(self, name: str, first: str) -> Path:
        """An osvc-ha that does something first."""
        program = self.directory / name
        program.write_text(f"#!{sys.executable}\nimport sys\n{first}\nfrom osvc_ha.cli import main\nmain()\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return program

    def publish(self, **labels: str) -> None:
        """What OpenSVC would know: one service with a port."""
        env = {"osvc.l4.enable": "true", "osvc.l4.port": str(self.ports[0]), "osvc.l4.target_port": str(self.ports[1]), **labels}
        service = {"scope": ["n1"], "instances": {"n1": {"avail": "up"}}, "config": {"env": env}}
        document: dict[str, Any] = {"format": "osvc-ha-snapshot", "version": 1, "local": "n1", "cluster": {"id": "1", "name": "test"}}
        document["nodes"] = {"n1": {"alive": True, "labels": {"osvc_ha_address": self.address}}}
        document["objects"] = {"prod/svc/web": service, PATH: {"scope": ["n1"], "instances": {"n1": {"avail": "up"}}}}
        self.host.replace(self.snapshot, json.dumps(document))

    @property
    def resource(self) -> Resource:
        """As an agent has it."""
        return Resource(SYSTEM, self.keywords, PATH, Source(self.snapshot, "", self.host).read, self.host)

    def start_haproxy(self) -> None:
        """As the service's other resource would."""
        cluster = Source(self.snapshot, "", self.host).read()
        given = {name: str(value) for name, value in self.haproxy.items()}
        reconcile(haproxy.SYSTEM, haproxy.SYSTEM.parse(given), cluster, Verb.START, self.host)

    def do(self, verb: Verb) -> list[str]:
        """Have it done; the names of the steps that were taken."""
        self.steps = []
        self.resource.do(verb, self.steps.append)
        return [step.do for step in self.steps]

    def health(self) -> Health:
        """Its status."""
        return self.resource.health()

    def status(self) -> str:
        """In the agents' word."""
        return self.health().status.value

    @property
    def file(self) -> Path:
        """What it saw last."""
        return self.directory / "follower" / "watch.json"

    def seen(self) -> Seen:
        """What it says of itself."""
        return parse_seen(self.host.read(self.file))

    def pids(self) -> list[int]:
        """Its processes."""
        return residents(Path(self.keywords["runtime_dir"]))

    def age(self, seconds: float) -> None:
        """Its last look was so long ago. For one that does not write there by itself: it is stopped."""
        document = json.loads(self.file.read_text())
        self.file.write_text(json.dumps({**document, "looked_at": document["looked_at"] - seconds}))

    def signal(self, number: int) -> None:
        """To the one that runs."""
        (pid,) = self.pids()
        os.kill(pid, number)

    def kill(self) -> None:
        """As a crash would."""
        self.signal(signal.SIGKILL)
        wait_until("it is gone", lambda: not self.pids())

    def await_status(self, word: str) -> None:
        """Wait until it is so."""
        wait_until(f"status {word}", lambda: self.status() == word, 20)


@pytest.fixture
def follower(monkeypatch: pytest.MonkeyPatch) -> Iterator[Follower]:
    """Not started yet."""
    monkeypatch.setenv("OSVC_ROOT_PATH", "/nonexistent")
    with Run("osvc_ha-follow-") as run, reserve(1, 2) as reserved:
        yield Follower(run, reserved)
