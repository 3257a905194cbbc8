"""A distribution and a node in a directory, and an `om` that keeps its config in a file."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from osvc_ha import install
from osvc_ha.agents.om import Om
from osvc_ha.host import Host
from osvc_ha.install.places import AgentPython
from osvc_ha.install.state import Places

# Agent 3's words only: what the real agents make of them is tested on them (tests/lab/agents).
OM = """#!/bin/sh
store=@STORE@
[ ! -e "$store/mute" ] || { echo "no daemon" >&2; exit 1; }
echo "$*" >>"$store/calls"
case "$*" in
"cluster config show") cat "$store/cluster" ;;
"node config get --kw labels.osvc_ha") cat "$store/label" ;;
"node config update --set labels.osvc_ha="*) echo "${5#*=}" >"$store/label" ;;
"node config update --unset labels.osvc_ha") : >"$store/label" ;;
"cluster config update --set hook#osvc_ha.events="*)
    printf '[hook#osvc_ha]\\nevents = %s\\ncommand = %s\\n' "${5#*=}" "${7#*=}" >"$store/cluster" ;;
"cluster config update --delete hook#osvc_ha") : >"$store/cluster" ;;
*) echo "unknown: $*" >&2; exit 2 ;;
esac
"""
FILES = ("hooks/placement", "hooks/waking.py", "service_templates/2.1/l4.conf", "service_templates/3/l4.conf")
DRIVERS = ("resource/app/hahaproxy.py", "resource/app/haredis.py")


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A distribution in dist/, a node in node/ that nothing was installed on, with agent 2.1's root in agent/."""
    share, package = tmp_path / "dist" / "share", tmp_path / "dist" / "osvc_ha"
    for name in FILES:
        write(share / name, 0o755 if name == "hooks/placement" else 0o644)
    for name in DRIVERS:
        write(package / "site_opensvc" / "drivers" / name, 0o644)
    write(tmp_path / "dist" / "bin" / "osvc-ha", 0o755)
    root = tmp_path / "agent"
    root.mkdir()
    return Places(tmp_path / "dist" / "bin" / "osvc-ha", package, share, FILES, DRIVERS, root, tmp_path / "node" / "osvc-ha")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """What the agent was told: cluster, label, and every call."""
    folder = tmp_path / "store"
    folder.mkdir()
    for name in ("cluster", "label", "calls"):
        (folder / name).touch()
    return folder


@pytest.fixture
def om(tmp_path: Path, store: Path, host: Host) -> Om:
    """Agent 3's ``om``, as far as install needs it."""
    program = tmp_path / "om"
    program.write_text(OM.replace("@STORE@", str(store)))
    program.chmod(0o755)
    return Om("3", str(program), host)


@pytest.fixture
def run(places: Places, om: Om, host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., install.Answer]:
    """Install on that node, or ask what there is to do. importing: with this Python for agent 2.1's."""
    monkeypatch.setenv("OSVC_ROOT_PATH", str(tmp_path / "no-daemon"))

    def do(gone: bool = False, check: bool = False, with_agent: bool = True, importing: bool = False) -> install.Answer:
        python = AgentPython(tmp_path / "agent", sys.executable) if importing else None
        node = install.Node(places, om if with_agent else None, python, host)
        return install.look(node, gone) if check else install.carry_out(node, gone, lambda step: None)

    return do


def write(path: Path, mode: int) -> None:
    """A file that says where it came from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# {path.name}\n")
    path.chmod(mode)
    assert stat.S_IMODE(path.stat().st_mode) == mode
