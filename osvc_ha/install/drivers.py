"""Agent 2.1 and the drivers: can its own Python import them, and does its daemon run older ones?

A driver that cannot be imported makes its resource vanish without a word (opensvc, core/objects/builder.py: `except Exception:
return`), so this is asked of the very program that will do it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Dict, Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.install.places import AgentPython
from osvc_ha.planner.errors import ApplyError, ObserveError

SECONDS = 20.0
# `import opensvc` puts the agent's own modules on the path (opensvc/__init__.py). The agent takes any exception for "no such driver".
TRY = """
import importlib, json, sys
import opensvc
told = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module("site_opensvc.drivers." + name)
        told[name] = ""
    except BaseException as error:
        told[name] = "%s: %s" % (type(error).__name__, error)
print(json.dumps(told))
"""


def import_errors(python: AgentPython, drivers: Iterable[str], host: Host) -> Dict[str, str]:
    """Driver (``resource/app/haredis.py``) -> what its import raised in the agent's Python, "" when it works.

    ObserveError when that Python cannot be asked.
    """
    modules = {name[:-3].replace("/", "."): name for name in drivers}
    if not modules:
        return {}
    path = ":".join(part for part in (str(python.root), python.path) if part)
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = host.run([python.program, "-c", TRY, *modules], SECONDS, env=env)
        told = json.loads(done.out.strip().rpartition("\n")[2] or "null")
    except (ApplyError, ValueError) as error:
        raise ObserveError(f"agent 2.1's Python, {python.program}: {error}") from error
    if done.code or not isinstance(told, dict):
        raise ObserveError(f"agent 2.1's Python, {python.program}: {done.words}")
    return {name: str(told.get(module, "not tried")) for module, name in modules.items()}


def types_of(drivers: Iterable[str]) -> Tuple[str, ...]:
    """The words that `type =` names these drivers by."""
    return tuple(PurePath(name).stem for name in drivers)


def users_of(cluster: Cluster, drivers: Iterable[str]) -> Tuple[str, ...]:
    """Objects with a config on this node that have a resource of one of these types: the daemon has loaded their drivers."""
    types = set(types_of(drivers))
    return tuple(path for path, one in sorted(cluster.objects.items()) if any(keys.get("type") in types for keys in one.config.values()))


def known_before(users: Iterable[str], changed: float, edited: Mapping[str, float], var: Path, host: Host) -> Tuple[str, ...]:
    """Of these objects those that the agent knew when the drivers ``changed``: its daemon has imported the ones before.

    edited: path -> when its config was last. var: where the agent keeps a directory for each. Seconds since the epoch.
    """
    return tuple(path for path in users if min(met(path, var, host), edited.get(path, 0.0)) <= changed)


def met(path: str, var: Path, host: Host) -> float:
    """When agent 2.1 made its directory for an object (full path) below ``var``, which it does as it meets it; inf when that is not told.

    A config may have been edited since. Seconds since the epoch.
    """
    namespace, kind, name = path.split("/")
    directory = var.joinpath(*(() if namespace == "root" else ("namespaces", namespace)), kind, name)
    try:
        # The only way to the time of birth in Python's library is by this program.
        told = host.run(("stat", "--format=%W", str(directory))).out.strip()
    except ApplyError:
        return math.inf
    # 0 or - where the file system does not keep it.
    return float(told) if told.isdecimal() and int(told) else math.inf


def newest(package: Path, links: Iterable[Path]) -> float:
    """When the package, or a link to it, was last changed: seconds since the epoch. ObserveError when that cannot be told."""
    try:
        changed = [file.stat().st_mtime for file in package.rglob("*.py")]
        return max(changed + [link.lstat().st_mtime for link in links if link.is_symlink()])
    except OSError as error:
        raise ObserveError(f"{error.filename}: {error.strerror}") from error
