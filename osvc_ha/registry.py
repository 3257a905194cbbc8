"""The systems there are, by name, each imported when it is asked for; and where their settings are."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.types import System

# Their keywords by system, in YAML, for commands; not for resources, whose keywords OpenSVC has.
SETTINGS = Path("/etc/osvc_ha/settings.yaml")
SYSTEMS = ("haproxy", "redis", "mongo", "dns", "postgres", "volumes", "follow", "drbd")


def load_system(name: str) -> System[Any, Any, Any]:
    """The slice of that name. ConfigError lists the ones there are."""
    if name not in SYSTEMS:
        raise ConfigError(f"{name}: no such system; there are {', '.join(SYSTEMS)}")
    found: System[Any, Any, Any] = importlib.import_module(f"osvc_ha.systems.{name}").SYSTEM
    return found
