"""Load balancing: monitors and pools of an account, load balancers of a zone. The least of it that can be used.

Codes of refusals: not documented (412 for what is still in use was seen in public reports).
"""

from __future__ import annotations

import uuid
from typing import Any

from .answers import Refused
from .zone import now

REQUIRED = {"monitors": (), "pools": ("name", "origins"), "load_balancers": ("name", "default_pools", "fallback_pool")}
DEFAULTS: dict[str, dict[str, Any]] = {
    "monitors": {"type": "http", "interval": 60, "retries": 2, "timeout": 5, "description": ""},
    "pools": {"enabled": True, "description": "", "minimum_origins": 1},
    "load_balancers": {"enabled": True, "description": "", "proxied": False, "steering_policy": "off", "session_affinity": "none"},
}


class Balancers:
    """The three kinds, each by id."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in REQUIRED}

    def get(self, kind: str, ident: str) -> dict[str, Any]:
        """One thing, or 404."""
        if ident not in self.kept[kind]:
            raise Refused(404, 1001, f"{kind}: not found")
        return self.kept[kind][ident]

    def create(self, kind: str, given: dict[str, Any]) -> dict[str, Any]:
        """POST."""
        return self._keep(kind, {"id": uuid.uuid4().hex, **DEFAULTS[kind], "created_on": now()}, given)

    def edit(self, kind: str, ident: str, given: dict[str, Any]) -> dict[str, Any]:
        """PATCH."""
        return self._keep(kind, self.get(kind, ident), given)

    def overwrite(self, kind: str, ident: str, given: dict[str, Any]) -> dict[str, Any]:
        """PUT."""
        old = self.get(kind, ident)
        return self._keep(kind, {"id": ident, **DEFAULTS[kind], "created_on": old["created_on"]}, given)

    def delete(self, kind: str, ident: str) -> dict[str, Any]:
        """DELETE, unless another thing needs it."""
        self.get(kind, ident)
        if any(ident in _used(thing) for things in self.kept.values() for thing in things.values()):
            raise Refused(412, 1005, f"{kind}: in use")
        del self.kept[kind][ident]
        return {"id": ident}

    def _keep(self, kind: str, old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        made = {**old, **given, "modified_on": now()}
        missing = [name for name in REQUIRED[kind] if not made.get(name)]
        if missing:
            raise Refused(400, 1002, f"{', '.join(missing)}: required")
        names = [origin["name"] for origin in made.get("origins", ())]
        if len(set(names)) != len(names):
            raise Refused(400, 1002, "origins: names must be unique")
        if any(other["name"] == made["name"] and other["id"] != made["id"] for other in self.kept[kind].values() if "name" in made):
            raise Refused(400, 1003, f"{made['name']}: already exists")
        for ident in _used(made):
            if not any(ident in things for things in self.kept.values()):
                raise Refused(400, 1001, f"{ident}: not found")
        self.kept[kind][made["id"]] = made
        return made


def _used(thing: dict[str, Any]) -> set[str]:
    """Ids of what a thing refers to."""
    return {*thing.get("default_pools", ()), thing.get("fallback_pool") or "", thing.get("monitor") or ""} - {""}
