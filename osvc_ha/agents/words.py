"""What ``om`` calls things, on 2.1 and on 3. Pure: the doctor's fixes are spelled by it too."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Tuple

WORDS: Mapping[str, Mapping[str, Tuple[str, ...]]] = {
    "2.1": {
        "status": ("daemon", "status", "--format", "json"),
        "cluster_config": ("cluster", "print", "config", "--format", "json"),
        "cluster_set": ("cluster", "set"),
        "cluster_unset": ("cluster", "unset"),
        "node_get": ("node", "get", "--kw"),
        "node_eval": ("node", "eval", "--kw"),
        "node_set": ("node", "set"),
        "node_unset": ("node", "unset"),
        "thaw_node": ("node", "thaw", "--local"),
        "restart": ("daemon", "restart"),
    },
    "3": {
        "status": ("cluster", "status", "-o", "json"),
        "cluster_config": ("cluster", "config", "show"),
        "cluster_set": ("cluster", "config", "update"),
        "cluster_unset": ("cluster", "config", "update"),
        "node_get": ("node", "config", "get", "--kw"),
        "node_eval": ("node", "config", "eval", "--kw"),
        "node_set": ("node", "config", "update"),
        "node_unset": ("node", "config", "update"),
        "thaw_node": ("node", "unfreeze"),
        "restart": ("daemon", "restart"),
    },
}


def spelled(version: str, what: str, *values: str) -> str:
    """The command an operator would type, for a fix: ``spelled("3", "cluster_set", "cluster.quorum=true")``."""
    option = ("--set" if version == "3" else "--kw") if what.endswith("_set") else ""
    words = [word for value in values for word in ((option, value) if option else (value,))]
    return shlex.join(["om", *WORDS[version or "3"][what], *words])
