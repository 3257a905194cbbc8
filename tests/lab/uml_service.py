"""A service with DRBD on the nodes of uml_agents.py: made from its template, moved, written to, and looked at from everywhere."""

from __future__ import annotations

import time
from pathlib import Path

from uml_agents import AgentLab

import osvc_ha
from osvc_ha.drill.uml import writing
from osvc_ha.drill.uml.drbd import said

TEMPLATES = "/usr/share/osvc-ha/service_templates"
GOOD = "UpToDate/UpToDate"
PASSIVE = "stdby up"
# An om takes seconds on these nodes, and an orchestrated action is several, each with its own look at every resource.
SECONDS = 300.0


class Service:
    """One failover service of n1 and n2, with a DRBD resource of its own name. path: such as prod/svc/files."""

    def __init__(self, lab: AgentLab, path: str, template: str) -> None:
        self.lab = lab
        self.path = path
        self.template = template
        self.res = path.rsplit("/", 1)[-1]
        self.mount = f"/srv/prod.{self.res}"

    def create(self) -> None:
        """From the template as installed, the .res written by osvc_ha; for agent 3 from the example, as its driver is none for DRBD 8.4."""
        file = f"{TEMPLATES}/{self.lab.agent.version}/{self.template}.conf"
        values = "--env nodes='n1 n2' --env disk=/dev/ubda"
        if self.lab.agent.version == "3":
            file = str(Path(osvc_ha.__file__).resolve().parents[1] / "docs" / "examples" / f"{self.template}-8.4-agent-3.conf")
        else:
            values += " --env render=true"
        done = self.lab.om("n1", f"{self.path} create --config {file} {values}")
        assert done.code == 0, done.words
        for name in self.lab.names:
            self.lab.until(f"{name}: {self.path}", lambda name=name: sorted(self.lab.instances(name, self.path)), ["n1", "n2"].__eq__, 120)  # type: ignore[misc]

    def provision(self) -> None:
        """And wait until it is up on n1, the first of its nodes, and stands by on n2.

        Agent 3 has nothing to provision in an app, and would only start it: so node by node, as docs/systems/drbd.md says.
        """
        if self.lab.agent.version == "3":
            self.lab.nodes["n2"].must(f"om {self.path} instance provision", SECONDS)
            self.lab.nodes["n1"].must(f"om {self.path} instance provision --leader", SECONDS)
            self.order("unfreeze")
        else:
            self.order("provision")
        self.await_placed("n1")

    def purge(self) -> None:
        """No service any more, and nothing on its disks."""
        self.order("purge")
        self.lab.until("purged", lambda: [self.lab.instances(name, self.path) for name in self.lab.names], [{}, {}, {}].__eq__, SECONDS)
        for name in ("n1", "n2"):
            self.lab.wipe(name, "/dev/ubda")

    def order(self, words: str) -> None:
        """Have the agents do something, and do not wait."""
        done = self.lab.om("n1", f"{self.path} {words}")
        assert done.code == 0, done.words

    def told(self) -> dict[str, tuple[str, str]]:
        """Each instance as n3 is told of it, which has none: its availability and what is under way."""
        return {name: (one.avail, one.state) for name, one in self.lab.instances("n3", self.path).items()}

    def await_placed(self, name: str, other: str = PASSIVE) -> float:
        """Until it is up there, the other node is as said (empty: gone), and nothing is under way; the seconds it took."""
        began = time.monotonic()
        wanted = {name: ("up", "idle"), **({_other(name): (other, "idle")} if other else {})}

        def fits(found: object) -> bool:
            # Waiting for what has failed is a waste.
            assert "failed" not in str(found), f"{self.path}: {found}: {self.words()}"
            return found == wanted

        self.lab.until(f"{self.path} on {name}", self.told, fits, SECONDS)
        return time.monotonic() - began

    def words(self) -> str:
        """What the agents say of its resources, for an error message."""
        return "\n".join(
            self.lab.nodes[name].run(f"om {self.path} print status || om {self.path} instance status").out for name in ("n1", "n2")
        )

    def drbd(self, name: str, what: str) -> str:
        """``drbdadm cstate|dstate|role`` there; "" when it fails."""
        return said(self.lab.nodes[name], what, self.res)

    def await_good(self) -> None:
        """Until both sides have all data."""
        for name in ("n1", "n2"):
            self.lab.until(f"{name}: dstate", lambda name=name: self.drbd(name, "dstate"), GOOD.__eq__, SECONDS)  # type: ignore[misc]

    def mounted(self, name: str) -> bool:
        """Is the file system mounted there?"""
        return self.lab.nodes[name].run(f"mountpoint -q {self.mount}").code == 0

    def write(self, name: str, first: int = 1) -> None:
        """Rising numbers with fsync; returns when one was acknowledged."""
        node = self.lab.nodes[name]
        (node.shared / "acknowledged").unlink(missing_ok=True)
        writing.begin(node, self.mount, first)
        self.lab.until("a write", lambda: len(self.acknowledged(name)), bool, 60)

    def stop_writing(self, name: str) -> None:
        """SIGKILL: nothing more is acknowledged."""
        self.lab.nodes[name].must(writing.END)

    def acknowledged(self, name: str) -> frozenset[int]:
        """The numbers that were acknowledged to the writer there, also while the node is off."""
        return writing.acknowledged(self.lab.nodes[name])

    def held(self, name: str) -> frozenset[int]:
        """The numbers that the mounted file system has."""
        return writing.held(self.lab.nodes[name], self.mount)


def _other(name: str) -> str:
    return {"n1": "n2", "n2": "n1"}[name]
