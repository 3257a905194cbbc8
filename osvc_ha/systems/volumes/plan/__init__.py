"""Plans for one volume: mounted where OpenSVC runs the service, and nowhere else.

Theory.

1. *Nothing here decides who may write.* For ext4 and xfs one node mounts at a time, which is the work of the resource below
   (DRBD's role). As a second look, START is refused while OpenSVC has the service up on another living node.
2. *A mount is ours when it is the right thing at the right place*: by the number of the device, the name of the Gluster volume,
   the folder of the CephFS, the folder itself. Anything else that is mounted there is somebody else's: START refuses, STOP
   leaves it alone.
3. *Cannot tell is not down.* A mount that hangs is mounted; status says warn. It may come back by itself (a Gluster client
   waits 42 s for a dead server), so START does nothing about it but say so, and STOP only what the keyword ``stuck`` allows.
4. *A client that the servers gave up never comes back*: after an eviction (CephFS) or the death of the FUSE process every
   call fails until somebody unmounts. START does that and mounts anew. So does a filesystem that turned read only after an
   error: unmount, check, mount.
5. *Nothing is repaired that a person should look at.* fsck -p repairs what is safe and refuses the rest; xfs_repair only reads.
6. *Unmounting is honest.* Never lazy unless told, because what is still open goes on writing after the next node took over;
   who is in the way is named, and ended only when told.
"""

from __future__ import annotations

from typing import Tuple

from osvc_ha.cluster.types import Cluster
from osvc_ha.planner.guard import refuse_unresolved
from osvc_ha.planner.types import Plan, Step, Verb
from osvc_ha.systems.volumes.config import Config
from osvc_ha.systems.volumes.state import Actual, Desired

from .notes import facts, notes
from .ours import is_cut_off, is_ours, what_is_there

__all__ = ["desired", "facts", "guard", "notes", "plan"]

MOUNTED = {Verb.START: True, Verb.STOP: False, Verb.UNPROVISION: False}


def desired(config: Config, cluster: Cluster, verb: Verb) -> Desired:
    """Whether it should be mounted here, and where the service is besides. A stop may know this node alone."""
    found = cluster.objects.get(config.path)
    others: Tuple[str, ...] = ()
    if found is not None and found.topology == "failover":
        up = (node for node in found.placed() if node != cluster.local and node in cluster.nodes)
        others = tuple(node for node in up if cluster.nodes[node].alive)
    moves = found is None or len(found.scope) > 1
    return Desired(verb, config, cluster.local, MOUNTED.get(verb), others, moves)


def plan(actual: Actual, desired: Desired) -> Plan:
    """The steps for the verb; empty when there is nothing to do."""
    if desired.verb is Verb.PROVISION:
        return _provision(actual, desired.config)
    if desired.mounted is None:
        return ()
    return _start(actual, desired) if desired.mounted else _stop(actual, desired.config)


def _provision(actual: Actual, config: Config) -> Plan:
    if not config.format or is_ours(actual, config) or actual.content == config.kind.value:
        return ()
    if actual.device.trouble:
        return (_resolve(config, actual.device.trouble),)
    if actual.content is None:
        return (_resolve(config, f"what {config.device} holds cannot be told, so it is not formatted; see `blkid -p {config.device}`"),)
    if actual.content:
        why = f"{config.device} holds {actual.content}, not {config.kind.value}, and is not formatted over it"
        return (_resolve(config, f"{why}; if that can go, `wipefs -a {config.device}`"),)
    return (Step("format", config.device, f"{config.device} holds nothing: it gets an {config.kind.value} filesystem"),)


def _start(actual: Actual, desired: Desired) -> Plan:
    config = desired.config
    if actual.mount is None:
        return _mount_anew(actual, desired)
    if not is_ours(actual, config):
        why = f"{what_is_there(actual.mount)} is mounted at {actual.place.path}, not {config.device}"
        return (_resolve(config, f"{why}; unmount it, or choose another mount point"),)
    if actual.answer.hung:
        return (_resolve(config, f"{_hangs(actual, config)}; START leaves it alone, for it may come back"),)
    reason = _spoiled(actual, config)
    if reason:
        return (Step("unmount", actual.place.path, reason), *_mounting(actual, config))
    if actual.answer.error:
        return (_resolve(config, f"{actual.place.path} is mounted and answers: {actual.answer.words}"),)
    return ()


def _spoiled(actual: Actual, config: Config) -> str:
    """Why it has to be mounted anew, or ""."""
    mount, answer = actual.mount, actual.answer
    assert mount is not None
    if is_cut_off(actual, config):
        who = "the kernel has shut the filesystem down" if config.kind.block else "its servers have given this client up, or it died"
        return f"{actual.place.path} answers {answer.words!r}: {who}; it is mounted anew"
    if mount.read_only and not config.read_only:
        cause = "after an error" if mount.struck else "although options do not say so"
        return f"{actual.place.path} is mounted read only {cause}; it is unmounted{', checked' * _checks(config)} and mounted anew"
    return ""


def _mount_anew(actual: Actual, desired: Desired) -> Plan:
    config = desired.config
    hindrance = _hindrance(actual, desired)
    if hindrance:
        return (_resolve(config, hindrance),)
    make = Step("make-directory", actual.place.path, f"there is no directory {actual.place.path} to mount at")
    return (*((make,) if actual.place.kind == "absent" else ()), *_mounting(actual, config))


def _hindrance(actual: Actual, desired: Desired) -> str:
    config, place = desired.config, actual.place
    if place.link:
        return f"mount={config.mount} is a symbolic link to {place.link}; name the directory itself"
    if place.kind == "other":
        return f"mount={config.mount} is no directory; choose another"
    if actual.answer.hung or actual.answer.error:
        return f"{place.path} cannot be looked at: {actual.answer.words or 'no answer'}; see what it is on"
    if place.entries and not config.allow_not_empty:
        shown = ", ".join(place.entries)
        return f"{place.path} is not empty ({shown}, …), and a mount would hide that; move it away, or set allow_not_empty=true"
    if actual.device.trouble:
        return f"{actual.device.trouble}{_way_to(config)}"
    if actual.elsewhere and config.kind.block:
        return f"{config.device} is mounted at {', '.join(actual.elsewhere)} already; unmount it there"
    if desired.others and config.kind.block:
        return (
            f"{config.path} is up on {', '.join(desired.others)}, and two nodes that write one {config.kind.value} destroy it; "
            f"stop it there first"
        )
    return ""


def _way_to(config: Config) -> str:
    if config.kind.block:
        return "; start the resource that makes it first (DRBD: promote it), or correct device"
    return "; make it, or correct device"


def _checks(config: Config) -> bool:
    return config.fsck == "force" and config.kind.block or config.fsck == "auto" and config.kind.value == "ext4"


def _mounting(actual: Actual, config: Config) -> Plan:
    how = "in full" if config.fsck == "force" else "as far as needed"
    check = Step("check", config.device, f"{config.device} is checked {how} before it is mounted")
    mount = Step("mount", actual.place.path, f"{config.device} is not mounted at {actual.place.path}")
    return (*((check,) if _checks(config) else ()), mount)


def _stop(actual: Actual, config: Config) -> Plan:
    place = actual.place.path
    if actual.mount is None or not is_ours(actual, config):
        return ()
    if actual.below:
        return (_resolve(config, f"{', '.join(actual.below)} {_are(actual.below)} mounted inside {place}; unmount that first"),)
    why = f"OpenSVC stops {config.path or 'the volume'} on this node"
    if not actual.answer.hung:
        return (Step("unmount", place, why),)
    if config.stuck == "refuse":
        return (_resolve(config, f"{_hangs(actual, config)}; {_ways_out(config)}"),)
    return (Step("abort" if config.stuck == "abort" else "detach", place, f"{why}, and {_hangs(actual, config)}"),)


def _are(things: Tuple[str, ...]) -> str:
    return "is" if len(things) == 1 else "are"


def _hangs(actual: Actual, config: Config) -> str:
    stuck = f" (process {actual.answer.stuck} waits in the kernel)" if actual.answer.stuck else ""
    return f"{actual.place.path} has not answered within {config.probe_seconds} s{stuck}"


def _ways_out(config: Config) -> str:
    if config.kind.block:
        return "its device does not answer: see the kernel's log; stuck=lazy detaches it, and the device stays in use"
    return (
        "mend the way to its servers, or set stuck=abort, which ends the client with what it has not written, "
        "or stuck=lazy, which only detaches it"
    )


def _resolve(config: Config, why: str) -> Step:
    """A plan that guard refuses: only a person can go on. Its sentence is the status line."""
    return Step("resolve", config.mount, why)


def guard(actual: Actual, desired: Desired, plan: Plan) -> None:
    """UnsafePlan for whatever only a person can resolve, with the sentence that says how."""
    refuse_unresolved("volumes", plan)
