"""What a plain `pip install` brings with the package, by the build commands that pip calls."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import osvc_ha

TREE = Path(osvc_ha.__file__).parent.parent
PARTS = ("osvc_ha", "hooks", "service_templates", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source, built: data/ and lib/ below it."""
    folder = tmp_path_factory.mktemp("built")
    for name in PARTS:
        source = TREE / name
        if source.is_dir():
            shutil.copytree(source, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / "source" / name)
    words = ("install_data", f"--install-dir={folder / 'data'}", "build_py", f"--build-lib={folder / 'lib'}")
    code = "import setuptools; setuptools.setup()"
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=folder / "source", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return folder


def names(folder: Path) -> set[str]:
    """Every file below, as a path from there."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}


def test_every_hook_is_shipped_and_can_be_run(built: Path) -> None:
    """A hook that lost its executable bit would fail in silence: agents do not look at what a hook comes to."""
    share = built / "data" / "share" / "osvc-ha"
    assert names(share / "hooks") == names(TREE / "hooks")
    programs = [path for path in (share / "hooks").iterdir() if not path.suffix]
    assert programs
    assert [path.name for path in programs if path.stat().st_mode & 0o111 != 0o111] == []


def test_every_template_is_shipped(built: Path) -> None:
    """One tree for each agent."""
    for agent in ("2.1", "3"):
        there = TREE / "service_templates" / agent
        assert names(built / "data" / "share" / "osvc-ha" / "service_templates" / agent) == {
            name for name in names(there) if name.endswith(".conf")
        }


def test_every_site_driver_is_in_the_package(built: Path) -> None:
    """Without an __init__.py above them, which is what makes build tools leave such folders out."""
    stubs = names(TREE / "osvc_ha" / "site_opensvc")
    assert stubs
    assert names(built / "lib" / "osvc_ha" / "site_opensvc") == stubs
