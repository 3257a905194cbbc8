"""``hello``, the one question that needs no login, asked of many members at once: who is there, and who says that it is primary."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Dict

from osvc_ha.host import Host
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan.steps import recall
from osvc_ha.systems.mongo.state.setconfig import same_host

from .link import Peer, Trouble, is_writable, session
from .peers import peer_at

HELLO_SECONDS = 1.0


def members(config: Config, step: Step, host: Host) -> Dict[str, Peer]:
    """node -> how to reach its member, of the scope."""
    wanted = recall(config, step)
    return {node: peer_at(config, wanted.member_at(node), host) for node in wanted.scope}


def writable(peers: Dict[str, Peer]) -> str:
    """Which of ``peers`` says it takes writes; "" when none does. Of two, the one elected later. See ``hellos``."""
    found = {node: reply for node, reply in hellos(peers).items() if is_writable(reply)}
    return max(found, key=lambda node: str(found[node].get("electionId", ""))) if found else ""


def hellos(peers: Dict[str, Peer]) -> Dict[str, Mapping[str, Any]]:
    """What each of them says within a second, {} of one that does not answer. Whom they name the primary and is none of them, a person's
    own member elsewhere, joins ``peers`` as its host:port."""
    replies = _ask(peers)
    known = [*(str(peer) for peer in peers.values()), *(str(reply.get("me", "")) for reply in replies.values())]
    for name in {str(reply.get("primary", "")) for reply in replies.values()} - {""}:
        if not any(same_host(name, one) for one in known):
            host, _, port = name.rpartition(":")
            peers[name] = replace(next(iter(peers.values())), host=host.strip("[]"), port=int(port))
            replies.update(_ask({name: peers[name]}))
    return replies


def _ask(peers: Mapping[str, Peer]) -> Dict[str, Mapping[str, Any]]:
    """All of them at once."""
    with ThreadPoolExecutor(len(peers)) as pool:
        return dict(zip(peers, pool.map(_hello, peers.values())))


def _hello(peer: Peer) -> Mapping[str, Any]:
    try:
        with session(peer, HELLO_SECONDS, login=False) as talk:
            return talk.hello()
    except Trouble:
        return {}
