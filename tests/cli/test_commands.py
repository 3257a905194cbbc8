"""Each command on a snapshot: what it prints, for people and for programs, and how it ends."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from osvc_ha.cli import COMMANDS

if TYPE_CHECKING:
    from conftest import Command

Snapshot = Callable[[], Path]
# Those that look at a cluster; the others say in their own tests what they teach.
OURS = [name for name in COMMANDS if name in ("plan", "apply", "status", "watch", "labels", "snapshot")]


def test_help_shows_every_command_and_the_exit_codes(osvc_ha: Command) -> None:
    """Who types --help sees what there is, where to begin, and what the exit codes mean."""
    done = osvc_ha("--help")
    assert done.code == 0
    assert all(f"  {name} " in done.out for name in COMMANDS)
    assert "Exit codes: 0 done" in done.out and "osvc-ha demo" in done.out


@pytest.mark.parametrize("name", OURS)
def test_help_of_each_command_teaches_by_example(osvc_ha: Command, name: str) -> None:
    """Each command's help has a line that can be typed as it stands, and works without any cluster by --snapshot."""
    done = osvc_ha(name, "--help")
    assert done.code == 0
    assert f"  osvc-ha {name}" in done.out
    assert "--snapshot" in done.out and "--format" in done.out


def test_plan_gives_steps_with_reasons(osvc_ha: Command, snapshot: Snapshot, here: list[str]) -> None:
    """A plan is a numbered list of steps and why, and changes nothing."""
    file = snapshot()
    done = osvc_ha("plan", "haproxy", "--snapshot", file, *here)
    assert done.code == 0
    assert done.out == "1. write config: the config on disk differs from the labels (new: prod/svc/web:main (env))\n"
    assert not (file.parent / "haproxy.cfg").exists()


def test_plan_in_json(osvc_ha: Command, snapshot: Snapshot, here: list[str]) -> None:
    """The same plan for programs: system, verb, and steps without their payload."""
    found = osvc_ha("plan", "haproxy", "--verb", "start", "--snapshot", snapshot(), *here, "--format", "json").json
    assert (found["system"], found["verb"]) == ("haproxy", "start")
    assert [(step["do"], step["on"]) for step in found["steps"]] == [("write", "config"), ("start", "haproxy")]
    assert all(sorted(step) == ["args", "do", "on", "why"] for step in found["steps"])


@pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed: it validates the config")
def test_apply_does_what_plan_showed(osvc_ha: Command, snapshot: Snapshot, here: list[str]) -> None:
    """After apply the plan is empty, and says so."""
    words = ["haproxy", "--snapshot", snapshot(), *here]
    done = osvc_ha("apply", *words)
    assert (done.code, done.out.splitlines()[-1]) == (0, "converged")
    assert done.out.startswith("write config: ")
    assert osvc_ha("plan", *words).out == "nothing to do\n"
    again = osvc_ha("apply", *words, "--format", "json").json
    assert again == {"system": "haproxy", "verb": "follow", "done": [], "notes": []}


def test_status_shows_nodes_services_and_listeners(osvc_ha: Command, snapshot: Snapshot) -> None:
    """One page: who is alive, what runs where, which ports are open for it."""
    done = osvc_ha("status", "--snapshot", snapshot())
    assert done.code == 0
    assert re.search(r"prod/svc/web +up +down", done.out)
    assert re.search(r"prod/svc/web:main +8080 +8080 +tcp +n1 \(n2 maint\) +env", done.out)


def test_status_of_a_system_is_its_plan(osvc_ha: Command, snapshot: Snapshot, here: list[str]) -> None:
    """A system that does not run is down with exit code 1, in the page and in JSON."""
    words = ["status", "haproxy", "--snapshot", snapshot(), *here]
    done = osvc_ha(*words)
    assert done.code == 1 and "haproxy: down" in done.out
    found = osvc_ha(*words, "--format", "json")
    assert found.code == 1
    assert sorted(found.json) == ["groups", "listeners", "majority", "node", "nodes", "problems", "services", "sets", "systems"]
    assert found.json["systems"] == {"haproxy": {"status": "down", "messages": [], "facts": []}}
    assert found.json["services"]["prod/svc/web"]["instances"] == {"n1": "up", "n2": "down"}


def test_status_without_a_majority_says_so(osvc_ha: Command, snapshot: Snapshot, document: dict[str, Any]) -> None:
    """A node that sees only itself says that what it shows is a minority's view."""
    document["nodes"]["n2"]["alive"] = False
    file = snapshot()
    assert "WITHOUT a majority" in osvc_ha("status", "--snapshot", file).out
    assert osvc_ha("status", "--snapshot", file, "--format", "json").json["majority"] is False


def test_a_wrong_label_is_shown_and_ends_with_2(osvc_ha: Command, snapshot: Snapshot, document: dict[str, Any]) -> None:
    """Status and labels name the service, the label and the value; brackets in a message are shown, not swallowed."""
    document["objects"]["prod/svc/bad"] = {"scope": ["n1"], "instances": {}, "config": {"env": {**_labels(), "osvc.l4.port": "[red]"}}}
    file = snapshot()
    for command in ("labels", "status"):
        done = osvc_ha(command, "--snapshot", file)
        assert done.code == 2
        assert "! service prod/svc/bad: osvc.l4.port=[red] is not a port" in done.out
        assert "prod/svc/web:main" in done.out
        found = osvc_ha(command, "--snapshot", file, "--format", "json")
        assert found.code == 2
        assert [(one["path"], one["label"]) for one in found.json["problems"]] == [("prod/svc/bad", "osvc.l4.port")]


def test_labels_in_json(osvc_ha: Command, snapshot: Snapshot) -> None:
    """Each listener with its source, ports, check and where it runs."""
    assert osvc_ha("labels", "--snapshot", snapshot(), "--format", "json").json == {
        "listeners": [
            {
                "listener": "prod/svc/web:main",
                "source": "env",
                "port": 8080,
                "target_port": 8080,
                "check": "tcp",
                "nodes": {"n1": "ready", "n2": "maint"},
            }
        ],
        "problems": [],
    }


def test_no_labels_is_a_sentence(osvc_ha: Command, snapshot: Snapshot, document: dict[str, Any]) -> None:
    """A cluster without any opt-in says what to write."""
    document["objects"] = {}
    done = osvc_ha("labels", "--snapshot", snapshot())
    assert (done.code, done.out) == (0, "no service is labelled osvc.l4.enable=true\n")


def test_a_snapshot_of_a_snapshot_plans_the_same(osvc_ha: Command, snapshot: Snapshot, here: list[str]) -> None:
    """What `osvc-ha snapshot` writes gives the same plan as what it was made from."""
    first = snapshot()
    second = first.parent / "second.json"
    done = osvc_ha("snapshot", "--snapshot", first, "--out", second, "--format", "json")
    assert done.json == {"written": str(second)}
    assert osvc_ha("snapshot", "--snapshot", first).json["format"] == "osvc-ha-snapshot"
    plans = [osvc_ha("plan", "haproxy", "--snapshot", file, *here, "--format", "json").json for file in (first, second)]
    assert plans[0] == plans[1]


def test_a_snapshot_keeps_the_addresses_it_was_taken_with(osvc_ha: Command, snapshot: Snapshot, document: dict[str, Any]) -> None:
    """Away from the cluster nothing is resolved anew: a colleague sees the plan that the node would make."""
    document["nodes"]["n1"]["labels"] = {}
    document["resolved"] = {"n1": "10.9.9.9"}
    assert osvc_ha("snapshot", "--snapshot", snapshot()).json["resolved"] == {"n1": "10.9.9.9"}


def test_a_saved_status_becomes_a_snapshot(osvc_ha: Command, tmp_path: Path) -> None:
    """`om daemon status --format json` from a bug report can be turned into a snapshot later."""
    samples = Path(__file__).parent.parent / "cluster" / "samples"
    config = f"fo={samples / 'v2_failover_config.json'}"
    done = osvc_ha("snapshot", "--status", samples / "v2_failover.json", "--config", config, "--node", "n1")
    assert done.code == 0
    assert done.json["objects"]["root/svc/fo"]["config"]["env"]["color"] == "blue"


def test_settings_and_set_give_keywords(osvc_ha: Command, snapshot: Snapshot, here: list[str], tmp_path: Path) -> None:
    """The settings file holds keywords by system, --set wins, and with several systems names the one it means."""
    settings = tmp_path / "mine.yaml"
    settings.write_text("haproxy:\n  check_interval: 7\n  allow_empty: true\n  log:\n")
    words = ["plan", "haproxy", "--snapshot", snapshot(), *here, "--settings", settings]
    assert "check_interval=7 is not a whole number from 10" in osvc_ha(*words).err
    assert osvc_ha(*words, "--set", "check_interval=100").code == 0
    assert osvc_ha(*words, "--set", "haproxy.check_interval=100").code == 0


def test_the_default_settings_are_read(osvc_ha: Command, snapshot: Snapshot, tmp_path: Path) -> None:
    """/etc/osvc_ha/settings.yaml counts without being named."""
    (tmp_path / "settings.yaml").write_text(json.dumps({"haproxy": {"workers": "none"}}))
    assert "workers=none is not a whole number" in osvc_ha("plan", "haproxy", "--snapshot", snapshot()).err


def _labels() -> dict[str, str]:
    return {"osvc.l4.enable": "true", "osvc.l4.port": "8080"}
