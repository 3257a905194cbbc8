"""Clusters to discover labels in, and the recorded status documents."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object

HERE = Path(__file__).parent
NODES = ("n1", "n2", "n3")


def load_sample(name: str) -> Any:
    """A fresh copy of a recorded document."""
    return json.loads((HERE / "samples" / f"{name}.json").read_text(encoding="utf-8"))


def object_of(path: str, told: dict[str, Any]) -> Object:
    """An object from a case: scope, env, other sections, and instances as ``n1: up`` or ``n1: up:stopping``."""
    instances = {}
    for node, words in told.get("instances", {"n1": "up", "n2": "down", "n3": "down"}).items():
        avail, _, state = words.partition(":")
        instances[node] = Instance(node, avail, avail, frozen=state == "frozen", state=state or "idle")
    config = {**told.get("config", {}), **({"env": told["env"]} if "env" in told else {})}
    return Object(path, tuple(told.get("scope", NODES)), instances, config=config)


def cluster_of(objects: dict[str, dict[str, Any]], dead: tuple[str, ...] = (), nodes: tuple[str, ...] = NODES) -> Cluster:
    """A cluster of three nodes seen from n1."""
    return Cluster(
        id="c1",
        name="test",
        local="n1",
        nodes={name: Node(name, name not in dead) for name in nodes},
        objects={path: object_of(path, told) for path, told in objects.items()},
    )


@pytest.fixture
def sample() -> Callable[[str], Any]:
    return load_sample


@pytest.fixture
def make_cluster() -> Callable[..., Cluster]:
    return cluster_of
