"""What the kernel has of one resource. On 8.4, while nothing moves, one program tells it, and none before and after a change of role.

``drbdsetup show`` says which minors the kernel gives the name, and what it runs them with: that is asked anew for every START. How
they are stands in /proc/drbd, which is read after it. Whatever moves, was dropped, is suspended or has several peers is asked about
by events2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional, Tuple
from weakref import WeakKeyDictionary, WeakSet

from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.drbd.config import Config
from osvc_ha.systems.drbd.state import Configured, Resource, Versions
from osvc_ha.systems.drbd.state.configured import parse_show
from osvc_ha.systems.drbd.state.events import parse_events
from osvc_ha.systems.drbd.state.json_status import parse_status
from osvc_ha.systems.drbd.state.progress import parse_progress, with_progress
from osvc_ha.systems.drbd.state.resting import AT_REST, Shape, resting, same_shape, shape_of

from .asking import ask, told

PROC = Path("/proc/drbd")
BLOCK = Path("/sys/block")
Kernel = Tuple[Optional[Resource], Optional[Configured], str]
# What `drbdsetup show` told last, and the minors: for the looks of steps, and for the one after a change of role (UNTOUCHED).
SHOWN: WeakKeyDictionary[Host, Tuple[Config, Configured]] = WeakKeyDictionary()
SHAPES: WeakKeyDictionary[Host, Tuple[Config, Shape]] = WeakKeyDictionary()
UNTOUCHED: WeakSet[Host] = WeakSet()


def look_at_kernel(config: Config, versions: Versions, proc: str, states: bool, host: Host) -> Kernel:
    """The resource, None when there is none of that name; what it runs with (not with ``states``); and why that cannot be told, or "".

    proc: the text of /proc/drbd. states: for a step, of a resource that was looked at before. ObserveError when its role cannot be told.
    """
    same = host in UNTOUCHED
    UNTOUCHED.discard(host)
    if not versions.loaded:
        # Asked of no module, drbdsetup would load it.
        return None, None, ""
    known = SHOWN.get(host)
    shown, doubt = (known[1] if same and not states and known and known[0] == config else None), ""
    if versions.nine:
        resource = _by_json(config, host)
    else:
        if not (states or shown):
            SHAPES.pop(host, None)
            if AT_REST.search(proc):
                shown, doubt = _shown(config, host)
                proc = host.read(PROC) or ""
        resource = _at_rest(config, proc, host) or _by_events(config, proc, host)
    if resource is None or states:
        return resource, None, ""
    if shown is None and not doubt:
        shown, doubt = _shown(config, host)
    return resource, shown, doubt


def promoted(host: Host) -> None:
    """Nothing but its role was changed since the last look: the next one need not ask what the kernel runs it with."""
    UNTOUCHED.add(host)


def touched(host: Host) -> None:
    """It was told something that may change what it runs with: nothing holds any more of what it said before."""
    UNTOUCHED.discard(host)
    SHOWN.pop(host, None)
    SHAPES.pop(host, None)


def _shown(config: Config, host: Host) -> Tuple[Optional[Configured], str]:
    """What `drbdsetup show` tells, or why it cannot be told."""
    try:
        found = parse_show(told(ask(host, (config.drbdsetup, "show", config.res)), "drbdsetup show"), config.res)
    except ObserveError as error:
        return None, str(error)
    if found is None:
        return None, f"drbdsetup show: nothing of {config.res}"
    SHOWN[host] = (config, found)
    shape = shape_of(found, _sizes(found, host))
    if shape is not None:
        SHAPES[host] = (config, shape)
    return found, ""


def _sizes(shown: Configured, host: Host) -> Dict[int, int]:
    """Minor -> KiB. The kernel counts sectors of 512 bytes, whatever the disk has."""
    found = {}
    for minor in (minor for one in shown.hosts for minor in one.minors):
        sectors = (host.read(BLOCK / f"drbd{minor}" / "size", lossy=True) or "").strip()
        if sectors.isascii() and sectors.isdigit():
            found[minor] = int(sectors) // 2
    return found


def _at_rest(config: Config, proc: str, host: Host) -> Optional[Resource]:
    known = SHAPES.get(host)
    return resting(proc, config.res, known[1]) if known is not None and known[0] == config else None


def _by_events(config: Config, proc: str, host: Host) -> Optional[Resource]:
    text = told(ask(host, (config.drbdsetup, "events2", "--now", "--statistics", config.res)), "drbdsetup events2")
    found = parse_events(text, config.res)
    shape = same_shape(found) if found is not None else None
    SHAPES.pop(host, None)
    if shape is not None:
        SHAPES[host] = (config, shape)
    return with_progress(found, parse_progress(proc)) if found is not None else None


def _by_json(config: Config, host: Host) -> Optional[Resource]:
    done = ask(host, (config.drbdsetup, "status", "--json", config.res))
    if done.code == 10 or (done.code and "No such resource" in done.words):
        return None
    return parse_status(told(done, "drbdsetup status"), config.res)
