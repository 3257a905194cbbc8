"""What to make and what to take away on a node. Pure.

Whatever is not a link of ours is somebody else's: it is named and left alone. The hook section is the cluster's, so it is written
only when it differs, and goes with the last node that has osvc_ha: the label on the others says which do.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath
from typing import Dict, Tuple

from osvc_ha.install.state import BROKEN, EVENTS, HOOK, LABEL, Actual, Desired, Found, Places
from osvc_ha.planner.types import Plan, Step

ABSENT = Found("absent")


def wanted_links(places: Places) -> Dict[str, str]:
    """Path -> target of every link that belongs on this node."""
    links = {places.stable / "bin" / "osvc-ha": places.program}
    links.update({places.stable / name: places.share / name for name in places.files})
    if places.agent_root is not None and places.site is not None:
        links[places.agent_root / "osvc_ha"] = places.package
        links.update({places.site / name: places.package / "site_opensvc" / "drivers" / name for name in places.drivers})
    # A package of the system may bring them to the stable place itself.
    return {str(path): str(target) for path, target in links.items() if path != target}


def desired(places: Places, agent: str, version: str) -> Desired:
    """Everything in its place. agent: 2.1, 3, or "" for none."""
    links = wanted_links(places)
    # A hook without suffix is a program; the others are what the programs import.
    programs = tuple(str(places.share / name) for name in places.files if name.startswith("hooks/") and "." not in PurePath(name).name)
    return Desired(links, tuple(links), programs, str(places.hook), EVENTS.get(agent, ""), version if agent else "")


def desired_gone(places: Places) -> Desired:
    """Nothing of ours."""
    return Desired({}, tuple(wanted_links(places)), gone=True)


def is_ours(path: str, found: Found, places: Places) -> bool:
    """Did an install, of this version or another, make this?"""
    if found.kind != "link":
        return False
    if PurePath(path).is_relative_to(places.stable):
        return True
    target = PurePath(found.target)
    return target.name == "osvc_ha" or "/osvc_ha/site_opensvc/" in found.target


def plan(actual: Actual, wanted: Desired, places: Places) -> Plan:
    """The steps, in order: the agent is told of what is there, never of what is missing."""
    links = (*_make(actual, wanted, places), *_executable(actual, wanted), *_unmake(actual, wanted, places))
    told = tuple(_tell(actual, wanted))
    return (*told, *links) if wanted.gone else (*links, *told)


def foreign(actual: Actual, wanted: Desired, places: Places) -> Tuple[str, ...]:
    """Sentences for what is in the way, or left, because it is not ours."""
    told = []
    for path in wanted.kept:
        found = actual.entries.get(path, ABSENT)
        if found.kind == "absent" or is_ours(path, found, places):
            continue
        what = f"a link to {found.target}" if found.kind == "link" else f"a {found.kind}"
        way = "" if wanted.gone else "; move it away, then install again"
        told.append(f"{path}: {what} that osvc-ha did not make, left as it is{way}")
    return tuple(told)


def notes(actual: Actual, wanted: Desired) -> Tuple[str, ...]:
    """What an operator should read although there is nothing to do."""
    agent = actual.agent
    if actual.silence:
        return (f"hook section and node label are left as they are, the agent does not answer: {actual.silence}",)
    if agent is None:
        return ("no OpenSVC agent on this node: neither hook section nor node label; run this again when there is one",)
    if not wanted.gone or not agent.hook:
        return ()
    if agent.others is None:
        return (f"[{HOOK}] stays: the agent does not say which other nodes have osvc_ha; run this again when its daemon answers",)
    if agent.others:
        return (f"[{HOOK}] stays, it is the whole cluster's: {', '.join(agent.others)} still have osvc_ha",)
    return ()


def _make(actual: Actual, wanted: Desired, places: Places) -> Iterator[Step]:
    for path, target in sorted(wanted.links.items()):
        found = actual.entries.get(path, ABSENT)
        if found.kind == "absent":
            yield Step("link", path, f"missing; it is {target}", (("target", target),))
        elif is_ours(path, found, places) and found.target != target:
            yield Step("link", path, f"still {found.target}; it is {target}", (("target", target),))


def _executable(actual: Actual, wanted: Desired) -> Iterator[Step]:
    for path in wanted.programs:
        if path in actual.dull:
            yield Step("executable", path, "a hook that the agent could not run: it is not executable")


def _unmake(actual: Actual, wanted: Desired, places: Places) -> Iterator[Step]:
    for path, found in sorted(actual.entries.items()):
        if path not in wanted.links and is_ours(path, found, places):
            yield Step("unlink", path, "made by osvc-ha install" if wanted.gone else "no longer part of osvc_ha")


def _tell(actual: Actual, wanted: Desired) -> Iterator[Step]:
    agent = actual.agent
    if agent is None:
        return
    if wanted.events:
        section = {"events": wanted.events, "command": wanted.command}
        for key, value in section.items():
            if agent.hook.get(key) != value:
                said = f"{key} is {agent.hook[key]!r}" if key in agent.hook else "missing"
                why = f"{said} in the cluster's config; the daemons are to wake the followers"
                yield Step("hook", f"[{HOOK}]", why, tuple(section.items()))
                break
    elif agent.hook and agent.others == ():
        yield Step("unhook", f"[{HOOK}]", "no other node has osvc_ha")
    broken = [name for name, error in actual.drivers.items() if error]
    label = BROKEN if wanted.label and broken else wanted.label
    if agent.label == label:
        return
    if not label:
        yield Step("unlabel", f"labels.{LABEL}", "osvc_ha leaves this node")
        return
    why = f"the agent here cannot import {', '.join(broken)}" if broken else f"{label} is here"
    yield Step("label", f"labels.{LABEL}", f"the others see by it that {why}", (("value", label),))
