"""The steps of a planned handover, as handover.py orders them. What is open beforehand stays open: no new connections under the pause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Dict, Tuple

from osvc_ha.authority import View, named
from osvc_ha.frontdoor import SOCKET_SECONDS, grant, group_id
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, HaError
from osvc_ha.planner.types import Step
from osvc_ha.redis_link import Peer, Silence, links
from osvc_ha.redis_resp import Refusal
from osvc_ha.systems.redis.config import Config
from osvc_ha.systems.redis.plan.steps import hosts, recall
from osvc_ha.systems.redis.state import Desired
from osvc_ha.systems.redis.state.replies import number, parse_info

from .peers import sentinel_peer, server_peer, tell
from .reading import channel, observe_authority, observe_group

# A peer that stops answering under the pause must not use up the pause.
ASK_SECONDS = 0.1
POLL = 0.005
LINGER_SECONDS, LINGER_POLL = 0.5, 0.05
LINK_SECONDS = 0.3
# Shares of handover_timeout, which is the length of the pause: together less than one, so that we notice before it ends.
DRAIN_SHARE, PROMOTED_SHARE = 0.3, 0.5


def fence(config: Config, step: Step, host: Host) -> None:
    """Say that a handover runs, then let the master take writes only while all its replicas are there."""
    peer = server_peer(config, step.arg("at"), host)
    holders = tell(peer, ("PUBSUB", "NUMSUB", channel(config)))[0]
    if isinstance(holders, list) and holders and int(holders[-1]):
        raise ApplyError(f"{peer}: another run is handing this master over; wait for that one")
    tell(_mark(peer), ("SUBSCRIBE", channel(config)))
    tell(peer, ("CONFIG", "SET", "min-replicas-to-write", step.arg("min-replicas-to-write")))


def _mark(peer: Peer) -> Peer:
    return replace(peer, lane="handover")


def pause(config: Config, step: Step, host: Host) -> None:
    """CLIENT PAUSE WRITE; Redis ends it by itself."""
    tell(server_peer(config, step.arg("at"), host), ("CLIENT", "PAUSE", str(int(float(step.arg("seconds")) * 1000)), "WRITE"))


def drain(config: Config, step: Step, host: Host) -> None:
    """Wait until each replica's own offset is the master's. Its acknowledgements to the master come only once a second."""
    master = server_peer(config, step.arg("at"), host)
    replicas = {node: server_peer(config, f"{at}:{config.port}", host) for node, at in hosts(step.arg("peers")).items()}
    behind: Dict[str, str] = {}

    def level() -> bool:
        roles = _roles((master, *replicas.values()))
        head = roles[master]
        if head[0] != "master":
            raise ApplyError(f"{master} says it is a {head[0] or 'silent server'}: somebody else moved the master")
        behind.clear()
        behind.update({node: f"{node} at {roles[peer][-1]}" for node, peer in replicas.items() if roles[peer][-1] != head[1]})
        return not behind

    if not host.wait(level, config.handover_timeout * DRAIN_SHARE, POLL):
        raise ApplyError(f"{master}: {' and '.join(behind.values())} did not catch up under the pause")


def _roles(peers: Tuple[Peer, ...]) -> Dict[Peer, Tuple[str, ...]]:
    """ROLE as (master, offset), (slave, host, port, state, offset), or ("",) for no answer."""
    answers = links().ask({peer: [("ROLE",)] for peer in peers}, ASK_SECONDS)
    found: Dict[Peer, Tuple[str, ...]] = {}
    for peer, answer in answers.items():
        role = answer[0] if not isinstance(answer, Silence) else None
        words = tuple(str(word) for word in role) if isinstance(role, list) else ("",)
        found[peer] = words[:2] if words[0] == "master" else words
    return found


def failover(config: Config, step: Step, host: Host) -> None:
    """SENTINEL FAILOVER, unless that Sentinel names another master by now. One that is in progress already is as good."""
    peer = sentinel_peer(config, step.arg("at"), host)
    old = server_peer(config, step.arg("old"), host)
    named_now = tell(peer, ("SENTINEL", "get-master-addr-by-name", config.group))[0]
    if named_now != [old.host, str(old.port)]:
        raise ApplyError(f"{peer}: it names {named_now}, not {old}: somebody else moved the master")
    how = (step.arg("how"),) if step.arg("how") else ()
    reply = links().call(peer, "SENTINEL", "FAILOVER", config.group, *how, seconds=1.0)
    if isinstance(reply, Refusal) and reply.code != "INPROG":
        raise ApplyError(f"{peer}: SENTINEL FAILOVER: {reply.words}")


def promoted(config: Config, step: Step, host: Host) -> None:
    """Wait until a replica says master: about three ticks of Sentinel's timer, 50 to 100 ms each."""
    replicas = tuple(server_peer(config, f"{at}:{config.port}", host) for at in hosts(step.arg("peers")).values())
    if not host.wait(
        lambda: any(role[0] == "master" for role in _roles(replicas).values()), config.handover_timeout * PROMOTED_SHARE, POLL
    ):
        raise ApplyError(f"no replica was promoted within {config.handover_timeout * PROMOTED_SHARE:g} s")


def demote(config: Config, step: Step, host: Host) -> None:
    """REPLICAOF the one other master, if Sentinel is behind it: some Sentinel leads a failover from here, or names it."""
    wanted = recall(config, step)
    view = observe_authority(config, wanted.addresses, host, ASK_SECONDS)
    risen = _risen(view, wanted.local)
    tell(server_peer(config, wanted.server_at(wanted.local), host), ("REPLICAOF", wanted.addresses[risen], str(config.port)))


def _risen(view: View, local: str) -> str:
    others = tuple(claim.node for claim in view.claims if claim.role == "master" and claim.node != local)
    if len(others) != 1:
        raise ApplyError(f"{' and '.join(others) or 'no other node'} says master; the old one stays fenced")
    if not any(vote.deposing or vote.master == others[0] for vote in view.votes if vote.answered):
        raise ApplyError(f"{others[0]} says master, but no Sentinel made it one; the old one stays fenced")
    return others[0]


def door(config: Config, step: Step, host: Host) -> None:
    """Tell one HAProxy. Failing is not an error: its own checks find out, only later."""
    wanted = recall(config, step)
    peer = server_peer(config, wanted.server_at(wanted.local), host)
    half = float(step.arg("seconds")) / 2
    # Before the new master has a replica it could only answer -NOREPLICAS.
    host.wait(lambda: "connected" in _roles((peer,))[peer], min(LINK_SECONDS, half), POLL)
    role = _roles((peer,))[peer]
    risen = next((node for node, at in wanted.addresses.items() if role[0] == "slave" and at == role[1]), "")
    if not risen:
        return
    others = tuple(node for node in wanted.scope if node != risen)
    try:
        grant(host, step.on, group_id(config.path, config.group), risen, others, step.arg("backends").split(), min(SOCKET_SECONDS, half))
    except HaError:
        return


def disconnect(config: Config, step: Step, host: Host) -> None:
    """Close the clients' connections, ours excepted, once the HAProxies have had the time to move them.

    A connection closed while its HAProxy still points here comes back here, and fails a second time. Until
    then its writes wait in the pause, and no HAProxy needs longer than its next health check.
    """
    peer = server_peer(config, step.arg("at"), host)
    host.wait(lambda: not _waiting(peer), LINGER_SECONDS, LINGER_POLL)
    tell(server_peer(config, step.arg("at"), host), ("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"))


def _waiting(peer: Peer) -> bool:
    """Do clients wait in the pause?"""
    return number(parse_info(str(tell(peer, ("INFO", "clients"))[0])).get("blocked_clients")) > 0


def release(config: Config, step: Step, host: Host) -> None:
    """End pause and fence if nothing can be lost by it: this node is a replica now, or nobody has begun to replace it.

    In between, a failover is running or done while this node still says master: the fence stays, and so does
    the pause until it ends by itself.
    """
    wanted = recall(config, step)
    peer = server_peer(config, wanted.server_at(wanted.local), host)
    try:
        view = observe_authority(config, wanted.addresses, host, ASK_SECONDS)
        if _harmless(view, wanted.local):
            tell(peer, ("CLIENT", "UNPAUSE"), ("CONFIG", "SET", "min-replicas-to-write", step.arg("min-replicas-to-write")))
    finally:
        links().drop(_mark(peer))


def _harmless(view: View, local: str) -> bool:
    roles = {claim.node: claim.role for claim in view.claims}
    if roles[local] == "slave":
        return True
    deposed = any(vote.deposing or vote.master not in ("", local) for vote in view.votes if vote.answered)
    return roles[local] == "master" and not deposed and "master" not in [role for node, role in roles.items() if node != local]


def settle(config: Config, step: Step, host: Host) -> None:
    """Wait until a majority of the Sentinels names the new master, none is failing over, and who stays follows it."""
    wanted = recall(config, step)
    left: Dict[str, str] = {}

    def settled() -> bool:
        left["words"] = _unsettled(config, wanted, host)
        return not left["words"]

    if not host.wait(settled, config.ready_timeout, 0.05):
        raise ApplyError(f"not settled within {config.ready_timeout:g} s: {left['words']}")


def _unsettled(config: Config, wanted: Desired, host: Host) -> str:
    actual = observe_group(config, wanted.local, wanted.addresses, host)
    name = named(actual.view())
    if not name or name == wanted.local:
        return f"the Sentinels name {name or 'nobody'}"
    busy = [node for node, sentinel in actual.sentinels.items() if sentinel.failing_over]
    if busy:
        return f"the Sentinel on {busy[0]} is failing over"
    loose = [
        n
        for n in wanted.staying
        if n != name and actual.servers[n].answers and not (actual.servers[n].master == name and actual.servers[n].link_up)
    ]
    return f"{' '.join(loose)} not in sync with {name}" if loose else ""


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {
    "fence": fence,
    "pause": pause,
    "drain": drain,
    "failover": failover,
    "promoted": promoted,
    "demote": demote,
    "door": door,
    "disconnect": disconnect,
    "release": release,
    "settle": settle,
}
