"""The exec contract: ``osvc-ha resource SYSTEM VERB`` as a process, as agent 3's app.forking runs it. Needs no agent."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Tuple

from osvc_ha.agents import v3
from osvc_ha.agents.sockets import local_name
from osvc_ha.conformance.bench import Told
from osvc_ha.conformance.command import Command, Ended
from osvc_ha.conformance.subjects import Place, Processes
from osvc_ha.conformance.verdict import Failed

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WORDS = {code: status.value for status, code in v3.EXIT.items()}
DRIVER = (sys.executable, "-m", "osvc_ha.cli", "resource")
# docs/cli.md. Not 1: that is how Python ends what nobody thought of.
CODES = {0, 2, 3, 4, 5, 6}
CANNOT_TELL, NOT_CONVERGED = 3, 6


class Executed:
    """One process per word. The cluster is a file: this node alone, which runs the service. driver: the words before SYSTEM VERB."""

    name = "exec"
    slow = False
    starts_what_it_provisions = False
    retry: Tuple[int, ...] = (CANNOT_TELL, NOT_CONVERGED)
    cannot: Mapping[str, str] = {
        "standby": "the exec contract has no standby: agent 3 starts a standby resource by `start` and leaves it when it stops the service"
    }

    def __init__(self, system: str, place: Place, driver: Sequence[str] = DRIVER) -> None:
        self._driver = driver
        self._system = system
        self._place = place
        self._keywords: Mapping[str, str] = {}
        assert place.snapshot is not None
        place.snapshot.write_text(json.dumps(_cluster(place)), encoding="utf-8")

    def give(self, keywords: Mapping[str, str]) -> None:
        """By the environment."""
        self._keywords = keywords

    def begin(self, word: str) -> Command:
        """As the agent's action would."""
        return Command(word, self._argv(word), self._environment("OPENSVC_SVCPATH", "OPENSVC_NAME"))

    def kill(self, command: Command) -> None:
        """It is the driver."""
        command.kill()

    def status(self, seconds: float) -> Told:
        """As the agent's check would, which is told the service by another variable than an action."""
        ended = Command("status", self._argv("status"), self._environment("OPENSVC_NAME")).end(seconds)
        if ended.code not in WORDS:
            raise Failed(f"an exit code of status ({', '.join(map(str, WORDS))})", str(ended))
        if ended.held:
            raise Failed("nothing that status starts keeps its output open", str(ended))
        return Told(WORDS[ended.code], ended.said, ended.seconds)

    def complaint(self, ended: Ended) -> str:
        """Exit codes are those of docs/cli.md, and a mistake is a sentence."""
        if ended.code not in CODES:
            return f"{ended.word} ends with one of {', '.join(map(str, sorted(CODES)))}"
        return "a sentence, not a stack trace" if "Traceback" in ended.said else ""

    def close(self) -> None:
        """A driver that was interrupted half way, and what it has just started: they are known by where the snapshot is."""
        Processes().end(self._place.home.parent)

    def _argv(self, word: str) -> Tuple[str, ...]:
        return (*self._driver, self._system, word, "--snapshot", str(self._place.snapshot))

    def _environment(self, *names: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
        given = {f"{v3.PREFIX}{name.upper()}": value for name, value in self._keywords.items()}
        return {"PATH": os.environ.get("PATH", PATH), "OPENSVC_RID": "app#1", **kept, **given, **dict.fromkeys(names, self._place.path)}


def _cluster(place: Place) -> dict[str, object]:
    """One node, and the service on it with one port, behind which nobody listens."""
    labels = {"osvc.l4.enable": "true", "osvc.l4.port": str(place.ports[2]), "osvc.l4.target_port": str(place.ports[3])}
    # DRBD's kernel knows this node by its own name.
    node = local_name()
    service = {"scope": [node], "topology": "flex", "instances": {node: {"avail": "up"}}, "config": {"env": labels}}
    return {
        "format": "osvc-ha-snapshot",
        "version": 1,
        "local": node,
        "cluster": {"id": "conformance", "name": "conformance"},
        "nodes": {node: {"alive": True, "labels": {"osvc_ha_address": place.address}}},
        "objects": {place.path: service},
    }
