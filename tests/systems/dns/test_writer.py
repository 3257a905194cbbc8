"""The resource on its nodes, in front of the double of Cloudflare's API: who writes, who asks, and what a failure does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloudflare_lab import Lab, Node

from osvc_ha.agents.resource import Resource
from osvc_ha.planner.errors import ApplyError, UnsafePlan
from osvc_ha.planner.reconcile import look, reconcile
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.dns import SYSTEM

DNS = "prod/svc/dns"
NAMES = sorted(f"{star}n{number}.example.com" for number in (1, 2, 3) for star in ("", "*."))


class Stage:
    """Three nodes, each with its own files, and one zone."""

    def __init__(self, folder: Path, cluster_of: Any) -> None:
        self.lab = Lab(folder)
        self.cluster_of = cluster_of
        self.told: dict[str, Any] = {"objects": {DNS: {"scope": ["n1", "n2", "n3"]}}}
        self.hosts = {node: Node(self.lab.clock) for node in ("n1", "n2", "n3")}

    def place(self, *up: str, dead: str = "", **more: Any) -> Stage:
        """OpenSVC runs the service there."""
        nodes = {node: {"alive": node != dead} for node in self.hosts}
        self.told = {"nodes": nodes, "objects": {DNS: {"scope": [*self.hosts], "up": list(up), **more}}}
        return self

    def resource(self, node: str, **given: str) -> Resource:
        """As the agent of that node has it."""
        keywords = {"domain": "example.com", "api_url": self.lab.double.url, "token_file": str(self.lab.token_file), "timeout": "1"}
        keywords.update({"runtime_dir": str(self.lab.folder / node), **given})
        return Resource(SYSTEM, keywords, DNS, lambda: self.cluster_of({**self.told, "local": node}), self.hosts[node])

    def names(self) -> list[str]:
        """What is in the zone."""
        return sorted(row["name"] for row in self.lab.zone.records.values())


@pytest.fixture
def stage(tmp_path: Path, cluster: Any) -> Iterator[Stage]:
    """Nothing runs yet, and the zone is empty."""
    found = Stage(tmp_path, cluster)
    yield found
    found.lab.close()


@pytest.fixture
def cluster(make_world: Any) -> Any:
    """The maker of clusters."""
    return lambda told: make_world(told).cluster


def test_a_start_ends_with_the_records_written(stage) -> None:
    """The mark first, then the world is read again and the records follow, in one call of OpenSVC's start."""
    steps: list[str] = []
    stage.resource("n1").do(Verb.START, lambda step: steps.append(step.do))
    assert steps == ["hold"] + ["create"] * 6
    assert stage.names() == NAMES
    stage.place("n1")
    assert stage.resource("n1").health().status is Status.UP
    assert dict(stage.resource("n1").health().facts)["records"] == "6 of ours, of 6 names"


def test_c3_a_passive_node_asks_the_provider_nothing(stage) -> None:
    """Its status is down, without one call of the API; and so is its follower's look."""
    stage.place("n1")
    passive = stage.resource("n2")
    assert passive.health().status is Status.DOWN
    assert look(SYSTEM, passive.config(), passive.read(), Verb.FOLLOW, passive.host).steps == ()
    assert stage.lab.calls() == []


def test_a_provider_that_is_down_blocks_no_failover(stage) -> None:
    """STOP takes the mark away and is done; the records stay, and the next node says what is wrong until it can write."""
    stage.resource("n1").do(Verb.START)
    stage.place("n1", state={"n1": "stopping"})
    stage.lab.double.close()
    stage.resource("n1").do(Verb.STOP)
    assert stage.resource("n1").health().status is Status.DOWN
    stage.place(state={"n2": "starting"})
    with pytest.raises(ApplyError, match="cloudflare: "):
        stage.resource("n2").do(Verb.START)
    health = stage.place("n2").resource("n2").health()
    assert health.status is Status.WARN, "cannot tell is not down"
    assert health.lines and "cloudflare: " in health.lines[0]
    assert stage.names() == NAMES


def test_the_next_placed_node_goes_on_from_what_is_there(stage) -> None:
    """The writer dies without a word: the next one writes nothing twice, and what changed meanwhile follows."""
    stage.resource("n1").do(Verb.START)
    stage.place("n2", dead="n1")
    stage.resource("n2", grace="0").do(Verb.START)
    assert stage.names() == [name for name in NAMES if name != "*.n1.example.com"]
    assert stage.resource("n2", grace="0").health().status is Status.UP


def test_a_placement_change_is_one_list_and_one_batch(stage) -> None:
    """And a look that finds nothing to do is one list."""
    stage.resource("n1").do(Verb.START)
    stage.place("n1")
    follower = stage.resource("n1", grace="0")
    reconcile(SYSTEM, follower.config(), follower.read(), Verb.FOLLOW, follower.host)
    stage.lab.calls()
    stage.place("n1", dead="n3")
    reconcile(SYSTEM, follower.config(), follower.read(), Verb.FOLLOW, follower.host)
    assert stage.lab.calls() == ["GET dns_records", "POST batch"]
    reconcile(SYSTEM, follower.config(), follower.read(), Verb.FOLLOW, follower.host)
    assert stage.lab.calls() == ["GET dns_records"]


def test_c3_a_mark_that_is_taken_away_stops_a_write_under_way(stage) -> None:
    """Between the plan and the write OpenSVC stopped the service: nothing is written, and the message says so."""
    resource = stage.resource("n1")
    config = resource.config()
    SYSTEM.apply_all(config, look(SYSTEM, config, resource.read(), Verb.START, resource.host).steps, resource.host)
    plan = look(SYSTEM, config, resource.read(), Verb.START, resource.host).steps
    assert [step.do for step in plan] == ["create"] * 6
    config.mark_file.unlink()
    with pytest.raises(ApplyError, match="OpenSVC has stopped the writer; nothing was written"):
        SYSTEM.apply_all(config, plan, resource.host)
    assert stage.names() == []


def test_a_follower_and_a_start_side_by_side_write_once(stage) -> None:
    """Both have planned the same records: who comes second leaves its plan, looks again, and finds nothing to do."""
    stage.place("n1")
    first, second = stage.resource("n1"), stage.resource("n1")
    config = first.config()
    SYSTEM.apply_all(config, look(SYSTEM, config, first.read(), Verb.START, first.host).steps, first.host)
    plans = [look(SYSTEM, config, one.read(), Verb.FOLLOW, one.host).steps for one in (first, second)]
    for plan in plans:
        SYSTEM.apply_all(config, plan, first.host)
    assert stage.names() == NAMES
    assert look(SYSTEM, config, second.read(), Verb.FOLLOW, second.host).steps == ()


def test_without_a_majority_a_start_ends_well_and_writes_nothing(stage) -> None:
    """A start that failed would be held against the node by agent 3, which starts again what is warn. The status and FOLLOW say why."""
    nodes = {"n1": {}, "n2": {"alive": False}, "n3": {"alive": False}}
    stage.told = {"nodes": nodes, "objects": {DNS: {}}}
    steps: list[str] = []
    stage.resource("n1").do(Verb.START, lambda step: steps.append(step.do))
    stage.told = {"nodes": nodes, "objects": {DNS: {"up": ["n1"]}}}
    stage.resource("n1").do(Verb.START, lambda step: steps.append(step.do))
    assert steps == ["hold", "remember", "await-majority", "await-majority"]
    assert stage.names() == []
    alone = stage.resource("n1")
    health = alone.health()
    assert health.status is Status.WARN
    assert "only 1 of 3 nodes are heard, no majority: 6 changes of the records wait until the others are back" in health.lines
    with pytest.raises(UnsafePlan, match="only 1 of 3 present"):
        look(SYSTEM, alone.config(), alone.read(), Verb.FOLLOW, alone.host)


def test_by_hand_without_a_majority_is_refused(stage) -> None:
    """Nobody follows it then: so it is said at once."""
    stage.told = {"nodes": {"n1": {}, "n2": {"alive": False}, "n3": {"alive": False}}, "objects": {DNS: {}}}
    resource = stage.resource("n1")
    with pytest.raises(UnsafePlan, match="only 1 of 3 present"):
        look(SYSTEM, SYSTEM.parse(dict(resource.given)), resource.read(), Verb.START, resource.host)
    assert stage.names() == []


def test_by_hand_no_mark_is_needed(stage) -> None:
    """`osvc-ha plan|apply dns` without the keyword path: the records follow, and STOP means nothing."""
    resource = stage.resource("n1")
    config = SYSTEM.parse(dict(resource.given))
    assert [step.do for step in look(SYSTEM, config, resource.read(), Verb.FOLLOW, resource.host).steps] == ["create"] * 6
    reconcile(SYSTEM, config, resource.read(), Verb.FOLLOW, resource.host)
    assert stage.names() == NAMES
    assert look(SYSTEM, config, resource.read(), Verb.STOP, resource.host).steps == ()


def test_a_token_that_is_not_there_is_said_and_read_again(stage) -> None:
    """The resource warns with the way out; once the file is there, the same process writes."""
    secret = stage.lab.token_file.read_text()
    stage.lab.token_file.unlink()
    resource = stage.resource("n1")
    with pytest.raises(ApplyError, match="token"):
        resource.do(Verb.START)
    stage.place("n1")
    assert resource.health().status is Status.WARN
    stage.lab.token_file.write_text(secret)
    stage.lab.token_file.chmod(0o600)
    resource.do(Verb.START)
    assert stage.names() == NAMES
