"""Is osvc_ha itself in its place, on every node?"""

from __future__ import annotations

from typing import Tuple

from osvc_ha.agents.words import spelled
from osvc_ha.doctor.facts import AgentFacts, Facts, Finding, fail, ok, unknown, warn
from osvc_ha.install.state import BROKEN, EVENTS, HOOK, STABLE

# Longer than the followers' resync of 60 s, twice.
STALE = 150.0
INSTALL = "osvc-ha install"


def installed(facts: Facts) -> Finding:
    """Hooks, templates and drivers are links that `osvc-ha install` makes (docs/install.md)."""
    if facts.to_install:
        first, more = facts.to_install[0], len(facts.to_install) - 1
        return fail(first + (f", and {more} more" if more else ""), INSTALL)
    return ok(f"{STABLE} is as this version wants it")


def drivers(facts: Facts) -> Finding:
    """2.1 drops a resource whose driver raises at import, silently: builder.py, `except Exception: return`; 3 has no drivers in Python.

    Here the import is tried; on the other nodes a resource that its instance has not got tells of it.
    """
    agent = facts.agent
    if agent is None:
        return unknown(facts.silence)
    if agent.kind != "2.1":
        return _left_by_2(agent)
    broken = [f"{name}: {error}" for name, error in (facts.drivers or {}).items() if error]
    missing = _missing(agent)
    if missing:
        said = [
            f"{rid} of {path} is missing on {', '.join(nodes)}: the agent there cannot load {kind}" for path, rid, kind, nodes in missing
        ]
        where = sorted({name for *_, nodes in missing for name in nodes} | ({agent.local} if broken else set()))
        again = f"om {','.join(dict.fromkeys(path for path, *_ in missing))} print status --refresh"
        return fail("; ".join((*broken, *said)), f"{INSTALL} && {again}  # on {', '.join(where)}")
    if broken:
        return fail("; ".join(broken), INSTALL)
    if facts.drivers is None:
        return unknown("agent 2.1's Python cannot be asked", "cat /etc/default/opensvc")
    if facts.old_daemon:
        return warn(facts.old_daemon, spelled("2.1", "restart"))
    return ok(f"{len(facts.drivers)} import in agent 2.1's Python") if facts.drivers else ok("this version has none")


def _missing(agent: AgentFacts) -> Tuple[Tuple[str, str, str, Tuple[str, ...]], ...]:
    """(service, resource, its type, the nodes whose instance has not got it)."""
    found = []
    for path, rids in agent.native.items():
        there = {name: instances[path] for name, instances in sorted(agent.resources.items()) if path in instances}
        found += [(path, rid, kind, tuple(name for name, has in there.items() if rid not in has)) for rid, kind in rids.items()]
    return tuple(one for one in found if one[3])


def _left_by_2(agent: AgentFacts) -> Finding:
    """A service that was made for 2.1, on a node that 3 took over: it runs without these resources, and says so nowhere."""
    left = [f"{rid} of {path}" for path, rids in agent.native.items() for rid in rids]
    if left:
        said = f"agent 3 leaves out {', '.join(left)}: its type is a driver of agent 2.1's"
        return fail(said, f"create the service anew from {STABLE}/service_templates/3")
    return ok("agent 3 runs commands, it imports nothing")


def packages(facts: Facts) -> Finding:
    """Extras of the distribution (setup.cfg): a system without its packages is undef wherever it runs. docs/drivers.md."""
    if facts.agent is None:
        return unknown(facts.silence)
    missing = {name: absent for name, absent in facts.absent.items() if name in facts.agent.systems}
    if missing:
        told = "; ".join(f"{name} needs {', '.join(absent)}" for name, absent in missing.items())
        return fail(told, f"pip install 'osvc-ha[{','.join(missing)}]'")
    return ok("the systems that services here use have theirs")


def everywhere(facts: Facts) -> Finding:
    """A node without osvc_ha runs nothing of it and says so nowhere: on 2.1 the instance is n/a there, and its start ends well."""
    if facts.agent is None:
        return unknown(facts.silence)
    labels = {name: facts.agent.nodes[name].label for name in facts.agent.members if name in facts.agent.nodes}
    absent = [name for name, label in labels.items() if not label]
    broken = [name for name, label in labels.items() if label == BROKEN]
    other = [f"{name} {label}" for name, label in labels.items() if label and label != facts.version]
    silent = [name for name in facts.agent.members if name not in labels]
    if absent:
        return fail(f"not installed on {', '.join(absent)}", f"{INSTALL}  # on {', '.join(absent)}")
    if broken:
        said = f"installed on {', '.join(broken)}, where the agent cannot import every driver"
        return fail(said, f"{INSTALL}  # on {', '.join(broken)}, where it tells why")
    if other:
        return warn(f"{facts.version} here, but {', '.join(other)}", "pip install --upgrade osvc-ha && osvc-ha install  # there")
    if silent:
        return unknown(f"{facts.version} on {', '.join(labels)}; {', '.join(silent)} not heard")
    return ok(f"{facts.version} on {', '.join(labels)}")


def hook(facts: Facts) -> Finding:
    """The daemons wake the followers by it. Both agents split events at spaces; one with a comma in it never comes."""
    if facts.agent is None:
        return unknown(facts.silence)
    wanted = {"events": EVENTS[facts.agent.kind], "command": str(STABLE / "hooks" / "placement")}
    for key, value in wanted.items():
        if facts.agent.hook.get(key) != value:
            told = f"{key} = {facts.agent.hook[key]}" if key in facts.agent.hook else "missing"
            return warn(f"[{HOOK}] in the cluster's config: {told}", INSTALL)
    return ok(f"[{HOOK}] pokes the followers")


def watcher(facts: Facts) -> Finding:
    """Without a follower this node's HAProxy learns of no placement change; it writes down when it last looked (docs/watch.md)."""
    dead = [one for one in facts.watchers if not one.alive]
    late = [one for one in facts.watchers if one.alive and one.looked_at and facts.now - one.looked_at > STALE]
    if dead:
        return fail(
            f"{dead[0].path}: process {dead[0].pid} is gone", "om '**' print status" if _kind(facts) == "2.1" else "om '**' instance ls"
        )
    if late:
        return fail(
            f"{late[0].path}: last looked {facts.now - late[0].looked_at:.0f} s ago", f"kill {late[0].pid}  # OpenSVC starts it again"
        )
    if not facts.watchers:
        if facts.agent is not None and "follow" in facts.agent.systems:
            return fail("a service here has a follower, and none runs", "om mon")
        return warn("none runs on this node", f"om l4 create --config {STABLE}/service_templates/{_kind(facts)}/l4-ingress.conf")
    trouble = [line for one in facts.watchers for line in one.trouble]
    young = [one for one in facts.watchers if not one.looked_at]
    if young:
        return warn(f"{young[0].path}: process {young[0].pid} has not looked yet", "osvc-ha doctor  # again in a minute")
    if trouble:
        return warn(trouble[0], "osvc-ha status")
    return ok(f"{len(facts.watchers)} alive, looked {max(facts.now - one.looked_at for one in facts.watchers):.0f} s ago")


def _kind(facts: Facts) -> str:
    return facts.agent.kind if facts.agent else "3"
