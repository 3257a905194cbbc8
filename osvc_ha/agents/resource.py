"""One system as a resource of an OpenSVC service, the same for both agents: what they ask, and what they are told.

What differs between the agents, keywords in and words out, is in v2.py and v3.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Optional

from osvc_ha.agents.sockets import local_name
from osvc_ha.cluster.types import Cluster, Node
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError, NotConverged, ObserveError
from osvc_ha.planner.reconcile import Health, Report, judge, look, reconcile, silent, status
from osvc_ha.planner.types import Plan, Status, System, Verb


@dataclass(frozen=True)
class Resource:
    """A system with its keywords, in a service.

    given: keywords as strings; those left empty have their defaults. path: the service, in full.
    read: returns the Cluster; raises an HaError while it cannot be told.
    """

    system: System[Any, Any, Any]
    given: Mapping[str, str]
    path: str
    read: Callable[[], Cluster]
    host: Host

    def config(self) -> Any:
        """The parsed keywords. A system that asks for the service it is about gets this one. ConfigError names the keyword."""
        given = {name: value for name, value in self.given.items() if value != ""}
        if any(keyword.name == "path" for keyword in self.system.keywords):
            given.setdefault("path", self.path)
        return self.system.parse(given)

    def do(self, verb: Verb, report: Report = silent) -> None:
        """START, STOP, PROVISION or UNPROVISION. An HaError when it could not be done.

        What a program that did not run keeps in its own files shows only once it runs: so a start looks a second time.
        """
        config = self.config()
        try:
            reconcile(self.system, config, self._cluster(verb), verb, self.host, report)
        except NotConverged:
            if verb is not Verb.START:
                raise
            reconcile(self.system, config, self.read(), verb, self.host, report)

    def steps(self, verb: Verb) -> Plan:
        """What ``do`` would do now. An HaError when it would be refused, or cannot be told."""
        return look(self.system, self.config(), self._cluster(verb), verb, self.host).steps

    def _cluster(self, verb: Verb) -> Cluster:
        """For a stop that asks nothing of it, this node alone will do while no agent answers; for any other, the way out is named."""
        try:
            return self.read()
        except HaError as error:
            if verb is not Verb.STOP:
                raise
            if not self.system.stops_alone:
                name = self.system.name
                more = (
                    f"stopping {name} may hand over to another node, so it needs to know the cluster; start the agent (om daemon start), or"
                )
                raise type(error)(f"{error}; {more} end the processes of {name} by hand if that does not matter") from error
        here = local_name()
        return Cluster("", "", here, {here: Node(here, True)}, {})

    def refusal(self) -> str:
        """Why a start would be refused before it begins, or "". Only what is certain: a mistake in the keywords, or an unsafe plan.

        What cannot be told now is no refusal: it may be told when the start gets there.
        """
        try:
            self.steps(Verb.START)
        except ObserveError:
            return ""
        except HaError as error:
            return str(error)
        return ""

    def provisioned(self) -> Optional[bool]:
        """Is there anything that UNPROVISION would take away, beyond what STOP ends? None when that cannot be told."""
        try:
            ended = self.steps(Verb.STOP)
            return any(step not in ended for step in self.steps(Verb.UNPROVISION))
        except HaError:
            return None

    def is_down(self) -> bool:
        """Would a START that fails further on have to be undone? By a glance where the system has one. Not when it cannot be told."""
        if self.system.glance is not None:
            config, cluster = self.config(), self.read()
            seen = self.system.glance(config, cluster, self.host)
            if seen is not None:
                return judge(self.system, config, cluster, seen).status is Status.DOWN
        return self.health().status is Status.DOWN

    def health(self) -> Health:
        """Its status, never an HaError: what cannot be told is undef, and says why. Not in this node's scope: n/a."""
        try:
            config = self.config()
            cluster = self.read()
            found = cluster.objects.get(self.path)
            if found is not None and found.scope and cluster.local not in found.scope:
                return Health(Status.NA, (f"{cluster.local} is not in the scope of {self.path}",))
            return status(self.system, config, cluster, self.host)
        except HaError as error:
            return Health(Status.UNDEF, (str(error),))
