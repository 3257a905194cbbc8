"""What is told to agent 2.1 of an instance's resources, and what is not."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from osvc_ha.agents import push as push_module
from osvc_ha.agents.algebra import merged, recomputed
from osvc_ha.agents.push import push, pushing
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status

if TYPE_CHECKING:
    from conftest import Agent

FO = "root/svc/fo"
WARNING = Health(Status.WARN, ("only 1 of 2 sentinels answers",), (("master", "n2"),))


def instance(agent: Agent) -> Any:
    """The local one."""
    return agent.status["monitor"]["nodes"]["n1"]["services"]["status"]["fo"]


def test_a_warning_arrives_with_its_words(agent: Agent, host: Host) -> None:
    """The resource, its lines and facts, and what follows for the instance; everything else stays as the agent had it."""
    before = instance(agent)
    assert push(host, FO, {"app#1": WARNING})
    (posted,) = agent.posted
    assert (posted["action"], posted["options"]["path"]) == ("object_status", "fo")
    told = posted["options"]["data"]
    assert told["resources"]["app#1"] == {
        "label": "simple: sleep",
        "restart": 1,
        "type": "app.simple",
        "status": "warn",
        "log": ["info: master: n2", "warn: only 1 of 2 sentinels answers"],
        "info": {"master": "n2"},
    }
    assert (told["avail"], told["overall"], told["status_group"]["app"]) == ("warn", "warn", "warn")
    assert told["updated"] == pytest.approx(time.time(), abs=10)
    assert told["csum"] != before["csum"]
    same = {"app", "env", "frozen", "kind", "orchestrate", "placement", "provisioned", "subsets", "topology", "optional"}
    assert {key: told[key] for key in same} == {key: before[key] for key in same}
    assert told["resources"]["sync#i0"] == before["resources"]["sync#i0"]


def test_a_status_that_the_agent_knows_is_not_told(agent: Agent, host: Host) -> None:
    """Most looks change nothing."""
    assert not push(host, FO, {"app#1": Health(Status.DOWN)})
    assert agent.posted == []


@pytest.mark.parametrize("monitor", [{"status": "starting"}, {"status": "start failed"}, {}, None], ids=str)
def test_nothing_is_told_into_an_action(agent: Agent, host: Host, monitor: Any) -> None:
    """While the agent works on the instance, or gave up on it, its own evaluation counts."""
    instance(agent)["monitor"] = monitor
    assert not push(host, FO, {"app#1": WARNING})
    assert agent.posted == []


def test_the_agents_own_newer_evaluation_wins(agent: Agent, host: Host) -> None:
    """What we saw before it is stale."""
    assert not push(host, FO, {"app#1": WARNING}, seen_at=instance(agent)["updated"] - 1)
    assert push(host, FO, {"app#1": WARNING}, seen_at=instance(agent)["updated"] + 1)


def test_unknown_and_disabled_resources_are_left_alone(agent: Agent, host: Host) -> None:
    """A resource that was removed or disabled meanwhile is not brought back."""
    assert not push(host, FO, {"app#gone": WARNING, "sync#i0": WARNING})
    del agent.status["monitor"]["nodes"]["n1"]["services"]["status"]["fo"]
    assert not push(host, FO, {"app#1": WARNING})


def test_pushes_wait_for_nobody(agent: Agent, host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """Telling takes no time, even to an agent that does not answer; that is one line in the log; then the last word is told."""
    agent.raw = b"nonsense\0"
    with caplog.at_level(logging.WARNING, "osvc_ha.push"), pushing(host) as tell:
        began = time.monotonic()
        for _ in range(3):
            tell(FO, {"app#1": WARNING})
        assert time.monotonic() - began < 0.2
        assert host.wait(lambda: "cannot be told the status of root/svc/fo" in caplog.text, 3)
        agent.raw = b""
        tell(FO, {"app#1": Health(Status.UP)})
        assert host.wait(lambda: len(agent.posted) == 1, 3)
    assert agent.posted[0]["options"]["data"]["avail"] == "up"
    assert len(caplog.records) == 1


def test_agent_21_is_asked_to_evaluate_after_it_was_told(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    """`om print status` on this node is the agent's own evaluation: however often it was told, it is asked for once, a little later."""
    (tmp_path / "om").write_text(f"#!/bin/sh\necho $* >> {tmp_path}/ran\n")
    (tmp_path / "om").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(push_module, "EVALUATE_AFTER", 0.2)
    with pushing(host) as tell:
        for health in (WARNING, Health(Status.UP), WARNING):
            before = len(agent.posted)
            tell(FO, {"app#1": health})
            assert host.wait(lambda before=before: len(agent.posted) > before, 3)
        assert host.wait(lambda: (tmp_path / "ran").exists(), 5)
    assert (tmp_path / "ran").read_text() == f"{FO} print status --refresh\n"


def resource(status: str, **traits: Any) -> dict[str, Any]:
    """As the agent tells it."""
    return {"status": status, "type": "app.simple", **traits}


@pytest.mark.parametrize(
    ("resources", "avail", "overall"),
    [
        ([resource("up"), resource("up")], "up", "up"),
        ([resource("up"), resource("down")], "warn", "warn"),
        ([resource("up"), resource("undef")], "up", "up"),
        ([resource("undef")], "n/a", "n/a"),
        ([resource("up"), resource("stdby up")], "up", "up"),
        ([resource("down"), resource("stdby up")], "stdby up", "stdby up"),
        ([resource("down"), resource("stdby down")], "stdby down", "stdby down"),
        ([resource("up", log=["warn: slow"])], "up", "warn"),
        ([resource("up", log=["info: fine"])], "up", "up"),
        ([resource("up"), resource("down", optional=True)], "up", "warn"),
        ([resource("up"), resource("stdby up"), resource("stdby up", optional=True)], "up", "up"),
        ([resource("up"), resource("down", disable=True)], "up", "up"),
        ([resource("up"), {"status": "down", "type": "sync.rsync", "optional": True}], "up", "warn"),
        ([], "n/a", "n/a"),
    ],
)
def test_an_instance_is_what_its_resources_make_it(resources: list[dict[str, Any]], avail: str, overall: str) -> None:
    """As the agent would have it."""
    told = recomputed({"resources": {f"app#{number}": one for number, one in enumerate(resources)}})
    assert (told["avail"], told["overall"]) == (avail, overall)


def test_a_word_of_the_future_is_a_warning_at_most() -> None:
    """A status that this version does not know neither breaks the push nor passes for up."""
    assert merged("up", "lukewarm") == "warn"
