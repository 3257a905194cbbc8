"""Configs that one process has read and the next need not ask for."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from osvc_ha.agents import config_memory
from osvc_ha.agents.config_memory import ConfigMemory
from osvc_ha.agents.feed import Feed
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

if TYPE_CHECKING:
    from conftest import Agent

FO = "root/svc/fo"


def fresh(agent: Agent) -> tuple[Cluster, list[str]]:
    """What a new process reads, and the configs for which it asks."""
    agent.asked.clear()
    cluster = Feed(Host()).read()
    return cluster, [path for action, path in agent.asked if action == "object_config"]


def told(agent: Agent) -> dict[str, Any]:
    """What the agent says of configs."""
    found: dict[str, Any] = agent.status["monitor"]["nodes"]["n1"]["services"]["config"]
    return found


def only_file(kept: Path) -> Path:
    """The one in which configs are."""
    (found,) = kept.glob("*.json")
    return found


def paths_in(kept: Path) -> set[str]:
    """Of whom there are configs in it."""
    return set(json.loads(only_file(kept).read_text())["configs"])


def test_nothing_changed_asks_for_no_config(agent: Agent) -> None:
    """Each status of a resource is a new process: only the first of them asks for configs, and all see the same cluster."""
    first, asked = fresh(agent)
    assert asked == ["fo", "probe"]
    for _ in range(2):
        assert fresh(agent) == (first, [])


def test_one_change_asks_for_one_config(agent: Agent) -> None:
    """What the agent says to be another is asked for, once; the others are not."""
    fresh(agent)
    agent.configs["fo"]["env"]["color"] = "red"
    told(agent)["fo"]["csum"] = "other"
    cluster, asked = fresh(agent)
    assert (cluster.object(FO).env["color"], asked) == ("red", ["fo"])
    assert fresh(agent) == (cluster, [])


def test_one_that_was_put_back_is_asked_for(agent: Agent) -> None:
    """The same checksum at another time: in between it may have been read as something else."""
    fresh(agent)
    told(agent)["fo"]["updated"] += 1
    assert fresh(agent)[1] == ["fo"]


def test_one_without_a_checksum_is_asked_for_each_time(agent: Agent, kept: Path) -> None:
    """What the agent does not vouch for is not kept."""
    told(agent)["fo"]["csum"] = ""
    for _ in range(2):
        assert "fo" in fresh(agent)[1]
    assert paths_in(kept) == {"probe"}


def test_one_that_changed_and_cannot_be_shown_is_cannot_tell(agent: Agent) -> None:
    """What another process read before the change is not taken for what is in force."""
    fresh(agent)
    told(agent)["fo"]["csum"] = "other"
    del agent.configs["fo"]
    with pytest.raises(ObserveError, match="agent 2.1 object_config fo"):
        Feed(Host()).read()


def test_only_root_may_read_it(agent: Agent, kept: Path) -> None:
    """Configs may hold passwords, whatever the umask of who writes them."""
    before = os.umask(0)
    try:
        fresh(agent)
    finally:
        os.umask(before)
    assert (kept.stat().st_mode & 0o777, only_file(kept).stat().st_mode & 0o777) == (0o700, 0o600)


def test_it_is_written_only_when_something_is_new(agent: Agent, kept: Path, host: Host) -> None:
    """A follower looks thousands of times a day, and so do drivers: a reading without news writes nothing."""
    reader = Feed(host)
    reader.read()
    before = only_file(kept).stat()
    told(agent).pop("probe")
    for _ in range(2):
        reader.read()
        fresh(agent)
    after = only_file(kept).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_objects_that_are_gone_are_forgotten(agent: Agent, kept: Path) -> None:
    """With the next config that is new."""
    fresh(agent)
    told(agent).pop("probe")
    told(agent)["fo"]["csum"] = "other"
    fresh(agent)
    assert paths_in(kept) == {"fo"}


def damaged(with_what: Callable[[str], bytes]) -> Callable[[Path], object]:
    """The file holds something else, made of what it held."""
    return lambda file: file.write_bytes(with_what(file.read_text()))


def linked(file: Path) -> None:
    """The file is a link to one that is right."""
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def emptied(file: Path) -> None:
    """A directory has its name."""
    file.unlink()
    file.mkdir(0o700)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": damaged(lambda text: b""),
    "half": damaged(lambda text: text[: len(text) // 2].encode()),
    "no text": damaged(lambda text: b"\xff\xfe" + text.encode()),
    "a list": damaged(lambda text: b"[]"),
    "nested": damaged(lambda text: b"[" * 100_000),
    "another version": damaged(lambda text: text.replace('"of": "osvc_ha ', '"of": "osvc_ha 0').encode()),
    "another agent": damaged(lambda text: text.replace("agent 2.1", "agent 3").encode()),
    "no config": damaged(lambda text: json.dumps({**json.loads(text), "configs": {"fo": ["x", {"env": 7}]}}).encode()),
    "no mark": damaged(lambda text: json.dumps({**json.loads(text), "configs": {"fo": {"env": {}}}}).encode()),
    "for all to read": lambda file: file.chmod(0o644),
    "in a directory for all": lambda file: file.parent.chmod(0o755),
    "a link": linked,
    "a directory": emptied,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_not_right_is_none(agent: Agent, kept: Path, damage: str) -> None:
    """Nobody is told of it and nothing of it is believed: the agent is asked, as if there were none."""
    first, asked = fresh(agent)
    DAMAGE[damage](only_file(kept))
    assert fresh(agent) == (first, asked)


@pytest.mark.parametrize("damage", ["empty", "half", "another version", "no config", "for all to read", "a link"])
def test_a_file_that_is_not_right_is_written_anew(agent: Agent, kept: Path, damage: str) -> None:
    """The one after the next asks for nothing again."""
    first, _ = fresh(agent)
    DAMAGE[damage](only_file(kept))
    fresh(agent)
    assert fresh(agent) == (first, [])
    assert only_file(kept).lstat().st_mode & 0o177777 == 0o100600


def test_a_file_of_somebody_else_is_none(agent: Agent, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who could have written it could have us open any door."""
    first, asked = fresh(agent)
    before = only_file(kept).read_bytes()
    monkeypatch.setattr(os, "geteuid", lambda: 54321)
    assert fresh(agent) == (first, asked)
    assert only_file(kept).read_bytes() == before


def test_without_a_place_to_write_all_goes_on(agent: Agent, kept: Path) -> None:
    """A node whose /run is full or read-only has the same cluster, for more questions."""
    kept.parent.write_text("no directory")
    first, asked = fresh(agent)
    assert (asked, fresh(agent)) == (["fo", "probe"], (first, asked))


def test_a_writer_that_hangs_holds_nobody_up(agent: Agent, host: Host, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reading ends without writing, and tries again when there is something new, not each time."""
    waits: list[float] = []
    monkeypatch.setattr(config_memory, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(host, "sleep", waits.append)
    fresh(agent)
    before = only_file(kept).read_bytes()
    memory = ConfigMemory(host)
    memory.recall("2.1", agent.status["cluster"]["id"], {})
    with Host().lock(only_file(kept).with_suffix(".lock"), 1.0):
        memory.keep({"fo": ("other", {})})
        assert waits
        waits.clear()
        memory.keep({"fo": ("other", {})})
    assert (waits, only_file(kept).read_bytes()) == ([], before)
    memory.keep({"fo": ("third", {})})
    assert json.loads(only_file(kept).read_text())["configs"] == {"fo": ["third", {}]}


@pytest.mark.parametrize("field", ["id", "name"])
def test_two_clusters_on_one_host_stay_apart(agent: Agent, kept: Path, field: str) -> None:
    """By their id, or where they have none by their name, and even if one is named to reach for the other's file."""
    agent.status["cluster"].update({"id": "", "name": "", field: "c1"})
    first = fresh(agent)
    for other in ("c2", "../2.1-c1", "c1.json/../c1"):
        agent.status["cluster"][field] = other
        assert fresh(agent)[1] == ["fo", "probe"]
        assert fresh(agent)[1] == []
    agent.status["cluster"][field] = "c1"
    assert fresh(agent) == (first[0], [])
    assert len(list(kept.glob("*.json"))) == 4
    assert all(path.parent == kept for path in kept.parent.rglob("*.*"))


def test_a_cluster_without_a_name_is_not_remembered(agent: Agent, kept: Path) -> None:
    """Nothing would tell it from another."""
    agent.status["cluster"].update(id="", name="")
    fresh(agent)
    assert fresh(agent)[1] == ["fo", "probe"]
    assert not kept.exists()


def test_a_follower_writes_all_that_it_knows_if_the_file_was_removed(agent: Agent, host: Host, kept: Path) -> None:
    """Not only what has changed since."""
    reader = Feed(host)
    reader.read()
    only_file(kept).unlink()
    told(agent)["fo"]["csum"] = "other"
    reader.read()
    assert fresh(agent)[1] == []


def test_processes_that_write_at_once_lose_nothing(kept: Path) -> None:
    """Each of eight saw one change more than the others; all of them are kept, and what none of them touched."""
    sections = {"env": {"a": "b"}}
    old = {"same": ("1", sections), **{f"s{number}": ("1", sections) for number in range(8)}}
    ConfigMemory(Host()).recall("3", "c1", {})
    first = ConfigMemory(Host())
    first.recall("3", "c1", {})
    first.keep(old)
    together = threading.Barrier(8)

    def process(number: int) -> None:
        one = ConfigMemory(Host())
        assert len(one.recall("3", "c1", dict.fromkeys(old, "1"))) == 9
        together.wait(10)
        one.keep({**old, f"s{number}": ("2", sections), f"new{number}": ("1", sections)})

    processes = [threading.Thread(target=process, args=(number,)) for number in range(8)]
    for one in processes:
        one.start()
    for one in processes:
        one.join(20)
    marks = {"same": "1", **{f"s{number}": "2" for number in range(8)}, **{f"new{number}": "1" for number in range(8)}}
    found = ConfigMemory(Host()).recall("3", "c1", marks)
    assert found == {path: (mark, sections) for path, mark in marks.items()}
    assert {path.suffix for path in kept.iterdir()} == {".json", ".lock"}, "nothing half-written is left"
