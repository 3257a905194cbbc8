"""osvc_ha's own things on a node: observe, plan, apply, observe again.

places.py says where they are, plan.py decides (pure), client.py looks and does. docs/install.md lists what comes where.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Callable, Dict, Optional, Tuple

from osvc_ha import __version__
from osvc_ha.agents.feed import Feed
from osvc_ha.agents.om import Om, find_om
from osvc_ha.agents.sockets import find_door, local_name
from osvc_ha.cluster.types import full_path
from osvc_ha.host import Host
from osvc_ha.install import client, drivers
from osvc_ha.install.places import AgentPython, agent_python, find_places
from osvc_ha.install.plan import desired, desired_gone, foreign, notes, plan
from osvc_ha.install.state import Actual, Desired, Places
from osvc_ha.planner.errors import ApplyError, HaError
from osvc_ha.planner.types import Plan, Step

__all__ = ["Answer", "Node", "carry_out", "driver_state", "find_node", "links_to_make", "look"]


@dataclass(frozen=True)
class Node:
    """This machine: where things are, its agent's ``om`` and, of agent 2.1, its Python."""

    places: Places
    om: Optional[Om]
    python: Optional[AgentPython]
    host: Host

    @property
    def agent(self) -> str:
        """2.1, 3, or "" for none."""
        return self.om.version if self.om else ""


@dataclass(frozen=True)
class Answer:
    """steps: to do, or done. foreign: what is in the way. drivers: driver -> why agent 2.1 cannot import it, "" when it can.

    silent: there is an agent, and it does not answer.
    """

    steps: Plan
    foreign: Tuple[str, ...]
    drivers: Dict[str, str]
    notes: Tuple[str, ...] = ()
    silent: bool = False

    @property
    def broken(self) -> Tuple[str, ...]:
        """Drivers whose resources the agent would drop without a word."""
        return tuple(f"{name}: agent 2.1 cannot import it: {error}" for name, error in self.drivers.items() if error)


def find_node(host: Host) -> Node:
    """Look around. An HaError when it cannot be told which agent this is."""
    python = agent_python(host)
    om = find_om(host, python.root)
    places = find_places()
    if om is None or om.version != "2.1":
        return Node(replace(places, drivers=()), om, None, host)
    return Node(replace(places, agent_root=python.root), om, python, host)


def look(node: Node, gone: bool) -> Answer:
    """What there is to do, changing nothing. gone: for an uninstall. Raises ObserveError."""
    wanted = _wanted(node, gone)
    actual = _observe(node, wanted)
    return _answer(node, wanted, actual, plan(actual, wanted, node.places))


def carry_out(node: Node, gone: bool, report: Callable[[Step], None]) -> Answer:
    """Do it; ``steps`` of the answer is what was done. ApplyError names the step that failed; those before it stay done."""
    wanted = _wanted(node, gone)
    actual = _observe(node, wanted)
    todo = plan(actual, wanted, node.places)
    files = tuple(step for step in todo if step.do in client.FILES)
    if files and not gone:
        # Only now can the drivers be imported, or not, and it is that which the others are told.
        _take(files, node, report)
        actual = replace(actual, drivers=_import_errors(node))
        told = tuple(step for step in plan(actual, wanted, node.places) if step.do not in client.FILES)
        _take(told, node, report)
        todo = (*files, *told)
    else:
        _take(todo, node, report)
    after = replace(client.observe(node.places, node.om, node.host), drivers=actual.drivers)
    left = plan(after, wanted, node.places)
    if left:
        raise ApplyError("done, and yet to do: " + "; ".join(f"{step.do} {step.on}: {step.why}" for step in left))
    return _answer(node, wanted, after, todo)


def _take(steps: Plan, node: Node, report: Callable[[Step], None]) -> None:
    for step in steps:
        report(step)
        try:
            client.apply(step, node.places, node.om)
        except HaError as error:
            raise ApplyError(f"{step.do} {step.on}: {error}") from error


def _wanted(node: Node, gone: bool) -> Desired:
    return desired_gone(node.places) if gone else desired(node.places, node.agent, __version__)


def _observe(node: Node, wanted: Desired) -> Actual:
    actual = client.observe(node.places, node.om, node.host)
    # What is not there yet cannot be imported yet.
    ready = not wanted.gone and not any(step.do == "link" for step in plan(actual, wanted, node.places))
    return replace(actual, drivers=_import_errors(node)) if ready else actual


def _import_errors(node: Node) -> Dict[str, str]:
    return drivers.import_errors(node.python, node.places.drivers, node.host) if node.python else {}


def _answer(node: Node, wanted: Desired, actual: Actual, steps: Plan) -> Answer:
    told = notes(actual, wanted) + (() if wanted.gone else _old_daemon(node))
    return Answer(steps, foreign(actual, wanted, node.places), dict(actual.drivers), told, bool(actual.silence))


def links_to_make(node: Node) -> Tuple[str, ...]:
    """What is missing of the links, or in their way, in a sentence each; the agent is not asked. Raises ObserveError."""
    wanted, actual = _wanted(node, False), client.observe(node.places, None, node.host)
    return (*(f"{step.on}: {step.why}" for step in plan(actual, wanted, node.places)), *foreign(actual, wanted, node.places))


def driver_state(node: Node) -> Tuple[Optional[Dict[str, str]], str]:
    """Of agent 2.1: driver -> import error (None with another agent), and what its daemon has to be restarted for. Raises ObserveError."""
    if node.python is None:
        return None, ""
    return drivers.import_errors(node.python, node.places.drivers, node.host), "".join(_old_daemon(node))


def _old_daemon(node: Node) -> Tuple[str, ...]:
    """Agent 2.1's daemon imports a service's drivers when it first loads its config, and keeps what it imported until it ends.

    (utilities/drivers.py: importlib.import_module, which looks at no file a second time.) So one that met the first service
    with these drivers after they were put here has them as they are.
    """
    if node.om is None or node.places.agent_root is None or node.places.site is None:
        return ()
    try:
        users = drivers.users_of(Feed(node.host).read(), node.places.drivers)
        status = node.om.status()
        started = float(status["listener"]["created"])
        told = status["monitor"]["nodes"][local_name()]["services"]["config"]
        edited = {full_path(path): float(about["updated"]) for path, about in told.items()}
    except (HaError, KeyError, TypeError, ValueError):
        # No daemon runs, so none holds an old driver.
        return ()
    links = (node.places.agent_root / "osvc_ha", *(node.places.site / name for name in node.places.drivers))
    changed = drivers.newest(node.places.package, links) if users else 0.0
    if changed <= started:
        return ()
    users = drivers.known_before(users, changed, edited, find_door().socket.parent.parent, node.host)
    if not users:
        return ()
    return (f"the agent's daemon runs since before these drivers and uses them for {', '.join(users)}; restart it: om daemon restart",)
