"""Looking at a node, and taking the steps there."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from osvc_ha.agents.feed import Feed, local_name
from osvc_ha.agents.om import Om
from osvc_ha.host import Host
from osvc_ha.install.plan import wanted_links
from osvc_ha.install.state import HOOK, LABEL, Actual, Agent, Found, Places
from osvc_ha.planner.errors import ApplyError, HaError, ObserveError
from osvc_ha.planner.types import Step


def observe(places: Places, om: Optional[Om], host: Host) -> Actual:
    """What is there now. ObserveError when a path cannot be read; an agent that does not answer keeps nobody from the links."""
    paths = {*map(Path, wanted_links(places)), *_links_of_ours(places)}
    entries = {str(path): look(path) for path in sorted(paths)}
    files = [places.share / name for name in places.files]
    dull = tuple(str(file) for file in files if not os.access(file, os.X_OK))
    try:
        return Actual(entries, dull, _agent(om, host) if om else None)
    except ObserveError as error:
        return Actual(entries, dull, None, str(error))


def look(path: Path) -> Found:
    """What is at this path; a link is not followed."""
    try:
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            return Found("link", os.readlink(path))
    except (FileNotFoundError, NotADirectoryError):
        return Found("absent")
    except OSError as error:
        raise ObserveError(f"{path}: cannot be read: {error.strerror}") from error
    return Found("directory" if stat.S_ISDIR(mode) else "file")


def _links_of_ours(places: Places) -> Tuple[Path, ...]:
    """Every link where only we make some, and every link to a site driver of ours, also of a version that had others."""
    folders = [places.stable / "bin", places.stable / "hooks", *(places.stable / "service_templates" / one for one in ("2.1", "3"))]
    found = [path for folder in folders for path in _entries(folder) if path.is_symlink()]
    for group in _entries(places.site / "resource") if places.site else ():
        found += [path for path in _entries(group) if path.is_symlink() and "/osvc_ha/site_opensvc/" in os.readlink(path)]
    return tuple(found)


def _entries(folder: Path) -> Tuple[Path, ...]:
    try:
        return tuple(sorted(folder.iterdir()))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise ObserveError(f"{folder}: cannot be read: {error.strerror}") from error


def _agent(om: Om, host: Host) -> Agent:
    return Agent(om.version, om.cluster_config().get(HOOK, {}), om.node_value(f"labels.{LABEL}"), _others(host))


def _others(host: Host) -> Optional[Tuple[str, ...]]:
    try:
        cluster = Feed(host).read()
    except HaError:
        # A daemon that is stopped tells nothing of the others.
        return None
    return tuple(sorted(name for name, node in cluster.nodes.items() if name != local_name() and node.labels.get(LABEL)))


def apply(step: Step, places: Places, om: Optional[Om]) -> None:
    """Take one step. ApplyError with what the system, or ``om``, said."""
    if step.do in FILES:
        try:
            FILES[step.do](Path(step.on), dict(step.args), places)
        except OSError as error:
            raise ApplyError(f"{error.filename or step.on}: {error.strerror}") from error
    elif om is not None:
        _tell(om, step)


def _tell(om: Om, step: Step) -> None:
    section = {f"{HOOK}.{key}": value for key, value in step.args}
    if step.do == "hook":
        om.set_cluster(section)
    elif step.do == "unhook":
        om.remove_cluster_section(HOOK, ("events", "command"))
    elif step.do == "label":
        om.set_node({f"labels.{LABEL}": step.arg("value")})
    elif step.do == "unlabel":
        om.unset_node(f"labels.{LABEL}")
    else:
        raise ApplyError(f"{step.do}: no such step; this is a fault of osvc_ha")


def _link(path: Path, args: Mapping[str, str], places: Places) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_symlink():
        # Never in the place of a file that came meanwhile: this one fails then.
        path.symlink_to(args["target"])
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.symlink_to(args["target"])
    os.replace(fresh, path)


def _executable(path: Path, args: Mapping[str, str], places: Places) -> None:
    path.chmod(path.stat().st_mode | 0o111)


def _unlink(path: Path, args: Mapping[str, str], places: Places) -> None:
    if path.is_symlink():
        path.unlink()
    if path.suffix == ".py":
        # Python keeps what it compiled beside the link, not beside its target.
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()
        _remove_if_empty(path.parent / "__pycache__")
    tops = {places.stable.parent, places.agent_root}
    for folder in path.parents:
        if folder in tops or not _remove_if_empty(folder):
            return


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        # Somebody else's things are in it, or it was never there.
        return False
    return True


FILES: Dict[str, Any] = {"link": _link, "executable": _executable, "unlink": _unlink}
