"""Another member becomes the primary: the others are lined up behind it, this one steps down, and the set has named the next."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Dict

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan.steps import recall
from osvc_ha.systems.mongo.state.setconfig import same_host

from .greeting import HELLO_SECONDS, hellos, members
from .link import Fault, Peer, Trouble, is_writable, session
from .peers import own_peer
from .reconfig import NOT_PRIMARY, POLL

LINE_UP_SECONDS = 2.0
EXCEEDED_TIME_LIMIT = 262


def sync_from(config: Config, step: Step, host: Host) -> None:
    """The heir copies from this node's member, and then the others from the heir: never two from each other.

    It only saves time: whoever refuses, is silent or takes long is left as it is.
    """
    heir, local = step.arg("heir"), recall(config, step).member_at(step.arg("local"))
    peers = [peer for peer in members(config, step, host).values() if not same_host(str(peer), local)]
    own = own_peer(config, step.arg("host"), host)
    give_up = host.monotonic() + LINE_UP_SECONDS
    for source, asked in ((local, True), (heir, False)):
        left = [peer for peer in peers if same_host(str(peer), heir) is asked]
        while left and host.monotonic() < give_up:
            with ThreadPoolExecutor(len(left)) as pool:
                there = list(pool.map(_copies_from, left, repeat(source)))
            left = [peer for peer, done in zip(left, there) if not done]
            with contextlib.suppress(Trouble), session(own, HELLO_SECONDS) as talk:
                # They think about it when they get something to copy.
                talk.ask("appendOplogNote", data={"osvc_ha": f"{heir} takes over"})
            if left:
                host.sleep(POLL)
        if left and asked:
            return


def _copies_from(peer: Peer, source: str) -> bool:
    """Does it? Asked to, if not; true also of one that says nothing."""
    try:
        with session(peer, HELLO_SECONDS) as talk:
            if same_host(str(talk.ask("replSetGetStatus").get("syncSourceHost", "")), source):
                return True
            talk.ask("replSetSyncFrom", source)
    except Trouble as trouble:
        return trouble.fault is not Fault.COMMAND
    return False


def step_down(config: Config, step: Step, host: Host) -> None:
    """replSetStepDown: mongod refuses while no electable secondary has caught up, and hands over to one that has."""
    seconds, catch_up = int(step.arg("seconds")), int(step.arg("catch_up"))
    try:
        with session(own_peer(config, step.arg("host"), host), catch_up + 5.0) as talk:
            talk.ask("replSetStepDown", seconds, secondaryCatchUpPeriodSecs=catch_up)
    except Trouble as trouble:
        # It is none any more: that is what was asked for. Nobody has caught up: what the override is for.
        if trouble.code not in NOT_PRIMARY and not (trouble.code == EXCEEDED_TIME_LIMIT and config.allow_stop_without_handover):
            raise ApplyError(trouble.words) from trouble


def wait_primary(config: Config, step: Step, host: Host) -> None:
    """Wait until a majority of the members names one primary that is not the one of before, and takes writes.

    Not until that one's writes have a majority again: who copied from the old primary only looks for another source when that ends, so
    to wait for the one and then cause the other would be two outages. With the override keyword: no longer when the old one remained.
    """
    peers = members(config, step, host)
    before = step.arg("not").lower()
    seen: Dict[str, str] = {}

    def elected() -> bool:
        replies = hellos(peers)
        seen.update({node: str(reply.get("primary", "")).lower() for node, reply in replies.items()})
        if config.allow_stop_without_handover and seen[step.arg("local")] == before:
            return True
        total = max((len(reply.get("hosts", ())) for reply in replies.values()), default=0)
        heads = {str(reply.get("me", "")).lower() for reply in replies.values() if is_writable(reply)}
        return any(head != before and 2 * list(seen.values()).count(head) > total for head in heads)

    limit = config.election_timeout / 1000 + config.catch_up
    if not host.wait(elected, limit, POLL):
        told = ", ".join(f"{node}: {name or 'nobody'}" for node, name in seen.items())
        raise ApplyError(f"no other primary than {before} within {limit:g} s ({told})")


def drain(config: Config, step: Step, host: Host) -> None:
    """Wait."""
    host.sleep(float(step.arg("seconds")))


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {
    "sync-from": sync_from,
    "step-down": step_down,
    "wait-primary": wait_primary,
    "drain": drain,
}
