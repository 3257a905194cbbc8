"""Small services made for one test each, and what an operator sees of them."""

from __future__ import annotations

import json
import shlex
from typing import Any

from agent_lab import Lab

from osvc_ha.host import Completed

# A cluster of one node, beside the others.
ALONE = "n4"
HEAD = "[DEFAULT]\nnodes = {nodes}\norchestrate = no\n"
NO_SYNC = "\n[sync#i0]\ndisable = true\n"


class Services:
    """Services on the nodes of a lab; those that were made are gone after ``clear``."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._made: list[tuple[str, str]] = []

    def create(self, name: str, text: str, node: str = ALONE, nodes: str = "") -> Completed:
        """A service ``prod/svc/<name>`` of these sections, made on a node, by default for that node alone."""
        config = HEAD.format(nodes=nodes or node) + text + (NO_SYNC if self.lab.agent.version == "2.1" else "")
        self.write(node, f"/tmp/{name}.conf", config)
        self._made.append((node, name))
        return self.om(name, "create --config /tmp/{name}.conf", node)

    def om(self, name: str, words: str, node: str = ALONE, seconds: float = 90.0) -> Completed:
        """The agent's command about a service of ours."""
        return self.lab.machines.run(node, ["om", f"prod/svc/{name}", *shlex.split(words.format(name=name))], seconds)

    def sh(self, words: str, node: str = ALONE) -> str:
        """A line of shell on a node."""
        done = self.lab.machines.run(node, ["sh", "-c", words])
        assert done.code == 0, f"{node}: {words}: {done.words}"
        return done.out

    def write(self, node: str, path: str, text: str) -> None:
        """A file on a node."""
        self.sh(f"mkdir -p $(dirname {path}); printf %s {shlex.quote(text)} >{path}", node)

    def clear(self) -> None:
        """Take them away, with what they run."""
        for node, name in self._made:
            self.om(name, "purge --local" if self.lab.agent.version == "2.1" else "purge --wait --time 30s", node)
        self._made.clear()

    def seen(self, name: str, node: str = ALONE) -> dict[str, Any]:
        """Agent 2.1: the instance, evaluated now."""
        done = self.om(name, "print status --refresh --format json", node)
        found: dict[str, Any] = json.loads(done.out[done.out.index("{") :])
        return found
