"""`osvc-ha install` on the nodes of a running cluster, and what the agent makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from agent_lab import OSVC_HA, Lab

from osvc_ha import __version__

pytestmark = [pytest.mark.agent, pytest.mark.timeout(300)]
# On a machine that others use too.
BUSY = 90.0
STABLE = "/usr/share/osvc-ha"
SITE = "/usr/share/opensvc/site_opensvc/drivers/resource/app"
# Stands for a follower: says when a hook pokes it.
LISTEN = """
import socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
    ear.bind("/run/osvc_ha/test/watch.sock")
    print("listening", flush=True)
    ear.settimeout(60)
    print(ear.recv(100))
"""


def install(lab: Lab, name: str, *words: str, code: int = 0) -> dict[str, Any]:
    """Run it there; what it says."""
    done = lab.osvc_ha(name, "install", "--format", "json", *words, seconds=BUSY)
    assert done.code == code, f"{name}: install {words}: {done.out} {done.err}"
    told: dict[str, Any] = json.loads(done.out)
    return told


def labels(lab: Lab, seen_from: str) -> dict[str, str]:
    """Which version each node is labelled with."""
    return {name: node.labels.get("osvc_ha", "") for name, node in lab.cluster(seen_from).nodes.items()}


def there(lab: Lab, name: str, path: str) -> bool:
    """Is there such a path on the node, a dangling link too?"""
    return lab.machines.run(name, ["sh", "-c", f'[ -e "{path}" ] || [ -L "{path}" ]']).code == 0


def has_hook(lab: Lab, name: str) -> bool:
    """Does the cluster's config on this node name our hook? The agents copy it to the others a moment later."""
    return "placement" in lab.machines.run(name, ["cat", "/etc/opensvc/cluster.conf"]).out


def take_away(lab: Lab) -> None:
    """From every node, the last one when it sees that it is the last."""
    for name in lab.names:
        lab.osvc_ha(name, "install", "--uninstall", seconds=BUSY)
    lab.wait("all labels gone", lambda: set(labels(lab, "n3").values()) == {""})
    lab.osvc_ha("n3", "install", "--uninstall", seconds=BUSY)


@pytest.fixture
def bare(lab: Lab) -> Iterator[Lab]:
    """A cluster without osvc_ha, before and after."""
    take_away(lab)
    yield lab
    take_away(lab)


def test_an_install_is_done_once_for_all(bare: Lab) -> None:
    """Each node gets its links and its label, the cluster one hook section; a second run finds nothing to do."""
    lab = bare
    assert len(install(lab, "n1", "--check", code=6)["steps"]) > 5
    did = [[step["do"] for step in install(lab, name)["steps"]] for name in lab.names]
    lab.wait("all labelled", lambda: set(labels(lab, "n1").values()) == {__version__})
    assert sum(steps.count("label") for steps in did) == 3
    # Before the agent has copied the cluster's config another node may write the same once more.
    assert did[0].count("hook") == 1
    for name in lab.names:
        assert install(lab, name)["steps"] == []
        assert install(lab, name, "--check")["steps"] == []
        assert lab.machines.run(name, [f"{STABLE}/bin/osvc-ha", "--version"]).code == 0


def test_the_hook_section_wakes_a_follower(bare: Lab) -> None:
    """The agent runs the hook when a node is lost, with the environment that it gives a hook."""
    lab = bare
    install(lab, "n1")
    install(lab, "n2")
    lab.machines.run("n1", ["mkdir", "-p", "/run/osvc_ha/test"])
    lab.machines.run("n1", ["sh", "-c", f"python3 -c '{LISTEN}' >/run/osvc_ha/heard 2>&1 &"])
    lab.wait("it listens", lambda: "listening" in lab.machines.run("n1", ["cat", "/run/osvc_ha/heard"]).out)
    lab.machines.cut("n3")
    try:
        lab.wait("a poke", lambda: "look" in lab.machines.run("n1", ["cat", "/run/osvc_ha/heard"]).out)
    finally:
        lab.machines.heal("n3")
        lab.machines.run("n1", ["rm", "-rf", "/run/osvc_ha/test"])
        lab.settle()


def test_uninstall_leaves_nothing(bare: Lab) -> None:
    """No path, no label, no hook that runs; before the last node is done the section stays for the others."""
    lab = bare
    for name in lab.names:
        install(lab, name)
    lab.wait("all labelled", lambda: set(labels(lab, "n1").values()) == {__version__})
    told = install(lab, "n1", "--uninstall")
    assert any("n2" in note and "n3" in note for note in told["notes"]), told
    take_away(lab)
    for name in lab.names:
        for path in (STABLE, "/usr/share/opensvc/osvc_ha", "/usr/share/opensvc/site_opensvc"):
            assert not there(lab, name, path), f"{name}: {path}"
        lab.wait(f"no hook section on {name}", lambda name=name: not has_hook(lab, name))
        assert install(lab, name, "--uninstall", "--check")["steps"] == []


def test_links_come_before_the_agent(bare: Lab) -> None:
    """Without `om` on the path this is a node without an agent: links, and a word on what is missing."""
    done = bare.machines.run("n1", [OSVC_HA, "install", "--format", "json"], env={"PATH": "/bin-without-om:/opt/none"})
    told = json.loads(done.out)
    assert done.code == 0, told
    assert (told["agent"], {step["do"] for step in told["steps"]}) == ("", {"link"})
    assert "no OpenSVC agent" in told["notes"][0]


def test_the_agents_own_python_imports_the_drivers(bare: Lab) -> None:
    """On 2.1 each driver is named, with no error; 3 imports none. Somebody's file in a driver's place is named and kept."""
    lab = bare
    if lab.agent.version == "3":
        assert install(lab, "n1")["drivers"] == {}
        assert not there(lab, "n1", SITE)
        return
    told = install(lab, "n1")
    assert "resource/app/haredis.py" in told["drivers"]
    assert set(told["drivers"].values()) == {""}, told["drivers"]
    lab.machines.run("n1", ["sh", "-c", f"rm {SITE}/haredis.py; echo 'raise RuntimeError(42)' >{SITE}/haredis.py"])
    told = install(lab, "n1", code=6)
    assert told["foreign"][0].startswith(f"{SITE}/haredis.py: a file")
    assert "RuntimeError: 42" in told["drivers"]["resource/app/haredis.py"]
    lab.wait("the others see that it is broken", lambda: labels(lab, "n2")["n1"] == "broken")
    install(lab, "n1", "--uninstall")
    assert there(lab, "n1", f"{SITE}/haredis.py")
    lab.machines.run("n1", ["rm", "-r", "/usr/share/opensvc/site_opensvc"])
