"""The systems there are, by name; each is imported when it is asked for."""

from __future__ import annotations

import importlib
from typing import Any

from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.types import System

SYSTEMS = ("haproxy", "redis", "follow")


def load_system(name: str) -> System[Any, Any, Any]:
    """The slice of that name. ConfigError lists the ones there are."""
    if name not in SYSTEMS:
        raise ConfigError(f"{name}: no such system; there are {', '.join(SYSTEMS)}")
    found: System[Any, Any, Any] = importlib.import_module(f"osvc_ha.systems.{name}").SYSTEM
    return found
