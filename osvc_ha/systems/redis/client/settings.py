"""Joining, settings of servers and Sentinels, and the waits of START."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.redis_link import Peer, links
from osvc_ha.secret import read_password
from osvc_ha.systems.redis.config import Config
from osvc_ha.systems.redis.plan.joining import Move, part
from osvc_ha.systems.redis.plan.readiness import missing, named_master
from osvc_ha.systems.redis.plan.steps import recall
from osvc_ha.systems.redis.state import Actual, Desired
from osvc_ha.systems.redis.state.replies import parse_info

from . import processes
from .peers import ACT_SECONDS, sentinel_peer, server_peer, tell
from .reading import observe_group

POLL = 0.1
LOADING_SECONDS = 10.0


def set_server(config: Config, step: Step, host: Host) -> None:
    """CONFIG SET, one at a time: Redis 6.2 takes no more, and none before it has loaded its data."""
    pairs = [pair for pair in step.args if pair[0] != "at"]
    peer = server_peer(config, step.arg("at"), host)
    give_up = host.monotonic() + config.ready_timeout
    while True:
        try:
            tell(peer, *(("CONFIG", "SET", *pair) for pair in pairs), seconds=LOADING_SECONDS)
            return
        except ApplyError:
            if host.monotonic() >= give_up or not _loading(peer):
                raise
        host.sleep(POLL)


def _loading(peer: Peer) -> bool:
    """Does it load its data? Then it answers between two chunks only."""
    return parse_info(str(tell(peer, ("INFO", "persistence"), seconds=LOADING_SECONDS)[0])).get("loading") == "1"


def set_sentinel(config: Config, step: Step, host: Host) -> None:
    """SENTINEL SET."""
    pairs = [pair for pair in step.args if pair[0] != "at"]
    tell(sentinel_peer(config, step.arg("at"), host), *(("SENTINEL", "SET", config.group, *pair) for pair in pairs))


def monitor(config: Config, step: Step, host: Host) -> None:
    """REMOVE if it monitors the group already, then MONITOR and every setting, in one go.

    The master is the one named in the step, else the one that the node's own server leads or follows by now.
    """
    peer = sentinel_peer(config, step.arg("at"), host)
    master = (step.arg("master"), str(config.port)) if step.arg("master") else _followed(config, step, host)
    links().call(peer, "SENTINEL", "REMOVE", config.group, seconds=ACT_SECONDS)
    own = ("at", "server", "master", "quorum")
    pairs = [pair for pair in step.args if pair[0] not in own]
    if config.username:
        pairs.append(("auth-user", config.username))
    if config.password_file:
        pairs.append(("auth-pass", read_password(config.password_file, host)))
    begin = ("SENTINEL", "MONITOR", config.group, *master, step.arg("quorum"))
    tell(peer, begin, *(("SENTINEL", "SET", config.group, *pair) for pair in pairs))


def _followed(config: Config, step: Step, host: Host) -> Tuple[str, str]:
    peer = server_peer(config, step.arg("server"), host)
    role = tell(peer, ("ROLE",))[0]
    return (str(role[1]), str(role[2])) if role[0] == "slave" else (peer.host, str(peer.port))


def reset(config: Config, step: Step, host: Host) -> None:
    """SENTINEL RESET of this one group: its replicas and other Sentinels are found anew, the dead are not."""
    tell(sentinel_peer(config, step.arg("at"), host), ("SENTINEL", "RESET", config.group))


def join(config: Config, step: Step, host: Host) -> None:
    """Take the part that joining.part gives, as soon as it can be told. ApplyError when it may not, or not in time."""
    wanted = recall(config, step)
    give_up = host.monotonic() + config.ready_timeout
    while True:
        actual = _look(config, wanted, host)
        if _took_part(config, wanted, actual, host):
            return
        if host.monotonic() >= give_up:
            raise ApplyError(f"no role within {config.ready_timeout:g} s: {_why_not(actual, wanted)}")
        host.sleep(POLL)


def _look(config: Config, wanted: Desired, host: Host) -> Actual:
    return observe_group(config, wanted.local, wanted.addresses, host)


def _why_not(actual: Actual, wanted: Desired) -> str:
    here = actual.here
    return part(actual, wanted).why if here.answers else f"redis-server on {here.node} is {here.health.value} {here.trouble}".rstrip()


def _took_part(config: Config, wanted: Desired, actual: Actual, host: Host) -> bool:
    if not actual.here.answers:
        return False
    role = part(actual, wanted)
    peer = server_peer(config, wanted.server_at(wanted.local), host)
    if role.move is Move.REFUSE:
        if config.launch:
            # Left running, it would be turned into a replica by the Sentinels that remember it, and be wiped.
            processes.end_server(config, Step("end-server", wanted.local, role.why, (("at", str(peer)),)), host)
        raise ApplyError(role.why)
    if role.move is Move.LEAD and actual.here.role != "master":
        tell(peer, ("REPLICAOF", "NO", "ONE"))
    if role.move is Move.FOLLOW and actual.here.master != role.master:
        tell(peer, ("REPLICAOF", wanted.addresses[role.master], str(config.port)))
    return role.move in (Move.LEAD, Move.FOLLOW)


def wait_ready(config: Config, step: Step, host: Host) -> None:
    """Wait until readiness.missing has nothing to say."""
    wanted = recall(config, step)
    _wait(lambda: "; ".join(missing(_look(config, wanted, host), wanted)), config, host, "not ready")


def wait_deposed(config: Config, step: Step, host: Host) -> None:
    """Wait until the Sentinels name another master than this node, which has lost its data."""
    wanted = recall(config, step)

    def left() -> str:
        name = named_master(_look(config, wanted, host), wanted)
        return "" if name not in ("", wanted.local) else f"the Sentinels name {name or 'nobody'}"

    _wait(left, config, host, f"no other master than {wanted.local}, which has lost its data")


def wait_preferred(config: Config, step: Step, host: Host) -> None:
    """Wait until every Sentinel that answers has read the replica's new priority."""
    wanted = recall(config, step)

    def left() -> str:
        seen = {s.node: {r.where: r.priority for r in s.replicas} for s in _look(config, wanted, host).sentinels.values() if s.speaks}
        late = sorted(node for node, replicas in seen.items() if replicas.get(step.on) != int(step.arg("priority")))
        return f"the Sentinels on {' '.join(late)} do not know it yet" if late else ""

    _wait(left, config, host, f"{step.on} is not preferred")


def _wait(left: Callable[[], str], config: Config, host: Host, what: str) -> None:
    give_up = host.monotonic() + config.ready_timeout
    while True:
        words = left()
        if not words:
            return
        if host.monotonic() >= give_up:
            raise ApplyError(f"{what} within {config.ready_timeout:g} s: {words}")
        host.sleep(POLL)


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {
    "set-server": set_server,
    "set-sentinel": set_sentinel,
    "monitor": monitor,
    "reset": reset,
    "join": join,
    "wait-ready": wait_ready,
    "wait-deposed": wait_deposed,
    "wait-preferred": wait_preferred,
}
