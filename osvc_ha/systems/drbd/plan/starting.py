"""START and STOP of each mode. Pure."""

from __future__ import annotations

from typing import Optional

from osvc_ha.planner.types import Plan, Step
from osvc_ha.systems.drbd.config import GUARD
from osvc_ha.systems.drbd.state import PRIMARY, STANDALONE, Actual, Desired, Resource
from osvc_ha.systems.drbd.state.rendering import is_ours, render

from .promotion import Kind, outlook
from .protection import config_refusal, doubt_refusal, protection_refusal
from .splitting import marked_words
from .steps import asked, resolve


def start(actual: Actual, desired: Desired) -> Plan:
    """Empty while this node is Primary (or, for the passive side, up and connecting)."""
    if desired.config.mode == GUARD:
        return _guard(actual, desired)
    resource = actual.resource
    if actual.doubts:
        # Nor is a file that cannot be read overwritten while this node is Primary.
        return () if resource and resource.primary else (resolve(desired, doubt_refusal(actual, desired)),)
    file = written(actual, desired)
    if file is not None and file.do == "resolve":
        return (file,)
    wrong = "" if file else config_refusal(actual, desired)
    if wrong and not (resource and resource.primary):
        return (resolve(desired, wrong),)
    begun: Plan = (file,) if file else ()
    if resource is None:
        return (*begun, *_from_nothing(actual, desired, bool(file)))
    if file:
        begun = (file, Step("adjust", resource.name, f"the kernel is told what {desired.config.file} says now"))
    if resource.primary:
        return begun
    if desired.passive:
        return (*begun, *_reconnect(actual, desired, resource))
    wrong = "" if file else protection_refusal(actual, desired) or _metadata_refusal(actual, desired)
    return (*begun, *((resolve(desired, wrong),) if wrong else _promote(actual, desired, resource)))


def stop(actual: Actual, desired: Desired) -> Plan:
    """Demote, and nothing more: a Secondary that stays connected is what the next start on the other node needs."""
    resource = actual.resource
    if desired.config.mode == GUARD or not desired.config.secondary_on_stop or resource is None or not resource.primary:
        return ()
    why = f"OpenSVC stops {desired.config.path} on {actual.local}, so {resource.name} becomes Secondary there, and stays connected"
    return (Step("demote", resource.name, why, (("minors", _minors(resource)),)),)


def check(actual: Actual, desired: Desired) -> str:
    """Why the agents' own disk.drbd should not be started now, in one sentence; "" when nothing speaks against it.

    The agent asks before it starts the passive side, too, and does not say which it is. So a peer that is Primary is no refusal:
    connected to it, DRBD itself refuses a second one.
    """
    wrong = obstacle(actual, desired)
    resource = actual.resource
    led = resource is not None and any(peer.role == PRIMARY for peer in resource.peers)
    apart = resource is not None and bool(actual.dropped) and any(peer.connection == STANDALONE for peer in resource.peers)
    return wrong if apart or not led or actual.doubts else config_refusal(actual, desired) or protection_refusal(actual, desired)


def obstacle(actual: Actual, desired: Desired) -> str:
    """What a promotion of the agents' own disk.drbd would run into now, in one sentence; "" when nothing.

    It does what the agent does first, up and connect, only in thought: what is not up yet is no refusal.
    """
    wrong = doubt_refusal(actual, desired) or config_refusal(actual, desired) or protection_refusal(actual, desired)
    if wrong or actual.resource is None:
        return wrong or _metadata_refusal(actual, desired) or _mark_refusal(actual, desired)
    if actual.resource.primary:
        return ""
    seen = outlook(actual, desired)
    return "" if seen.kind is Kind.READY else seen.why


def _guard(actual: Actual, desired: Desired) -> Plan:
    """Beside the agent's own disk.drbd: up while that one is Primary; what is wrong then is in the notes."""
    if actual.resource is not None and actual.resource.primary:
        return ()
    why = (
        obstacle(actual, desired)
        or f"{actual.local} is not Primary of {desired.config.res}; the agent's disk.drbd promotes it, start that first"
    )
    return (resolve(desired, why),)


def written(actual: Actual, desired: Desired) -> Optional[Step]:
    """The .res, where osvc_ha writes it and it is not as it should be. A file that is not ours is never overwritten."""
    config = desired.config
    if not config.render:
        return None
    text = render(config, desired.nodes, desired.addresses, actual.versions.nine)
    if actual.file == text:
        return None
    if actual.file is not None and not is_ours(actual.file, config.path):
        theirs = f"{config.file} is there and was not written for {config.path}"
        return resolve(desired, f"{theirs}; move it away, or use it with render=false")
    what = "is not there yet" if actual.file is None else "is not what the keywords say"
    return Step("write-config", config.file, f"{config.file} {what}", payload=text)


def _metadata_refusal(actual: Actual, desired: Desired) -> str:
    for found in actual.metadata:
        if found.kind in ("none", "unreadable"):
            where = f"volume {found.volume} of {desired.config.res} on {actual.local} has no usable metadata ({found.text})"
            return f"{where}; name the right disk, or provision it if it may be overwritten (drbdadm create-md {desired.config.res})"
    return ""


def _mark_refusal(actual: Actual, desired: Desired) -> str:
    """After a reboot nothing else tells that it split; the agent would bring it up and promote it in one go."""
    res, mark = desired.config.res, actual.split
    return marked_words(mark, res, f"run drbdadm up {res} by hand, then") if mark is not None and mark.known else ""


def _from_nothing(actual: Actual, desired: Desired, anew: bool) -> Plan:
    """anew: the .res is written first, so what it said before tells nothing."""
    wrong = "" if anew else _metadata_refusal(actual, desired)
    if not desired.passive and not anew:
        wrong = wrong or protection_refusal(actual, desired)
    if wrong:
        return (resolve(desired, wrong),)
    res = desired.config.res
    up = Step("up", res, f"{res} is not in the kernel of {actual.local}")
    return (up,) if desired.passive else (up, _wait(desired, "its peers have to be heard before"), _primary(desired))


def _reconnect(actual: Actual, desired: Desired, resource: Resource) -> Plan:
    """A connection that was dropped for a reason is dropped again: that one is for a person, and is said in the notes."""
    alone = [peer.name for peer in resource.peers if peer.connection == STANDALONE]
    if not alone or actual.dropped or (actual.split is not None and actual.split.known):
        return ()
    # A plain connect discards nothing: DRBD compares the generations, and drops it again if both sides were written.
    return (Step("connect", resource.name, f"{resource.name} is StandAlone towards {' '.join(alone)}"),)


def _promote(actual: Actual, desired: Desired, resource: Resource) -> Plan:
    seen = outlook(actual, desired)
    if seen.kind is Kind.REFUSED:
        return (resolve(desired, seen.why),)
    connect = _reconnect(actual, desired, resource)
    if seen.kind is Kind.READY:
        return (*connect, _primary(desired))
    patience = desired.config.wait_sync if seen.kind is Kind.SYNCING else desired.config.connect_timeout
    if not patience and not connect:
        return (resolve(desired, seen.why),)
    return (*connect, _wait(desired, seen.why), _primary(desired))


def _wait(desired: Desired, why: str) -> Step:
    return Step("wait", desired.config.res, why, asked(desired))


def _primary(desired: Desired) -> Step:
    why = f"OpenSVC starts {desired.config.path} on {desired.local}, so {desired.config.res} becomes Primary there"
    return Step("promote", desired.config.res, why, asked(desired))


def _minors(resource: Resource) -> str:
    return " ".join(str(volume.minor) for volume in resource.volumes)
