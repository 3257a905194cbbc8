"""Agent 3's REST API on its unix socket (``<var>/lsnr/http.sock``): the cluster status, and an object's config.

Whoever may open the socket is root to the agent. A status takes 3 ms; ``om`` asks the same socket, and costs a process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Dict
from urllib.parse import quote, urlencode

from osvc_ha.cluster.alphabets import shown
from osvc_ha.cluster.reading import actor_path, parse_json, some
from osvc_ha.cluster.types import Sections, full_path
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

SECONDS = 5.0
# Sections whose keys are the user's own, dots included.
FREE_FORM = ("env", "data")


def status(host: Host, socket: Path) -> Mapping[str, Any]:
    """The cluster status document. ObserveError when the agent does not say."""
    return get(host, socket, "/api/cluster/status")


def config(host: Host, socket: Path, path: str) -> Sections:
    """The config of the object at this path, in either form, unevaluated. ObserveError when the agent does not say."""
    return sections(_config(host, socket, path, ""))


def evaluated(host: Host, socket: Path, path: str, section: str, keywords: Iterable[str], local: str) -> Mapping[str, Any]:
    """These keywords of a section with their references resolved and their scopes taken, as this node sees them; lists stay lists.

    Only of one section: a single keyword that cannot be evaluated makes the agent refuse the whole question.
    """
    bare = dict.fromkeys(name.partition("@")[0] for name in keywords)
    names = [("kw", name if section == "DEFAULT" else f"{section}.{name}") for name in bare]
    if not names:
        return {}
    query = urlencode([("evaluate", "true"), ("impersonate", local), *names])
    return sections(_config(host, socket, path, f"?{query}"), "evaluated").get(section, {})


def _config(host: Host, socket: Path, path: str, query: str) -> Iterable[Mapping[str, Any]]:
    return keywords_in(get(host, socket, f"/api/object/path/{full_path(path)}/config{query}"), f"agent 3 config of {path}")


def keywords_in(found: Mapping[str, Any], what: str) -> Iterable[Mapping[str, Any]]:
    """The items of a config as agent 3 tells it, for ``sections``. ObserveError, which begins with ``what``, when they are none."""
    items = found.get("items")
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and "keyword" in item for item in items):
        raise ObserveError(f"{what}: items should be a list of keywords")
    return items


def refresh(host: Host, socket: Path, path: str) -> None:
    """Have the agent evaluate the status of this node's instance, soon: it runs ``om <path> instance status -r``, we do not wait."""
    get(host, socket, f"/api/node/name/localhost/instance/path/{quote(full_path(path))}/action/status", "POST")


def instance_resources(host: Host, socket: Path, path: str, node: str) -> Mapping[str, Mapping[str, Any]]:
    """rid -> what the agent says of it, of the instance on a node; empty when there is no such instance, or no status of it yet."""
    found = get(host, socket, "/api/instance?" + urlencode({"path": full_path(path), "node": node})).get("items")
    entries = [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    where = f"agent 3 status of {path}: data"
    told = [some(some(entry, where, "data"), where, "status") for entry in entries]
    resources = some(told[0], f"{where}.status", "resources") if told else {}
    return {rid: one for rid, one in resources.items() if isinstance(one, Mapping)}


def sections(items: Iterable[Mapping[str, Any]], what: str = "value") -> Dict[str, Dict[str, Any]]:
    """Keywords as the agent names them, by section: ``nodes`` is DEFAULT's, ``env.osvc.l4.port`` is ``osvc.l4.port`` of ``env``.

    Where a section ends is the agent's rule (om3, util/key): the index of a resource may hold dots, its keywords hold
    none, and a scope (``start@n1.example.com``) may.
    """
    found: Dict[str, Dict[str, Any]] = {}
    for item in items:
        keyword = str(item["keyword"])
        section, _, key = keyword.partition(".")
        if section not in FREE_FORM:
            bare, at, scope = keyword.partition("@")
            section, _, key = bare.rpartition(".")
            key += at + scope
        value = item.get(what)
        plain = what == "value" or not isinstance(value, (list, bool))
        found.setdefault(section or "DEFAULT", {})[key] = "" if value is None else str(value) if plain else value
    return found


def marks(document: Mapping[str, Any], local: str) -> Dict[str, str]:
    """Path -> what changes when its config does (as in raw.py), for the services and volumes that have a config on this node."""
    where = "agent 3 status: cluster"
    nodes = some(some(document, "agent 3 status: ", "cluster"), where, "node")
    entry = some(nodes, f"{where}.node", local)
    told = some(entry, f"{where}.node.{local}", "instance")
    return {
        path: f"{config['csum']} {config.get('updated_at')}" if config.get("csum") else ""
        for path, about in sorted(told.items())
        if actor_path(path) and isinstance(about, Mapping) and about.get("config") is not None
        for config in (some(about, f"{where}.node.{local}.instance.{path}", "config"),)
    }


def get(host: Host, socket: Path, route: str, method: str = "GET") -> Mapping[str, Any]:
    """A JSON object. ObserveError when the agent does not say."""
    what = f"agent 3 {method} {route}"
    status, body = host.request(str(socket), method, route, SECONDS)
    if status != 200:
        raise ObserveError(f"{what}: HTTP {status}: {shown(body.strip())}")
    return parse_json(body, what)
