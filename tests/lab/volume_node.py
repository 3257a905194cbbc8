"""A volume on this machine, as OpenSVC would have it started, stopped and looked at; here, or by ``main`` on a node of a lab.

``volume_node.py start|stop|status|provision KEYWORDS``: KEYWORDS is JSON. Prints a Told as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError
from osvc_ha.planner.reconcile import reconcile, status
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.volumes import SYSTEM

PATH = "prod/svc/shop"


@dataclass(frozen=True)
class Told:
    """What became of a verb. error: the class' name, "" when it went well. steps: what was done."""

    error: str
    words: str
    steps: tuple[str, ...]
    status: str
    lines: tuple[str, ...]
    facts: Mapping[str, str]
    seconds: float


def cluster() -> Cluster:
    """This node, where the service is, and another, where it is not."""
    instances = {"n1": Instance("n1", "up"), "n2": Instance("n2", "down")}
    found = Object(PATH, ("n1", "n2"), instances)
    return Cluster("id", "lab", "n1", {name: Node(name, True) for name in instances}, {PATH: found})


def told(word: str, **keywords: Any) -> Told:
    """Do it (``status``: nothing), then look."""
    began, steps = time.monotonic(), list[Step]()
    error = words = ""
    config = SYSTEM.parse({"path": PATH, **{name: str(value) for name, value in keywords.items()}})
    if word != "status":
        try:
            reconcile(SYSTEM, config, cluster(), Verb(word), Host(), steps.append)
        except HaError as problem:
            error, words = type(problem).__name__, str(problem)
    seconds = time.monotonic() - began
    health = status(SYSTEM, config, cluster(), Host())
    if word == "status":
        seconds = time.monotonic() - began
    return Told(error, words, tuple(step.do for step in steps), health.status.value, health.lines, dict(health.facts), seconds)


if __name__ == "__main__":
    print(json.dumps(asdict(told(sys.argv[1], **json.loads(sys.argv[2])))))
