"""Who belongs to a service of which every node has a part, as OpenSVC places it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.errors import ConfigError

PATH = "prod/svc/db"


def test_members_run_or_are_being_started(make_cluster: Callable[..., Cluster]) -> None:
    """In scope order; who is about to stop is none, and neither is who sits on a dead node."""
    told = {"scope": ["n3", "n2", "n1"], "instances": {"n1": "up", "n2": "down:starting", "n3": "up:stopping"}}
    assert make_cluster({PATH: told}).members(PATH) == ("n2", "n1")
    assert make_cluster({PATH: told}, dead=("n2",)).members(PATH) == ("n1",)


def test_who_is_started_here_is_a_member_before_the_agent_says_so(make_cluster: Callable[..., Cluster]) -> None:
    """The driver runs before the state is reported."""
    cluster = make_cluster({PATH: {"instances": {"n1": "down", "n2": "up", "n3": "down"}}})
    assert cluster.members(PATH) == ("n2",)
    assert cluster.members(PATH, starting=True) == ("n1", "n2")


def test_those_who_stay_are_the_others(make_cluster: Callable[..., Cluster]) -> None:
    """This node is not among them, whether it runs or not."""
    cluster = make_cluster({PATH: {"instances": {"n1": "up", "n2": "up", "n3": "up:stopping"}}})
    assert cluster.staying(PATH) == ("n2",)
    assert replace(cluster, local="n3").staying(PATH) == ("n1", "n2")


def test_a_node_outside_the_scope_is_told_so(make_cluster: Callable[..., Cluster]) -> None:
    """The sentence names the service, the node and the scope."""
    cluster = make_cluster({PATH: {"scope": ["n2", "n3"]}})
    with pytest.raises(ConfigError, match=r"^service prod/svc/db: n1 is not in its scope \(n2 n3\)$"):
        cluster.own_scope(PATH)
    assert replace(cluster, local="n2").own_scope(PATH) == ("n2", "n3")
