"""Where the agent's socket cannot be used: `om`, and an `om` that is missing, hangs or babbles."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osvc_ha.agents import om_reading, raw
from osvc_ha.agents.feed import Feed
from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, ObserveError

if TYPE_CHECKING:
    from conftest import Agent


@pytest.fixture
def om(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the shell looks for `om`; there is none yet."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    return directory / "om"


def install(om: Path, body: str) -> None:
    """An `om` that does this."""
    om.write_text(f"#!/bin/sh\n{body}\n")
    om.chmod(0o755)


def of_2_1(om: Path, agent: Agent) -> None:
    """An `om` of agent 2.1, which refuses the words of 3."""
    (om.parent / "status").write_text(json.dumps(agent.status))
    (om.parent / "configs").write_text(json.dumps(agent.configs))
    install(om, f'case "$*" in "daemon status"*) cat {om.parent}/status;; *"print config"*) cat {om.parent}/configs;; *) exit 2;; esac')


def test_a_socket_that_fails_is_done_without(agent: Agent, host: Host, om: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same cluster arrives by `om`; the log says why, once, and says when the socket answers again."""
    expected = Feed(host).read()
    of_2_1(om, agent)
    agent.raw = b"nonsense\0"
    reader = Feed(host)
    with caplog.at_level(logging.INFO, "osvc_ha.feed"):
        assert reader.read() == expected
        assert reader.read() == expected
        agent.raw = b""
        assert reader.read() == expected
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "read by om instead" in caplog.text


def test_configs_are_asked_of_om_only_when_they_changed(agent: Agent, host: Host, om: Path) -> None:
    """It costs half a second a call: with unchanged checksums, the configs are those of the last reading."""
    reader = Feed(host)
    expected = reader.read()
    of_2_1(om, agent)
    (om.parent / "configs").unlink()
    agent.raw = b"nonsense\0"
    assert reader.read() == expected


def test_the_next_process_asks_om_for_no_config_that_is_known(agent: Agent, host: Host, om: Path) -> None:
    """What was read by the socket serves the one that has to read by om, and the other way round."""
    expected = Feed(host).read()
    agent.raw = b"nonsense\0"
    agent.status["monitor"]["nodes"]["n1"]["services"]["config"]["fo"]["csum"] = "other"
    of_2_1(om, agent)
    # Of one object it prints the sections alone.
    (om.parent / "configs").write_text(json.dumps(agent.configs["fo"]))
    assert Feed(host).read() == expected
    agent.raw = b""
    agent.asked.clear()
    assert Feed(host).read() == expected
    assert agent.asked == [("daemon_status", "")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "om: not found"),
        ("sleep 30", "no answer within 0.3 s, killed"),
        ("echo hello", "not JSON"),
        ("exit 0", "nor by om"),
        ("echo '{}'", "missing"),
    ],
    ids=["missing", "hangs", "babbles", "says nothing", "says too little"],
)
def test_an_om_that_does_not_help_is_named_beside_the_socket(
    agent: Agent, host: Host, om: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    """Cannot tell, with what is wrong with both, and within the deadlines."""
    monkeypatch.setattr(om_reading, "SECONDS", 0.3)
    if body:
        install(om, body)
    agent.raw = b"nonsense\0"
    began = time.monotonic()
    with pytest.raises(ObserveError) as caught:
        Feed(host).read()
    assert time.monotonic() - began < 3
    assert "agent 2.1 daemon_status: not JSON" in str(caught.value)
    assert words in str(caught.value)


def test_a_node_without_any_agent_stays_a_mistake(host: Host, om: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket directory and no `om`: the operator is told of snapshots, with the exit code of a mistake."""
    monkeypatch.setenv("OSVC_ROOT_PATH", str(om.parent))
    with pytest.raises(ConfigError, match="use --snapshot FILE"):
        Feed(host).read()


def test_references_are_resolved_by_om_too(agent: Agent, host: Host, om: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the socket fails, the evaluated section comes from `om`."""
    monkeypatch.setattr(raw, "SECONDS", 0.3)
    agent.raw = b"nonsense\0"
    install(om, """case "$*" in *--eval*) echo '{"env": {"peers": ["n1", "n2"]}}';; *) exit 2;; esac""")
    assert Feed(host).evaluated("root/svc/fo", "env") == {"peers": "n1 n2"}
