"""Read what the checks judge: one pass over the agent, this node, and this machine. What cannot be read is left out."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Dict, Optional, Tuple

from osvc_ha import __version__, install
from osvc_ha.agents.feed import Feed
from osvc_ha.agents.om import Om
from osvc_ha.agents.sockets import find_door
from osvc_ha.cluster.labels import discover
from osvc_ha.doctor import dates, sockets, told
from osvc_ha.doctor.checks.machine import HUGE_PAGES, OVERCOMMIT, SOMAXCONN
from osvc_ha.doctor.facts import AgentFacts, Bounds, Facts, Kept, NodeFacts, Program, Watcher
from osvc_ha.doctor.used import Settings, Used, used_here
from osvc_ha.host import Host
from osvc_ha.planner.errors import HaError, ObserveError
from osvc_ha.registry import SETTINGS, SYSTEMS, load_system
from osvc_ha.secret import is_open
from osvc_ha.seen import parse_seen, troubles

RUN = Path("/run/osvc_ha")
PIDS = ("/var/lib/opensvc/osvcd.pid", "/usr/share/opensvc/var/osvcd.pid")
KERNEL = {
    SOMAXCONN: "/proc/sys/net/core/somaxconn",
    OVERCOMMIT: "/proc/sys/vm/overcommit_memory",
    HUGE_PAGES: "/sys/kernel/mm/transparent_hugepage/enabled",
}
# Role -> the system that has it, the keyword that names its program, and the option by which it says its version.
PROGRAMS = {
    "haproxy": ("haproxy", "haproxy", "-v"),
    "redis-server": ("redis", "redis_server", "--version"),
    "redis-sentinel": ("redis", "redis_sentinel", "--version"),
}
LISTENER = "listener"
TYPES = frozenset(f"ha{name}" for name in SYSTEMS)


def gather(host: Host, settings: Settings) -> Facts:
    """Everything, in a few seconds at most. settings: keywords by system, as in settings.yaml. ConfigError for a broken install."""
    node = install.find_node(host)
    facts = Facts(
        version=__version__,
        to_install=install.links_to_make(node),
        files=_files(host),
        watchers=tuple(_watchers(host)),
        sysctls=_sysctls(host),
        absent=_absent(),
        now=host.now(),
    )
    with contextlib.suppress(ObserveError):
        facts = replace(facts, sockets=sockets.listening(host))
    with contextlib.suppress(ObserveError):
        broken, old = install.driver_state(node)
        facts = replace(facts, drivers=broken, old_daemon=old)
    used = Used(settings)
    if node.om is None:
        facts = replace(facts, silence="no OpenSVC agent on this node")
    else:
        try:
            agent, used = _agent(node.om, settings, host)
            facts = replace(facts, agent=agent)
        except HaError as error:
            facts = replace(facts, silence=str(error))
    return _of_used(facts, used, host)


def _of_used(facts: Facts, used: Used, host: Host) -> Facts:
    """With what the keywords in use name on this machine."""
    haproxies = used.all_of("haproxy")
    named = facts.agent.secret_files if facts.agent else ()
    return replace(
        facts,
        bind=tuple(dict.fromkeys(part.strip() for one in haproxies for part in one["bind"].split(","))),
        programs=_programs(used, host),
        kept=tuple(_kept([Path(one["credentials_dir"]) for one in haproxies], (*used.secret_files(), *named))),
        untold=used.untold,
    )


def _agent(om: Om, settings: Settings, host: Host) -> Tuple[AgentFacts, Used]:
    status = om.status()
    feed = Feed(host)
    cluster = feed.read()
    config = om.cluster_config()
    facts = told.from_cluster(cluster, config, discover(cluster, ()), TYPES)
    if om.version == "3":
        facts = told.from_v3(facts, status, config)
    else:
        own = NodeFacts(ready=told.seconds(om.node_value("node.ready_period", True)), split=om.node_value("node.split_action", True))
        facts = told.from_v2(facts, status, own)
    return told.with_clocks(facts, _clocks(facts, host)), used_here(cluster, feed.evaluated, settings)


def _clocks(facts: AgentFacts, host: Host) -> Dict[str, Bounds]:
    """Of the peers that say."""
    peers = [name for name in facts.nodes if name != facts.local]
    found: Dict[str, Optional[Bounds]] = {}
    if facts.kind == "3":
        found = {name: dates.clock_of_v3(name, facts.ports.get(LISTENER, 0), host) for name in peers}
    else:
        # An agent that is asked by om has no socket here.
        with contextlib.suppress(HaError):
            socket = find_door().socket
            found = {name: dates.clock_of_v2(name, socket, host) for name in peers}
    return {name: bounds for name, bounds in found.items() if bounds is not None}


def _files(host: Host) -> Optional[int]:
    for file in PIDS:
        pid = (host.read(Path(file)) or "").strip()
        if pid.isdecimal():
            with contextlib.suppress(ObserveError):
                limits = host.read(Path("/proc", pid, "limits"))
                return told.hard_limit(limits) if limits else None
    return None


def _programs(used: Used, host: Host) -> Dict[str, Tuple[Program, ...]]:
    """By role. What a container runs is not on this machine: there it is the one that a command would use, if any."""
    found = {}
    for role, (system, keyword, option) in PROGRAMS.items():
        names = [one[keyword] for one in used.resources.get(system, ()) if one.get("launch", "true") == "true"]
        asked = dict.fromkeys(names or [used.by_command(system)[keyword]])
        found[role] = tuple(Program(name, _version(name, option, host), bool(names)) for name in asked)
    return found


def _version(program: str, option: str, host: Host) -> str:
    try:
        done = host.run([program, option])
    except HaError:
        return ""
    return " ".join((done.out or done.err).split()[:3]) if done.code == 0 else ""


def _kept(folders: Sequence[Path], named: Sequence[str]) -> Iterator[Kept]:
    """folders: of HAProxy's credentials."""
    files = [str(path) for folder in folders for path in sorted(folder.glob("*")) if path.is_file()]
    for path, secret in [(str(SETTINGS), False), *((path, True) for path in dict.fromkeys((*files, *named)))]:
        with contextlib.suppress(OSError):
            mode = os.stat(path).st_mode
            yield Kept(path, mode & 0o7777, is_open(mode), secret)


def _absent() -> Dict[str, Tuple[str, ...]]:
    found = {name: tuple(one for one in load_system(name).needs if importlib.util.find_spec(one) is None) for name in SYSTEMS}
    return {name: packages for name, packages in found.items() if packages}


def _watchers(host: Host) -> Iterator[Watcher]:
    for file in sorted(RUN.glob("*/watch.json")):
        with contextlib.suppress(ObserveError):
            seen = parse_seen(host.read(file))
            yield Watcher(str(file), seen.pid, seen.pid > 0 and host.alive(seen.pid), seen.looked_at, troubles(seen))


def _sysctls(host: Host) -> Dict[str, str]:
    found = {}
    for name, file in KERNEL.items():
        with contextlib.suppress(ObserveError):
            text = host.read(Path(file))
            if text is not None:
                found[name] = text.strip()
    return found
