"""A system as a native resource driver of agent 2.1. Imported by the stubs, in the agent's own interpreter.

The daemon makes driver objects too, in its own process, so making one reads nothing and cannot fail. What the agent
would take for a broken driver it drops without a word (core/objects/builder.py, add_resource): so a system that cannot
be imported is a resource all the same, and everything that is wrong is said by ``_status`` and by the errors of the
actions, where somebody reads it.

Not here on purpose: ``boot`` (nothing of ours outlives a reboot), ``shutdown`` (the agent's own is a stop), ``stopstandby``
(a standby resource runs on when its instance is stopped, and the agent says so).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Optional

import core.exceptions as ex
import core.status
from core.objects.svcdict import KEYS
from core.resource import Resource as AgentResource

if TYPE_CHECKING:
    from osvc_ha.agents.resource import Resource
    from osvc_ha.cluster.types import Cluster
    from osvc_ha.host import Host
    from osvc_ha.planner.reconcile import Health
    from osvc_ha.planner.types import Step, Verb

GROUP = "app"
# All resources of an instance are asked one after the other, and each would read the same.
FRESH_SECONDS = 2.0
# Systems that cannot be imported, and why.
BROKEN: dict[str, str] = {}
DRY = {
    "start": "start",
    "startstandby": "start",
    "stop": "stop",
    "shutdown": "stop",
    "provision": "provision",
    "unprovision": "unprovision",
}


def register(basename: str, system: str, module: str, group: str = GROUP) -> list[dict[str, Any]]:
    """Tell the agent the system's keywords, which it then validates and documents. Returns its table."""
    keywords: list[dict[str, Any]] = []
    try:
        from osvc_ha.registry import load_system

        for one in load_system(system).keywords:
            # The service that a resource is about is its own unless it says otherwise.
            required = one.required and one.name != "path"
            keywords.append(
                {"keyword": one.name, "at": True, "required": required, "text": one.text, "default_text": one.default or "empty"}
            )
    except Exception as error:
        BROKEN[system] = f"the driver of {system} cannot be loaded: {type(error).__name__}: {error}; run osvc-ha doctor on this node"
        # A type without a keyword is none to the agent.
        keywords = [{"keyword": "path", "at": True, "required": False, "text": BROKEN[system]}]
    KEYS.register_driver(group, basename, name=module, keywords=keywords)
    return keywords


class HaDriver(AgentResource):  # type: ignore[misc]
    """What is common to all our drivers; a stub names its system, its keywords, and whether there is anything to provision."""

    system_name: ClassVar[str]
    keywords: ClassVar[list[dict[str, Any]]]
    provisions: ClassVar[bool] = True
    group: ClassVar[str] = GROUP
    # The agent remembers that it has provisioned something, and would not do it again when that is gone.
    refresh_provisioned_on_provision = True
    _seen: ClassVar[tuple[float, Optional[Cluster]]] = (0.0, None)
    # One for all drivers of the process: what a system remembers of a machine, it remembers of this.
    _host: ClassVar[Optional[Host]] = None

    def __init__(self, **kwargs: Any) -> None:
        names = {keyword["keyword"] for keyword in self.keywords}
        self.given = {name: str(value) for name, value in kwargs.items() if name in names and value is not None}
        super().__init__(type=f"{self.group}.ha{self.system_name}", **{name: value for name, value in kwargs.items() if name not in names})
        self.label = f"osvc_ha {self.system_name}"
        # As native apps have it: beside one of them, a plain string could not be compared (drivers/resource/app, sort_key).
        if self.group == GROUP:
            self.sort_key = (self.rid, self.rid)
        self.facts: dict[str, str] = {}

    def resource(self, fresh: bool = True) -> Resource:
        """The system, with the keywords of the section, in this service. fresh: no cluster that was read before will do."""
        if self.system_name in BROKEN:
            raise ex.Error(BROKEN[self.system_name])
        # Not at the top: the daemon imports this module, and needs nothing of it.
        from osvc_ha.agents.elsewhere import Elsewhere
        from osvc_ha.agents.resource import Resource
        from osvc_ha.host import Host
        from osvc_ha.registry import load_system
        from osvc_ha.source import Source

        HaDriver._host = host = HaDriver._host or Host()
        read = Source(None, "", host).read
        path = f"{self.svc.namespace or 'root'}/{self.svc.kind}/{self.svc.name}"
        system = load_system(self.system_name)
        kind = Elsewhere if system.needs else Resource
        return kind(system, self.given, path, (lambda: self._read(read)) if fresh else lambda: self._glance(read), host)

    def abort_start(self) -> bool:
        """Pre-flight: true keeps a start that would be refused from beginning at all."""
        try:
            with self._in_words("abort_start"):
                refusal = self.resource().refusal()
        except ex.Error as error:
            refusal = str(error)
        if refusal and self.optional:
            self.log.warning("%s; it is optional, so the others start", refusal)
            return False
        if refusal:
            self.log.error("%s", refusal)
        return bool(refusal)

    def start(self) -> None:
        """START. If a later resource fails to start, it is undone, but what ran before runs on."""
        with self._in_words("start"):
            # Nothing is done that rests on it, so what abort_start has just read will do.
            self.can_rollback = self.resource(fresh=False).is_down()
        self._do("start")

    def stop(self) -> None:
        """STOP."""
        self._do("stop")

    def provisioner(self) -> None:
        """PROVISION."""
        if self.provisions:
            self._do("provision")

    def unprovisioner(self) -> None:
        """UNPROVISION; the agent has stopped it before."""
        if self.provisions:
            self._do("unprovision")

    def provisioned(self) -> Optional[bool]:
        """Asked while the agent has not noted it. None: there is nothing to provision, or it cannot be told."""
        if not self.provisions:
            return None
        with self._in_words("provisioned"):
            return self.resource().provisioned()

    def action_main(self, action: str) -> None:
        """The agent's; a dry run shows the steps too."""
        super().action_main(action)
        if self.svc.options.dry_run and action in DRY:
            with self._in_words(action):
                for step in self.resource().steps(_verb(DRY[action])):
                    self.log.info("would %s %s: %s", step.do, step.on, step.why)

    def _do(self, word: str) -> None:
        def report(step: Step) -> None:
            self.log.info("%s %s: %s", step.do, step.on, step.why)

        with self._in_words(word):
            try:
                self.resource().do(_verb(word), report)
            finally:
                HaDriver._seen = (0.0, None)

    def _status(self, verbose: bool = False) -> Any:
        self.facts = {}
        try:
            with self._in_words("status"):
                health = self._health()
        except ex.Error as error:
            self.status_log(str(error), "error")
            return core.status.UNDEF
        return self._show(health)

    def _health(self) -> Health:
        return self.resource(fresh=False).health()

    def _show(self, health: Health) -> Any:
        self.facts = dict(health.facts)
        for name, value in health.facts:
            self.status_log(f"{name}: {value}", "info")
        for line in health.lines:
            self.status_log(line, "warn")
        return core.status.status_value(health.status.value)

    def _status_info(self) -> dict[str, str]:
        return self.facts

    def _info(self) -> list[list[str]]:
        with self._in_words("info"):
            return [[name, value] for name, value in self.resource(fresh=False).health().facts]

    def _glance(self, read: Any) -> Cluster:
        at, cluster = HaDriver._seen
        return self._read(read) if cluster is None or time.monotonic() - at > FRESH_SECONDS else cluster

    @staticmethod
    def _read(read: Any) -> Cluster:
        cluster: Cluster = read()
        HaDriver._seen = (time.monotonic(), cluster)
        return cluster

    @contextlib.contextmanager
    def _in_words(self, what: str) -> Iterator[None]:
        """Errors as one sentence of the agent's own kind: of any other it shows a trace, and rolls nothing back (svc.py, do_action)."""
        try:
            yield
        except ex.OsvcException:
            raise
        except Exception as error:
            from osvc_ha.planner.errors import HaError

            if isinstance(error, HaError):
                raise ex.Error(str(error)) from error
            self.log.debug("%s of %s", what, self.system_name, exc_info=True)
            words = f"{self.system_name} {what}: {type(error).__name__}: {error}"
            raise ex.Error(f"{words}; this is a fault of osvc_ha, --debug shows where") from error


def _verb(word: str) -> Verb:
    from osvc_ha.planner.types import Verb

    return Verb(word)
