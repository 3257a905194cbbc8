"""Where things are on this machine: the distribution, and agent 2.1's own directory and Python."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

import osvc_ha
from osvc_ha.host import Host
from osvc_ha.install.state import Places
from osvc_ha.planner.errors import ConfigError, ObserveError

# In the order of 2.1's bin/om: the first that can be read.
DEFAULTS = ("/etc/defaults/opensvc", "/etc/default/opensvc", "/etc/sysconfig/opensvc", "/etc/conf.d/opensvc")
SAY = '[ -z "$1" ] || . "$1"; printf "%s\\n" "${OSVC_ROOT_PATH:-/usr/share/opensvc}" "${OSVC_PYTHON:-python}" "$PYTHONPATH"'


@dataclass(frozen=True)
class AgentPython:
    """Agent 2.1's tree, its Python, and what that has on its path beside the tree."""

    root: Path
    program: str
    path: str = ""


def agent_python(host: Host) -> AgentPython:
    """What ``om`` of 2.1 would run, whether it is there or not: its defaults file is a shell script, so a shell reads it.

    ObserveError when that cannot be told.
    """
    file = next((name for name in DEFAULTS if os.access(name, os.R_OK)), "")
    bare = {"PATH": os.environ.get("PATH", os.defpath)}
    done = host.run(["/bin/sh", "-c", SAY, "sh", file], env=bare)
    lines = done.out.split("\n")
    if done.code or len(lines) < 3:
        raise ObserveError(f"{file}: a shell cannot read it: {done.words}")
    root, python, path = lines[:3]
    return AgentPython(Path(root), python, path)


def find_places() -> Places:
    """Where this distribution has what a node needs. ConfigError when a part of it is missing."""
    package = Path(osvc_ha.__file__).resolve().parent
    share = next((place for place in _shares(package) if (place / "hooks" / "placement").is_file()), None)
    if share is None:
        raise ConfigError(f"no hooks in {', '.join(map(str, _shares(package)))}; install osvc-ha by pip, from a checkout or a wheel")
    program = next((file for file in _programs() if os.access(file, os.X_OK)), None)
    if program is None:
        raise ConfigError(f"no program osvc-ha in {', '.join(str(file.parent) for file in _programs())}; install it by pip")
    files = tuple(sorted(_below(share, "hooks", "service_templates/2.1", "service_templates/3")))
    return Places(program, package, share, files, site_drivers(package))


def site_drivers(package: Path) -> Tuple[str, ...]:
    """What this package has for agent 2.1, as ``resource/app/haredis.py``, sorted."""
    top = package / "site_opensvc" / "drivers"
    return tuple(sorted(str(file.relative_to(top)) for file in top.rglob("*.py")))


def _shares(package: Path) -> Tuple[Path, ...]:
    # A checkout that runs in place has newer hooks than what an earlier install of it copied.
    checkout = (package.parent,) if (package.parent / "setup.cfg").is_file() else ()
    # Debian's Python, as root, puts data into /usr/local; its prefix is /usr all the same.
    return (*checkout, *(Path(root, "share", "osvc-ha") for root in dict.fromkeys((sysconfig.get_path("data"), sys.prefix))))


def _programs() -> Tuple[Path, ...]:
    # Not resolved: a virtualenv's python is a link to one that knows nothing of osvc_ha.
    beside = (Path(sys.executable).parent, Path(sysconfig.get_path("scripts")))
    return tuple(folder.absolute() / "osvc-ha" for folder in dict.fromkeys(beside))


def _below(share: Path, *folders: str) -> Iterator[str]:
    for folder in folders:
        for file in (share / folder).glob("*"):
            if file.is_file() and not file.name.startswith((".", "__")) and file.suffix != ".pyc":
                yield f"{folder}/{file.name}"
