"""A system as a native resource driver of agent 2.1. Imported by the stubs, in the agent's own interpreter.

The daemon makes driver objects too, in its own process, so making one reads nothing and cannot fail. What the agent
would take for a broken driver it drops without a word (core/objects/builder.py, add_resource): so everything else is
said by ``_status`` and by the errors of the actions, where somebody reads it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import core.exceptions as ex
import core.status
from core.objects.svcdict import KEYS
from core.resource import Resource as AgentResource

from osvc_ha.agents.resource import Resource
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status, Step, Verb
from osvc_ha.registry import load_system

GROUP = "app"
WORDS = {
    Status.UP: core.status.UP,
    Status.DOWN: core.status.DOWN,
    Status.WARN: core.status.WARN,
    Status.UNDEF: core.status.UNDEF,
    Status.NA: core.status.NA,
}


def register(basename: str, system: str, module: str) -> list[dict[str, Any]]:
    """Tell the agent the system's keywords, which it then validates and documents. Returns its table."""
    keywords = [
        {"keyword": one.name, "at": True, "required": False, "text": one.text, "default_text": one.default or "empty"}
        for one in load_system(system).keywords
    ]
    KEYS.register_driver(GROUP, basename, name=module, keywords=keywords)
    return keywords


class HaApp(AgentResource):  # type: ignore[misc]
    """What is common to all our drivers; a stub names its system."""

    system_name: ClassVar[str]

    def __init__(self, **kwargs: Any) -> None:
        system = load_system(self.system_name)
        names = {keyword.name for keyword in system.keywords}
        self.given = {name: str(value) for name, value in kwargs.items() if name in names and value is not None}
        super().__init__(type=f"{GROUP}.ha{self.system_name}", **{name: value for name, value in kwargs.items() if name not in names})
        self.label = f"osvc_ha {self.system_name}"
        # As native apps have it: beside one of them, a plain string could not be compared (drivers/resource/app, sort_key).
        self.sort_key = (self.rid, self.rid)
        self.last = Health(Status.UNDEF)

    def resource(self) -> Resource:
        """The system, with the keywords of the section, in this service."""
        # Not at the top: the daemon imports this module, and needs nothing of it.
        from osvc_ha.source import Source

        host = Host()
        path = f"{self.svc.namespace or 'root'}/{self.svc.kind}/{self.svc.name}"
        return Resource(load_system(self.system_name), self.given, path, Source(None, "", host).read, host)

    def abort_start(self) -> bool:
        """Pre-flight: true keeps a start that would be refused from beginning at all."""
        refusal = self.resource().refusal()
        if refusal:
            self.log.error(refusal)
        return bool(refusal)

    def start(self) -> None:
        """START. What it did is undone if a later resource fails to start."""
        self.can_rollback = True
        self._do(Verb.START)

    def stop(self) -> None:
        """STOP."""
        self._do(Verb.STOP)

    def provisioner(self) -> None:
        """PROVISION."""
        self._do(Verb.PROVISION)

    def unprovisioner(self) -> None:
        """UNPROVISION."""
        self._do(Verb.UNPROVISION)

    def _do(self, verb: Verb) -> None:
        def report(step: Step) -> None:
            self.log.info("%s %s: %s", step.do, step.on, step.why)

        try:
            self.resource().do(verb, report)
        except HaError as error:
            raise ex.Error(str(error)) from error

    def _status(self, verbose: bool = False) -> Any:
        self.last = self.resource().health()
        for name, value in self.last.facts:
            self.status_log(f"{name}: {value}", "info")
        for line in self.last.lines:
            self.status_log(line, "warn")
        return WORDS[self.last.status]

    def _status_info(self) -> dict[str, str]:
        return dict(self.last.facts)

    def _info(self) -> list[list[str]]:
        return [[name, value] for name, value in self.resource().health().facts]
