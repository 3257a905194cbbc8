"""What a follower tells the agent after a look, and when it tells nothing: the Teller in front of agent 2.1's socket."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from osvc_ha import telling
from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status
from osvc_ha.telling import Teller

if TYPE_CHECKING:
    from conftest import Agent

FO = "root/svc/fo"
CONFIG = {"DEFAULT": {"nodes": "n1 n2 n3"}, "app#1": {"type": "hahaproxy"}, "app#2": {"type": "hafollow"}, "app#3": {"type": "simple"}}
UP, DEAD = Health(Status.UP), Health(Status.DOWN, ("HAProxy does not run",), (("listeners", "2"),))


@pytest.fixture
def fo(agent: Agent) -> dict[str, Any]:
    """The service's instance on this node, as the agent shows it: the proxy, its follower and an app of somebody else's, all up."""
    found: dict[str, Any] = agent.status["monitor"]["nodes"]["n1"]["services"]["status"]["fo"]
    app = {**found["resources"]["app#1"], "status": "up"}
    found["resources"].update({rid: dict(app) for rid in ("app#1", "app#2", "app#3")})
    return found


def cluster(config: dict[str, dict[str, str]] = CONFIG) -> Cluster:
    """What the follower has read."""
    service = Object(FO, ("n1",), {"n1": Instance("n1", "up")}, config=config)
    return Cluster("id", "lab", "n1", {"n1": Node("n1", True)}, {FO: service})


def resources(posted: dict[str, Any]) -> dict[str, Any]:
    """rid -> (status, log) of what was told to the agent."""
    return {rid: (told["status"], told.get("log", [])) for rid, told in posted["options"]["data"]["resources"].items()}


def test_a_dead_proxy_is_told_with_its_words(agent: Agent, fo: dict[str, Any], host: Host, tmp_path: Path) -> None:
    """Of one look: the resource of the system as it is, the follower's own as up with what it cannot put right, and nobody else's."""
    with Teller(tmp_path, FO, host) as teller:
        teller.tell("", {"haproxy": DEAD}, cluster())
        assert host.wait(lambda: bool(agent.posted), 3)
    (posted,) = agent.posted
    assert (posted["action"], posted["options"]["path"]) == ("object_status", "fo")
    assert resources(posted) == {
        "app#1": ("down", ["info: listeners: 2", "warn: HAProxy does not run"]),
        "app#2": ("up", ["warn: haproxy: HAProxy does not run"]),
        "app#3": ("up", []),
        "sync#i0": (fo["resources"]["sync#i0"]["status"], fo["resources"]["sync#i0"].get("log", [])),
    }
    assert posted["options"]["data"]["avail"] == "warn"


def test_each_look_is_told_as_long_as_the_agent_says_otherwise(agent: Agent, fo: dict[str, Any], host: Host, tmp_path: Path) -> None:
    """Looks that find what the agent shows tell it nothing; the next change is told as it is then."""
    with Teller(tmp_path, FO, host) as teller:
        teller.tell("", {"haproxy": DEAD}, cluster())
        assert host.wait(lambda: len(agent.posted) == 1, 3)
        fo["resources"].update(agent.posted[0]["options"]["data"]["resources"])
        before = len(agent.asked)
        teller.tell("", {"haproxy": DEAD}, cluster())
        assert host.wait(lambda: len(agent.asked) > before, 3), "the agent is asked what it shows"
        teller.tell("", {"haproxy": UP}, cluster())
        assert host.wait(lambda: len(agent.posted) == 2, 3)
    assert [resources(posted)["app#1"][0] for posted in agent.posted] == ["down", "up"]
    assert resources(agent.posted[1])["app#2"] == ("up", [])


@pytest.mark.parametrize(
    ("service", "problem", "config"),
    [
        pytest.param("", "", CONFIG, id="a follower that is nobody's resource"),
        pytest.param("root/svc/other", "", CONFIG, id="a service that the cluster does not have"),
        pytest.param(FO, "agent 2.1 does not answer", CONFIG, id="a cluster that could not be read"),
        pytest.param(FO, "", {"DEFAULT": {}, "app#3": {"type": "simple"}}, id="a service without a resource of ours"),
    ],
)
def test_what_cannot_be_said_is_not_told(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str, problem: str, config: dict[str, dict[str, str]]
) -> None:
    """The last status stays the agent's: of a look that failed it would be an old one with a new time."""
    pushed: list[str] = []
    monkeypatch.setattr(telling, "pushing", lambda _: contextlib.nullcontext(lambda path, resources: pushed.append(path)))
    with Teller(tmp_path, FO, host) as teller:
        teller.tell("", {"haproxy": DEAD}, cluster())
    assert pushed == [FO], "a look that can be told is"
    with Teller(tmp_path, service, host) as teller:
        teller.tell(problem, {"haproxy": DEAD}, cluster(config))
    assert pushed == [FO]
