"""Reading JSON that others wrote: what is essential and missing is named, what is unknown is ignored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Dict, Optional, Tuple, Union

from osvc_ha.cluster.types import Sections, full_path
from osvc_ha.planner.errors import ObserveError

# Configs, secrets and users are objects too; only these have instances that are up or down.
ACTORS = frozenset({"svc", "vol"})


def parse_json(text: Union[str, bytes], what: str) -> Dict[str, Any]:
    """A JSON object from text or bytes. ObserveError naming ``what`` and what is wrong with it."""
    if not text.strip():
        raise ObserveError(f"{what}: empty; was the writer interrupted?")
    try:
        document = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
    except UnicodeDecodeError as error:
        raise ObserveError(f"{what}: byte {error.start} is not UTF-8") from error
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        where = "truncated" if cut else "not JSON"
        raise ObserveError(f"{what}: {where} at line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise ObserveError(f"{what}: nested too deep to be a status") from error
    if not isinstance(document, dict):
        raise ObserveError(f"{what}: a JSON object is expected, not {kind_of(document)}")
    return document


def kind_of(value: object) -> str:
    """JSON's word for a value's type."""
    words = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
    return words.get(type(value), type(value).__name__)


def section(document: Mapping[str, Any], where: str, key: str) -> Mapping[str, Any]:
    """The JSON object at ``key``. ObserveError when it is missing or something else; ``where`` is the path so far."""
    if key not in document:
        raise ObserveError(f"{_at(where, key)} is missing")
    value = document[key]
    if not isinstance(value, Mapping):
        raise ObserveError(f"{_at(where, key)} should be an object, not {kind_of(value)}")
    return value


def some(document: Mapping[str, Any], where: str, key: str) -> Mapping[str, Any]:
    """Like ``section``, where absent and null mean empty."""
    return {} if document.get(key) is None else section(document, where, key)


def text_at(document: Mapping[str, Any], where: str, key: str) -> str:
    """The string at ``key``; ObserveError when it is missing or something else."""
    if key not in document:
        raise ObserveError(f"{_at(where, key)} is missing")
    value = document[key]
    if not isinstance(value, str):
        raise ObserveError(f"{_at(where, key)} should be a string, not {kind_of(value)}")
    return value


def names_at(document: Mapping[str, Any], where: str, key: str) -> Tuple[str, ...]:
    """The list of strings at ``key``; ObserveError when it is missing or something else."""
    if key not in document:
        raise ObserveError(f"{_at(where, key)} is missing")
    value = document[key]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ObserveError(f"{_at(where, key)} should be a list of names")
    return tuple(value)


def strings(values: Mapping[str, Any]) -> Dict[str, str]:
    """A section or label set as strings; null is empty. Both agents answer some values as numbers or booleans."""
    return {str(key): value if type(value) is str else _text(value) for key, value in values.items()}


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def sections_by_path(configs: Mapping[str, Sections]) -> Dict[str, Dict[str, Dict[str, str]]]:
    """Object configs under full paths, every value a string; a section that is not an object is left out."""
    return {
        full_path(path): {name: strings(keys) for name, keys in sections.items() if isinstance(keys, Mapping)}
        for path, sections in configs.items()
    }


def actor_path(path: str) -> str:
    """The full path of a service or volume, empty for every other object (the cluster's own config among them)."""
    full = full_path(path)
    return full if path != "cluster" and full.split("/")[1] in ACTORS else ""


def preferred(scope: Iterable[str], config: Sections, cluster_nodes: Tuple[str, ...]) -> Tuple[str, ...]:
    """The scope in the order of the object's own ``nodes``, the placement preference.

    Agent 2.1 reports the scope sorted by name (monitor.py, update_services_config), which loses that order.
    Nodes that the config names by other means (a selector, drpnodes) follow in the agent's order.
    """
    told = tuple(scope)
    wanted = config.get("DEFAULT", {}).get("nodes", "").replace("{clusternodes}", " ".join(cluster_nodes)).split()
    members = set(told)
    return tuple(dict.fromkeys([*(name for name in wanted if name in members), *told]))


def is_provisioned(value: object) -> Optional[bool]:
    """Agents say true, "true", "n/a" (nothing to provision), false, or "mixed" or "part provisioned": None."""
    if isinstance(value, str):
        return None if value.startswith(("mix", "part")) else not value.startswith("false")
    return value is not False


def _at(where: str, key: str) -> str:
    return f"{where}{key}" if where.endswith(" ") else f"{where}.{key}"
