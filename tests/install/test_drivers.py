"""Agent 2.1's own Python is asked whether it can import the drivers."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path

import pytest

from osvc_ha.cluster.types import Cluster, Object
from osvc_ha.host import Host
from osvc_ha.install import places as where
from osvc_ha.install.drivers import import_errors, known_before, met, newest, users_of
from osvc_ha.install.places import AgentPython, agent_python, find_places
from osvc_ha.planner.errors import ObserveError

DRIVERS = ("resource/app/haredis.py", "resource/app/hawrong.py", "resource/app/hagone.py")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An agent's tree with its own modules on the path, as opensvc/__init__.py puts them; two drivers, the second broken."""
    site = tmp_path / "site_opensvc" / "drivers" / "resource" / "app"
    site.mkdir(parents=True)
    (tmp_path / "opensvc" / "core").mkdir(parents=True)
    (tmp_path / "opensvc" / "__init__.py").write_text("import os, sys; sys.path.insert(0, os.path.dirname(__file__))\n")
    (tmp_path / "opensvc" / "core" / "__init__.py").write_text("WORD = 1\n")
    (site / "haredis.py").write_text("from core import WORD\nprint('a driver that talks')\n")
    (site / "hawrong.py").write_text("import pymongo_that_is_not_there\n")
    return tmp_path


def test_each_driver_that_cannot_be_imported_is_named_with_its_error(root: Path, host: Host) -> None:
    """The agent itself would say nothing: it drops the resource."""
    told = import_errors(AgentPython(root, sys.executable), DRIVERS, host)
    assert told["resource/app/haredis.py"] == ""
    assert "pymongo_that_is_not_there" in told["resource/app/hawrong.py"]
    assert "ModuleNotFoundError" in told["resource/app/hagone.py"]


def test_importing_leaves_nothing_behind(root: Path, host: Host) -> None:
    """No compiled file in the agent's tree."""
    import_errors(AgentPython(root, sys.executable), DRIVERS, host)
    assert list(root.rglob("*.pyc")) == []


def test_a_python_that_is_not_there_is_said(root: Path, host: Host) -> None:
    """OSVC_PYTHON names something else: cannot tell, rather than broken drivers."""
    with pytest.raises(ObserveError, match=r"/nowhere/python.*not found"):
        import_errors(AgentPython(root, "/nowhere/python"), DRIVERS, host)


def test_the_agents_defaults_are_read_as_a_shell_reads_them(tmp_path: Path, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes, references and exports, as `om` of 2.1 does; without a file, its own defaults."""
    file = tmp_path / "opensvc"
    file.write_text("BASE=/opt\nexport OSVC_ROOT_PATH=\"$BASE/opensvc\"\nOSVC_PYTHON='/usr/bin/python3'\nPYTHONPATH=/opt/site\n")
    monkeypatch.setattr(where, "DEFAULTS", ("/nowhere/opensvc", str(file)))
    assert agent_python(host) == AgentPython(Path("/opt/opensvc"), "/usr/bin/python3", "/opt/site")
    monkeypatch.setattr(where, "DEFAULTS", ("/nowhere/opensvc",))
    assert agent_python(host) == AgentPython(Path("/usr/share/opensvc"), "python", "")


def test_this_very_distribution_is_found(host: Host) -> None:
    """The program beside this Python, hooks with what they import, the package with its drivers."""
    found = find_places()
    assert os.access(found.program, os.X_OK)
    assert found.program.is_absolute()
    assert {"hooks/placement", "hooks/waking.py"} <= set(found.files)
    assert all((found.share / name).is_file() for name in found.files)
    assert "resource/app/haredis.py" in found.drivers


def test_a_daemon_that_loaded_a_driver_is_known_by_the_services(tmp_path: Path) -> None:
    """Only one with a resource of our types has imported them."""
    ours = Object("root/svc/cache", ("n1",), {}, config={"app#1": {"type": "haredis"}})
    theirs = Object("root/svc/web", ("n1",), {}, config={"app#1": {"type": "simple"}})
    cluster = Cluster("1", "c", "n1", {}, {one.path: one for one in (ours, theirs)})
    assert users_of(cluster, ("resource/app/haredis.py",)) == ("root/svc/cache",)


def test_a_new_link_counts_as_new_code(tmp_path: Path) -> None:
    """An install from elsewhere brings old files by a new link."""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").touch()
    os.utime(tmp_path / "package" / "a.py", (1000, 1000))
    assert newest(tmp_path / "package", ()) == 1000
    link = tmp_path / "link"
    link.symlink_to("package")
    os.utime(link, (2000, 2000), follow_symlinks=False)
    assert newest(tmp_path / "package", (link,)) == 2000


def test_since_when_the_agent_knows_an_object_is_told_by_its_directory(tmp_path: Path, host: Host) -> None:
    """Of a namespace or of none, when the agent met it; whatever was written there later, and inf when nobody can tell."""
    for directory in (tmp_path / "namespaces" / "prod" / "svc" / "web", tmp_path / "svc" / "web"):
        directory.mkdir(parents=True)
        os.utime(directory, (1000, 1000))
    for path in ("prod/svc/web", "root/svc/web"):
        # Not every file system keeps a time of birth.
        assert abs(met(path, tmp_path, host) - time.time()) < 60 or met(path, tmp_path, host) == math.inf
    assert met("prod/svc/gone", tmp_path, host) == math.inf


def test_only_a_service_from_before_the_drivers_asks_for_a_restart(tmp_path: Path, host: Host) -> None:
    """One that was made after them has had the daemon import what is there; one that was edited since is older than its config says."""
    directory = tmp_path / "namespaces" / "prod" / "svc" / "old"
    directory.mkdir(parents=True)
    if met("prod/svc/old", tmp_path, host) == math.inf:
        pytest.skip("this file system keeps no time of birth")
    now = time.time()
    edited = {"prod/svc/old": now + 900, "prod/svc/new": now + 900, "prod/svc/plain": now}
    assert known_before(edited, now + 60, edited, tmp_path, host) == ("prod/svc/old", "prod/svc/plain")
    assert known_before(edited, now - 60, edited, tmp_path, host) == ()
