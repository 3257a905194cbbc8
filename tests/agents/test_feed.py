"""Reading the cluster from agent 2.1's socket, and all the ways it does not say."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osvc_ha.agents import raw
from osvc_ha.agents.feed import Feed
from osvc_ha.cluster.snapshot import snapshot_of
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, ObserveError

if TYPE_CHECKING:
    from conftest import Agent

FO = "root/svc/fo"


@pytest.mark.parametrize("holds", [True, False], ids=["kept open", "closed"])
def test_the_cluster_arrives_with_its_configs(agent: Agent, host: Host, holds: bool) -> None:
    """Status and configs become one Cluster at once, whether or not the daemon hangs up after its answer."""
    agent.holds = holds
    began = time.monotonic()
    cluster = Feed(host).read()
    assert time.monotonic() - began < 2
    assert (cluster.local, cluster.agent, sorted(cluster.nodes)) == ("n1", "2.1", ["n1", "n2", "n3"])
    assert cluster.object(FO).env["color"] == "blue"
    assert agent.asked == [("daemon_status", ""), ("object_config", "fo"), ("object_config", "probe")]


def test_a_config_is_read_again_only_when_it_changed(agent: Agent, host: Host) -> None:
    """A watcher that reads many times asks once for each config, and again when the agent says it is another."""
    reader = Feed(host)
    reader.read()
    agent.asked.clear()
    assert reader.read().object(FO).env["color"] == "blue"
    assert agent.asked == [("daemon_status", "")]
    agent.configs["fo"]["env"]["color"] = "red"
    agent.status["monitor"]["nodes"]["n1"]["services"]["config"]["fo"]["csum"] = "other"
    assert reader.read().object(FO).env["color"] == "red"
    assert agent.asked == [("daemon_status", ""), ("daemon_status", ""), ("object_config", "fo")]


def test_objects_of_other_nodes_are_not_asked_for(agent: Agent, host: Host) -> None:
    """The agent has no config of a service that may not run here; secrets and users have no listeners and stay unread."""
    config = agent.status["monitor"]["nodes"]["n1"]["services"]["config"]
    agent.status["monitor"]["nodes"]["n2"]["services"]["config"]["elsewhere"] = {"scope": ["n2"], "csum": "x"}
    config["root/sec/passwords"] = config["system/usr/me"] = {"scope": ["n1"], "csum": "x"}
    cluster = Feed(host).read()
    assert {path for action, path in agent.asked if action == "object_config"} == {"fo", "probe"}
    assert "root/svc/elsewhere" in cluster.objects


def test_a_config_that_cannot_be_shown_stays_as_it_was(agent: Agent, host: Host, caplog: pytest.LogCaptureFixture) -> None:
    """An agent that fails to show one config has not said that its labels are gone."""
    reader = Feed(host)
    reader.read()
    agent.status["monitor"]["nodes"]["n1"]["services"]["config"]["fo"]["csum"] = "other"
    kept = agent.configs.pop("fo")
    with caplog.at_level(logging.WARNING):
        assert reader.read().object(FO).env["color"] == "blue"
    assert "agent 2.1 object_config fo json: 'fo'; its last known config stays in force" in caplog.text
    agent.configs["fo"] = {**kept, "env": {"color": "green"}}
    assert reader.read().object(FO).env["color"] == "green"


def test_a_config_never_seen_is_cannot_tell(agent: Agent, host: Host) -> None:
    """Without a last known config the reading fails as a whole, naming the object: nothing is followed half."""
    del agent.configs["fo"]
    with pytest.raises(ObserveError, match="agent 2.1 object_config fo"):
        Feed(host).read()


@pytest.mark.parametrize(
    ("cut", "words"), [(1, "cut off after 1 characters"), (5000, "cut off after 5000 characters")], ids=["one byte", "half"]
)
def test_a_truncated_answer_is_cannot_tell(agent: Agent, host: Host, cut: int, words: str) -> None:
    """A daemon that dies while it answers has said nothing."""
    agent.cut = cut
    with pytest.raises(ObserveError, match=f"agent 2.1 daemon_status: the answer is {words}"):
        Feed(host).read()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\0", "empty"),
        (b"not json\0", "not JSON"),
        (b"\xff\xfe{}\0", "not JSON"),
        (b"[]\0", "a JSON object is expected, not a list"),
        (b"{}\0", "cluster is missing"),
        (b'{"status": 401, "error": "node n9 is not a cluster node"}\0', "node n9 is not a cluster node"),
        (b'{"monitor": 7, "cluster": {}}\0', "monitor should be an object"),
        (b'{"monitor": {"nodes": {"n1": {"services": {"config": []}}}}, "cluster": {}}\0', "config should be an object"),
    ],
    ids=lambda value: value.decode("latin-1") if isinstance(value, bytes) else "",
)
def test_an_answer_that_is_no_status_is_named(agent: Agent, host: Host, answer: bytes, words: str) -> None:
    """Empty, garbage, another shape, or the agent's own refusal: always what was asked and what is wrong."""
    agent.raw = answer
    with pytest.raises(ObserveError, match=words):
        Feed(host).read()


def test_a_silent_daemon_ends_at_the_deadline(agent: Agent, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that accepts and says nothing costs the deadline, no more."""
    monkeypatch.setattr(raw, "SECONDS", 0.3)
    agent.silent = True
    began = time.monotonic()
    with pytest.raises(ObserveError, match=r"lsnr\.sock: timed out"):
        Feed(host).read()
    assert time.monotonic() - began < 3


def test_no_agent_names_the_way_out(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a node without an agent the message says how to go on without one."""
    monkeypatch.setenv("OSVC_ROOT_PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="no OpenSVC agent on this node .*; use --snapshot FILE"):
        Feed(host).read()


def test_references_are_resolved_on_demand(agent: Agent, host: Host) -> None:
    """A driver that needs `{clusternodes}` gets one section as this node sees it, lists as words, booleans as configs write them."""
    agent.evaluated["fo"] = {"env": {"peers": ["n1", "n2"], "on": True, "port": 6379}, "metadata": {"name": "fo"}}
    assert Feed(host).evaluated(FO, "env") == {"peers": "n1 n2", "on": "true", "port": "6379"}
    assert Feed(host).evaluated(FO, "app#9") == {}


def test_secrets_do_not_reach_a_snapshot(agent: Agent, host: Host) -> None:
    """What the agent shows of a config may hold passwords; a snapshot made of it does not."""
    agent.configs["fo"]["env"].update(db_password="hunter2", token="t0k3n", url="http://me:s3cret@host/")
    agent.configs["fo"]["app#1"]["start"] = "/bin/app --password=hunter3"
    agent.configs["fo"]["container#1"] = {"type": "docker", "run_args": "-e PW=hunter4 --label=osvc.l4.enable=true"}
    text = json.dumps(snapshot_of(Feed(host).read()))
    assert "osvc.l4.enable" in text and "blue" in text
    assert [word for word in ("hunter2", "hunter3", "hunter4", "t0k3n", "s3cret") if word in text] == []
