"""disk.hadrbd of agent 2.1 without the agent: its base class by a stand-in, the node by recorded output of DRBD."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from osvc_ha.host import Completed

READY = {"role:Primary": "role:Secondary"}
OURS = ("osvc_ha.agents.v2", "osvc_ha.agents.v2_disk", "osvc_ha.site_opensvc.drivers.resource.disk.hadrbd")


class AgentError(Exception):
    """As core.exceptions has it: of any other kind, the agent shows a trace."""


class AgentResource:
    """What of the agent's own base class the drivers use (core/resource.py)."""

    def __init__(self, type: str = "", rid: str = "", standby: bool = False, optional: bool = False, **_: Any) -> None:
        self.rid, self.type, self.is_standby, self.optional = rid, type, standby, optional
        self.can_rollback = self.rollback_even_if_standby = False
        self.log = logging.getLogger("agent")
        self.said: list[str] = []
        self.svc: Any = SimpleNamespace(namespace="prod", kind="svc", name="db", options=SimpleNamespace(leader=False, dry_run=False))

    def status_log(self, text: str, level: str = "warn") -> None:
        self.said.append(f"{level}: {text}")

    def action_main(self, action: str) -> None:
        """The agent's."""


def module(name: str, **content: Any) -> ModuleType:
    """A module of the agent's."""
    made = ModuleType(name)
    vars(made).update(content)
    return made


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, told, seen_by) -> Iterator[Any]:
    """Make the driver: disk(node, local, alive, **keywords)."""
    keys = SimpleNamespace(register_driver=lambda *_, **__: None)
    stand_ins = {
        "core": module("core", status=SimpleNamespace(UNDEF="undef", status_value=lambda word: word)),
        "core.objects": module("core.objects"),
        "core.exceptions": module("core.exceptions", Error=AgentError, OsvcException=AgentError),
        "core.objects.svcdict": module("core.objects.svcdict", KEYS=keys),
        "core.resource": module("core.resource", Resource=AgentResource),
    }
    stand_ins["core.status"] = stand_ins["core"].status
    for name, made in stand_ins.items():
        monkeypatch.setitem(sys.modules, name, made)
    for name in OURS:
        monkeypatch.delitem(sys.modules, name, raising=False)
    driver = importlib.import_module(OURS[-1])

    def make(node: Any, local: str = "n2", alive: tuple[str, ...] = ("n1", "n2", "n3"), **keywords: Any) -> Any:
        cluster = seen_by(local, alive)
        monkeypatch.setattr("osvc_ha.source.Source", lambda *_: SimpleNamespace(read=lambda: cluster))
        monkeypatch.setattr(driver.HaDisk.__mro__[1], "_host", node.host)
        return driver.DiskHadrbd(rid="disk#1", res="r0", **keywords)

    yield make
    for name in OURS:
        sys.modules.pop(name, None)


def promotes(node: Any, becomes: str = "connected_uptodate_primary") -> None:
    """`primary` and `secondary` do what they say."""
    adm, setup = node.drbdadm, node.drbdsetup

    def primary(argv: Any, text: str) -> Completed:
        if argv[1] == "primary":
            node.become(becomes, {})
        return adm(argv, text)

    def secondary(argv: Any, text: str) -> Completed:
        if argv[1] == "secondary":
            node.become("connected_uptodate_secondary", READY)
        return setup(argv, text)

    node.host.programs.update({"drbdadm": primary, "drbdsetup": secondary})


def words(node: Any) -> list[str]:
    """What was run."""
    return [argv[1] for argv in node.host.ran]


def test_a_start_of_the_agent_asks_the_kernel_twice_and_the_files_once(disk, told) -> None:
    """abort_start, whether a rollback would be due, and START: each its own question to the agent, one process to DRBD."""
    node = told(change=READY)
    promotes(node)
    driver = disk(node)
    assert driver.abort_start() is False
    assert words(node) == ["dump", "show"]
    driver.start()
    assert words(node)[2:] == ["show", "primary"]
    assert driver.can_rollback is True
    driver.rollback()
    assert words(node)[4:] == ["show", "secondary", "show"]


def test_what_changed_since_abort_start_is_looked_at_again(disk, told) -> None:
    """It became Primary by another hand: that start took no role, and undoes none."""
    node = told(change=READY)
    driver = disk(node)
    driver.abort_start()
    node.become("connected_uptodate_primary", {})
    driver.start()
    assert driver.can_rollback is False
    driver.rollback()
    assert "secondary" not in words(node) and "primary" not in words(node)


def test_a_start_that_would_be_refused_does_not_begin(disk, told, caplog) -> None:
    """In one sentence; of an optional resource it is a warning, and the others start."""
    node = told()
    assert disk(node).abort_start() is True
    assert "n1 is Primary of r0; stop the service there first" in caplog.text
    caplog.clear()
    assert disk(node, optional=True).abort_start() is False
    assert "it is optional" in caplog.text


def test_a_quicker_cluster_does_not_end_the_start_before_it_begins(disk, told) -> None:
    """The writer's node died, and DRBD has not noticed yet: there is something to wait for."""
    assert disk(told(), alive=("n2", "n3")).abort_start() is False


def test_errors_are_the_agents_own(disk, told) -> None:
    """Of any other kind it shows a trace, and rolls nothing back."""
    with pytest.raises(AgentError, match="n1 is Primary of r0"):
        disk(told()).start()
    with pytest.raises(AgentError, match="connect_timeout='soon'"):
        disk(told(), connect_timeout="soon").start()


def test_the_passive_side_is_never_promoted(disk, told) -> None:
    """startstandby brings up and connects, with everything ready for a promotion; without standby it does nothing."""
    node = told("not_in_kernel")
    adm = node.drbdadm

    def up(argv: Any, text: str) -> Completed:
        if argv[1] == "up":
            node.become("connected_uptodate_secondary", READY)
        return adm(argv, text)

    node.host.programs["drbdadm"] = up
    disk(node).startstandby()
    assert words(node) == []
    disk(node, standby=True).startstandby()
    assert "up" in words(node) and "primary" not in words(node)


def test_d11_stop_leaves_the_passive_side_up(disk, told) -> None:
    """The agent stops the instance, and asks the standby resource for stopstandby: nothing is taken down, nothing disconnected."""
    node = told(change=READY)
    disk(node, standby=True).stopstandby()
    assert not {"down", "disconnect", "secondary", "detach"} & set(words(node))


def test_d11_stop_of_the_active_side_leaves_a_connected_secondary(disk, told) -> None:
    """Standby or not, by either of the agent's two words."""
    for standby, word in ((True, "stopstandby"), (False, "stop")):
        node = told("connected_uptodate_primary")
        promotes(node)
        getattr(disk(node, "n1", standby=standby), word)()
        assert [one for one in words(node) if one not in ("dump", "show")] == ["secondary"]


@pytest.mark.parametrize(
    ("state", "local", "standby", "status"),
    [
        ("connected_uptodate_primary", "n1", True, "up"),
        ("connected_uptodate_secondary", "n2", True, "up"),
        ("connected_uptodate_secondary", "n2", False, "down"),
        ("not_in_kernel", "n2", True, "down"),
        ("split_brain_n1", "n1", False, "up"),
    ],
)
def test_the_status_of_a_standby_is_that_of_its_passive_side(disk, told, state: str, local: str, standby: bool, status: str) -> None:
    """A connected Secondary is as the passive side is to be; without standby it is down."""
    assert disk(told(state), local, standby=standby)._status() == status


def test_a_status_that_cannot_be_told_is_undef_with_the_reason(disk, told) -> None:
    """And no trace."""
    node = told()
    del node.host.programs["drbdsetup"]
    driver = disk(node)
    assert driver._status() == "undef"
    assert "drbdsetup: not found" in " ".join(driver.said)


@pytest.mark.parametrize("leader", [True, False])
def test_after_provisioning_only_the_leader_is_promoted(disk, told, leader: bool) -> None:
    """Any other node becomes the passive side."""
    node = told(change=READY)
    promotes(node)
    driver = disk(node, standby=True)
    driver.svc.options.leader = leader
    driver.post_provision_start()
    assert ("primary" in words(node)) is leader
