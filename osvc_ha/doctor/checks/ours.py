"""Is osvc_ha itself in its place, on every node?"""

from __future__ import annotations

from osvc_ha.agents.words import spelled
from osvc_ha.doctor.facts import Facts, Finding, fail, ok, unknown, warn
from osvc_ha.install.state import EVENTS, HOOK, STABLE

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
    """2.1 drops a resource whose driver raises at import, silently: builder.py, `except Exception: return`; 3 has no drivers in Python."""
    if facts.agent is None:
        return unknown(facts.silence)
    if facts.agent.kind != "2.1":
        return ok("agent 3 runs commands, it imports nothing")
    if facts.drivers is None:
        return unknown("agent 2.1's Python cannot be asked", "cat /etc/default/opensvc")
    broken = [f"{name}: {error}" for name, error in facts.drivers.items() if error]
    if broken:
        return fail("; ".join(broken), INSTALL)
    if facts.old_daemon:
        return warn(facts.old_daemon, spelled("2.1", "restart"))
    return ok(f"{len(facts.drivers)} import in agent 2.1's Python") if facts.drivers else ok("this version has none")


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
    other = [f"{name} {label}" for name, label in labels.items() if label and label != facts.version]
    silent = [name for name in facts.agent.members if name not in labels]
    if absent:
        return fail(f"not installed on {', '.join(absent)}", f"{INSTALL}  # on {', '.join(absent)}")
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
