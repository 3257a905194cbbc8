"""Agent 3's REST API on its unix socket (``<var>/lsnr/http.sock``): the cluster status, and an object's config.

Whoever may open the socket is root to the agent. A status takes 3 ms; ``om`` asks the same socket, and costs a process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Dict

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
    found = get(host, socket, f"/api/object/path/{full_path(path)}/config")
    items = found.get("items")
    if not isinstance(items, list) or not all(isinstance(item, Mapping) and "keyword" in item for item in items):
        raise ObserveError(f"agent 3 config of {path}: items should be a list of keywords")
    return sections(items)


def sections(items: Iterable[Mapping[str, Any]]) -> Sections:
    """Keywords as the agent names them, by section: ``nodes`` is DEFAULT's, ``env.osvc.l4.port`` is ``osvc.l4.port`` of ``env``.

    Where a section ends is the agent's rule (om3, util/key): the index of a resource may hold dots, its keywords hold
    none, and a scope (``start@n1.example.com``) may.
    """
    found: Dict[str, Dict[str, str]] = {}
    for item in items:
        keyword = str(item["keyword"])
        section, _, key = keyword.partition(".")
        if section not in FREE_FORM:
            bare, at, scope = keyword.partition("@")
            section, _, key = bare.rpartition(".")
            key += at + scope
        value = item.get("value")
        found.setdefault(section or "DEFAULT", {})[key] = "" if value is None else str(value)
    return found


def marks(document: Mapping[str, Any], local: str) -> Dict[str, str]:
    """Path -> what changes when its config does, for the services and volumes that have a config on this node."""
    where = "agent 3 status: cluster"
    nodes = some(some(document, "agent 3 status: ", "cluster"), where, "node")
    entry = some(nodes, f"{where}.node", local)
    told = some(entry, f"{where}.node.{local}", "instance")
    return {
        path: str(some(about, f"{where}.node.{local}.instance.{path}", "config").get("csum") or "")
        for path, about in sorted(told.items())
        if actor_path(path) and isinstance(about, Mapping) and about.get("config") is not None
    }


def get(host: Host, socket: Path, route: str) -> Mapping[str, Any]:
    """A JSON object. HTTP/1.0, as in discovery.py: one answer that ends with the connection, within one deadline."""
    what = f"agent 3 GET {route}"
    answer = host.exchange(str(socket), f"GET {route} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n\r\n", SECONDS)
    head, _, body = answer.partition("\r\n\r\n")
    words = head.partition("\r\n")[0].split()
    if len(words) < 2 or not words[0].startswith("HTTP/"):
        raise ObserveError(f"{what}: answers {shown(answer)!r}, which is not HTTP; is it agent 3's socket?")
    if words[1] != "200":
        raise ObserveError(f"{what}: HTTP {words[1]}: {shown(body.strip())}")
    return parse_json(body, what)
