"""Agent 2.1's own language on its unix socket (``<var>/lsnr/lsnr.sock``): JSON that ends with a NUL byte, either way.

What a question costs the daemon, of which it runs one at a time (copy.deepcopy of the whole status, then JSON): 0.9 ms at
3 services on 3 nodes; 16 ms at 200, and 7 ms more where their statuses are sent too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Dict, Tuple

from osvc_ha.cluster.reading import actor_path, parse_json, some
from osvc_ha.cluster.types import Sections, full_path
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

SECONDS = 5.0
WAKE_SECONDS = 0.5
# The daemon may keep the connection open after it.
END = "\0"
# The daemon leaves out the objects of other namespaces, and this is none: what remains says whether anything changed.
NO_OBJECTS = {"namespace": "-"}
# Of (the answer, what it is): as parse_json, or one that remembers.
Parse = Callable[[str, str], Mapping[str, Any]]


def status(host: Host, raw: Path, parse: Parse = parse_json) -> Mapping[str, Any]:
    """The cluster status document. ObserveError when the agent does not say."""
    return ask(host, raw, "daemon_status", {}, parse=parse)


def mark(host: Host, raw: Path, parse: Parse = parse_json) -> Tuple[object, ...]:
    """Equal as long as nothing changed, heartbeats and statistics of resource use aside; the cheapest question that tells.

    Each node stamps its dataset with ``updated`` and a generation whenever it publishes a change of it (monitor.py,
    update_hb_data), and its peers merge both together with the change. Who is heard is no part of a dataset. A node without
    peers stamps nothing (shared.py, journal_condition): then this is the same for ever, and ``tells_nothing`` of it.
    """
    document = ask(host, raw, "daemon_status", NO_OBJECTS, parse=parse)
    nodes = some(some(document, "agent 2.1 status: ", "monitor"), "agent 2.1 status: monitor", "nodes")
    stamps = tuple((name, entry.get("updated"), str(entry.get("gen"))) for name, entry in nodes.items() if isinstance(entry, Mapping))
    return stamps, tuple(_heard(document))


def tells_nothing(found: Tuple[object, ...]) -> bool:
    """Is this the mark of a node that has no peers?"""
    stamps = found[0]
    return isinstance(stamps, tuple) and len(stamps) < 2


def _heard(document: Mapping[str, Any]) -> list[Tuple[object, ...]]:
    """Which receivers run, and whom they hear."""
    return [
        (key, thread.get("state"), *((peer, seen.get("beating")) for peer, seen in peers.items() if isinstance(seen, Mapping)))
        for key, thread in document.items()
        if key.endswith(".rx") and isinstance(thread, Mapping) and isinstance(peers := thread.get("peers") or {}, Mapping)
    ]


def marks(document: Mapping[str, Any], local: str) -> Dict[str, str]:
    """Path -> what changes when its config does, for the services and volumes that have a config on this node.

    Others the agent cannot show: it holds the configs of the objects whose scope has this node, and answers for itself only.
    """
    return marks_of(told_configs(document, local))


def told_configs(document: Mapping[str, Any], local: str) -> Mapping[str, Any]:
    """What this node's status tells of configs. ObserveError when it is of a wrong shape."""
    where = "agent 2.1 status: monitor"
    entry = some(some(some(document, "agent 2.1 status: ", "monitor"), where, "nodes"), f"{where}.nodes", local)
    return some(some(entry, f"{where}.nodes.{local}", "services"), f"{where}.nodes.{local}.services", "config")


def marks_of(told: Mapping[str, Any]) -> Dict[str, str]:
    """The marks in ``told_configs``: the checksum, and the file's time because one that was changed and put back was another in between."""
    return {
        path: f"{about['csum']} {about.get('updated')}" if about.get("csum") else ""
        for path, about in sorted(told.items())
        if actor_path(path) and isinstance(about, Mapping)
    }


def config(host: Host, raw: Path, path: str) -> Sections:
    """The config of the object at this path, unevaluated. ObserveError when the agent does not say."""
    return sections(ask(host, raw, "object_config", {"path": short(path), "format": "json"}))


def evaluated(host: Host, raw: Path, path: str, local: str) -> Sections:
    """The same with its references resolved and its scopes taken, as this node sees them."""
    return sections(ask(host, raw, "object_config", {"path": short(path), "format": "json", "evaluate": True, "impersonate": local}))


def sections(found: Mapping[str, Any]) -> Sections:
    """What the agent tells as a config. "metadata" is its word on the object, no section of its config."""
    return {str(name): keys for name, keys in found.items() if isinstance(keys, Mapping) and name != "metadata"}


def wake(host: Host, raw: Path, nodes: Sequence[str]) -> None:
    """Have the monitors of these nodes look at once at what has arrived there. ObserveError when one does not answer soon."""
    ask(host, raw, "wake_monitor", {"immediate": True, "reason": "osvc_ha: an instance changed"}, "POST", ",".join(nodes), WAKE_SECONDS)


def short(path: str) -> str:
    """As 2.1 knows it: without the root namespace, and there without ``svc``."""
    parts = full_path(path).split("/")
    if parts[0] != "root":
        return path
    return parts[2] if parts[1] == "svc" else "/".join(parts[1:])


def ask(
    host: Host,
    raw: Path,
    action: str,
    options: Mapping[str, Any],
    method: str = "GET",
    nodes: str = "",
    seconds: float = 0.0,
    parse: Parse = parse_json,
) -> Mapping[str, Any]:
    """One question, which goes on to other nodes if they are named. ObserveError for silence, an answer that is cut off, and refusals."""
    what = " ".join(("agent 2.1", action, *(str(value) for value in options.values() if isinstance(value, str))))
    request = {"action": action, "method": method, "options": options, **({"node": nodes} if nodes else {})}
    reply = host.exchange(str(raw), json.dumps(request) + END, seconds or SECONDS, END)
    if not reply.endswith(END):
        raise ObserveError(f"{what}: the answer is cut off after {len(reply)} characters")
    found = parse(reply.rstrip(END), what)
    if "error" in found and not isinstance(found["error"], Mapping):
        raise ObserveError(f"{what}: {found['error']}")
    return found
