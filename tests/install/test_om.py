"""The agents' own command: which one it is, what it says, and what happens when it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from osvc_ha.agents import om as module
from osvc_ha.agents.om import Om, find_om
from osvc_ha.agents.words import spelled
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ConfigError, ObserveError


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Puts an `om` of one's own, a shell script, first on the path."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return Put(tmp_path / "om")


class Put:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, script: str) -> str:
        self.path.write_text(f"#!/bin/sh\n{script}\n")
        self.path.chmod(0o755)
        return str(self.path)


def test_agent_3_says_its_version(put: Put, tmp_path: Path, host: Host) -> None:
    """Also where an upgrade left the tree of 2.1 behind."""
    put("echo om version v3.0.0-rc21")
    (tmp_path / "opensvc" / "core").mkdir(parents=True)
    found = find_om(host, tmp_path)
    assert found is not None
    assert found.version == "3"


def test_agent_3_of_a_commit_says_which(put: Put, tmp_path: Path, host: Host) -> None:
    """Built from a checkout, without a tag."""
    put("echo om version 3f0c2b7d5a")
    found = find_om(host, tmp_path)
    assert found is not None
    assert found.version == "3"


@pytest.mark.parametrize(("helps", "version"), [("the opensvc cluster management command", "3"), ("an object mapper", "")])
def test_agent_3_without_a_version_is_known_by_its_help(put: Put, tmp_path: Path, host: Host, helps: str, version: str) -> None:
    """As one that was built with neither tag nor commit refuses the option, and as any program made with the same library does."""
    put(f'[ "$1" = --help ] && printf "{helps}\\n\\nUsage:\\n" || {{ echo "Error: unknown flag: --version" >&2; exit 1; }}')
    if not version:
        with pytest.raises(ConfigError, match="unknown flag: --version"):
            find_om(host, tmp_path)
        return
    found = find_om(host, tmp_path)
    assert found is not None
    assert found.version == version


def test_agent_2_1_is_known_by_its_tree(put: Put, tmp_path: Path, host: Host) -> None:
    """It takes --version for the name of an object."""
    put("echo no match; exit 1")
    (tmp_path / "opensvc" / "core").mkdir(parents=True)
    found = find_om(host, tmp_path)
    assert found is not None
    assert found.version == "2.1"


def test_somebody_elses_om_is_not_taken_for_an_agents(put: Put, tmp_path: Path, host: Host) -> None:
    """There are other programs of that name."""
    put("echo GNU om 1.0")
    with pytest.raises(ConfigError, match=r"GNU om 1.0.*whose is it|neither"):
        find_om(host, tmp_path)


def test_no_om_is_no_agent(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is no error: an install prepares nodes before their agent."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_om(host, tmp_path) is None


def test_the_clusters_secret_is_not_kept(put: Put, host: Host) -> None:
    """Its config holds the key of the heartbeats; nothing here has a use for it."""
    ini = put("printf '[cluster]\\nname = c\\nsecret = hunter2\\n[hook#a.b]\\nevents = X Y # not cut\\n'")
    assert Om("3", ini, host).cluster_config() == {"cluster": {"name": "c"}, "hook#a.b": {"events": "X Y # not cut"}}
    json = put("""echo '{"cluster": {"name": "c", "secret": "hunter2", "quorum": true}, "metadata": {"kind": "ccfg"}}'""")
    assert Om("2.1", json, host).cluster_config() == {"cluster": {"name": "c", "quorum": "true"}}


def test_an_om_that_hangs_is_given_up(put: Put, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cannot tell, within the deadline."""
    monkeypatch.setattr(module, "READ_SECONDS", 0.3)
    with pytest.raises(ObserveError, match=r"no answer within 0.3 s"):
        Om("3", put("sleep 60"), host).status()


def test_its_own_words_are_passed_on(put: Put, host: Host) -> None:
    """When it refuses a question, and when it refuses an order."""
    om = Om("2.1", put("echo E option x is not in valid candidates >&2; exit 1"), host)
    with pytest.raises(ObserveError, match="not in valid candidates"):
        om.node_value("node.ready_period")
    with pytest.raises(ApplyError, match="not in valid candidates"):
        om.set_node({"node.x": "y"})


def test_not_set_is_empty_on_both(put: Put, host: Host) -> None:
    """2.1 prints None and ends well; 3 prints nothing."""
    assert Om("2.1", put("echo None"), host).node_value("labels.osvc_ha") == ""
    assert Om("3", put("echo"), host).node_value("labels.osvc_ha") == ""


def test_a_fix_can_be_pasted_into_a_shell() -> None:
    """Each agent's own words, quoted."""
    assert spelled("2.1", "cluster_set", "cluster.quorum=true") == "om cluster set --kw cluster.quorum=true"
    assert spelled("3", "node_set", "node.x=a b") == "om node config update --set 'node.x=a b'"
    assert spelled("3", "thaw_node") == "om node unfreeze"
