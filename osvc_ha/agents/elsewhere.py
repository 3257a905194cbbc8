"""A resource whose system needs packages that an agent's own Python need not have: asked and done by the installed program.

Agent 2.1 runs drivers in its own interpreter, where only Python's library is sure to be. The program has a virtualenv of its
own, and the contract it has with agent 3 (v3.py) is as good for this one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Tuple

from osvc_ha import PROGRAM
from osvc_ha.agents.resource import Resource
from osvc_ha.agents.v3 import EXIT, PREFIX
from osvc_ha.host import Completed
from osvc_ha.planner.errors import ApplyError, HaError, ObserveError
from osvc_ha.planner.reconcile import Health, Report, silent
from osvc_ha.planner.types import Facts, Plan, Status, Step, Verb

LONGEST_ACTION = 600.0
LONGEST_QUESTION = 30.0
STATUS = {code: status for status, code in EXIT.items()}
# Of the agent's own environment, these would change what the program is or says: where Python looks, and which agent asks.
NOT_PASSED = ("OPENSVC_", PREFIX, "PYTHON")


@dataclass(frozen=True)
class Elsewhere(Resource):
    """The same resource. What the program says is passed on as it is."""

    program: str = PROGRAM

    def do(self, verb: Verb, report: Report = silent) -> None:
        """The verb, its steps reported once they are done. ApplyError with the program's words."""
        done = self._run(("resource", self.system.name, verb.value, "--path", self.path), LONGEST_ACTION)
        for line in done.out.splitlines():
            what, _, rest = line.partition(" ")
            on, _, why = rest.partition(": ")
            report(Step(what, on, why))
        if done.code:
            raise ApplyError(done.err.strip() or f"{self.program}: exit code {done.code}, and not a word")

    def steps(self, verb: Verb) -> Plan:
        """What ``do`` would do now. ObserveError with the program's words."""
        given = {"path": self.path, **self._given()}
        known = {keyword.name for keyword in self.system.keywords}
        pairs = [word for name, value in given.items() if name in known for word in ("--set", f"{name}={value}")]
        done = self._run(("plan", self.system.name, "--verb", verb.value, "--format", "json", *pairs), LONGEST_QUESTION)
        try:
            told = json.loads(done.out)
            if "error" in told:
                raise ObserveError(told["error"]["message"])
            return tuple(Step(one["do"], one["on"], one["why"], tuple(one["args"].items())) for one in told["steps"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ObserveError(f"{self.program}: {done.words}") from error

    def refusal(self) -> str:
        """Why a start would be refused before it begins, or ""."""
        try:
            done = self._run(("resource", self.system.name, "check", "--path", self.path), LONGEST_QUESTION)
        except HaError as error:
            return str(error)
        return done.words if done.code else ""

    def health(self) -> Health:
        """Its status. Without an answer it is undef."""
        try:
            done = self._run(("resource", self.system.name, "status", "--path", self.path), LONGEST_QUESTION)
        except HaError as error:
            return Health(Status.UNDEF, (str(error),))
        if done.code not in STATUS:
            return Health(Status.UNDEF, (f"{self.program}: exit code {done.code}: {done.words}",))
        return Health(STATUS[done.code], tuple(done.err.splitlines()), _facts(done.out))

    def _given(self) -> dict[str, str]:
        return {name: value for name, value in self.given.items() if value != ""}

    def _run(self, words: Tuple[str, ...], seconds: float) -> Completed:
        env = {name: value for name, value in os.environ.items() if not name.startswith(NOT_PASSED)}
        env.update({f"{PREFIX}{name.upper()}": value for name, value in self._given().items()})
        return self.host.run((self.program, *words), seconds, env=env)


def _facts(text: str) -> Facts:
    pairs = (line.partition(": ") for line in text.splitlines())
    return tuple((name, value) for name, _, value in pairs)
