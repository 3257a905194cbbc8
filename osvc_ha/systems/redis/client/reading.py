"""One round of questions to every server and Sentinel of the group: ``observe_group``, ``observe_authority``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Dict, List, Tuple

from osvc_ha.authority import Claim, View, Vote
from osvc_ha.cluster.addresses import is_address
from osvc_ha.host import Host
from osvc_ha.redis_dial import resolve
from osvc_ha.redis_link import Answer, Command, Peer, Silence, links
from osvc_ha.redis_resp import Refusal
from osvc_ha.systems.redis.config import Config
from osvc_ha.systems.redis.state import Actual, Health, Sentinel, Server
from osvc_ha.systems.redis.state.replies import Names, parse_info, parse_pairs, parse_sentinel, parse_server

from .peers import LOOK_SECONDS, sentinel_peer, server_peer

REFUSALS = {"LOADING": Health.LOADING, "BUSY": Health.BUSY, "NOAUTH": Health.DENIED, "WRONGPASS": Health.DENIED, "NOPERM": Health.DENIED}


def channel(config: Config) -> str:
    """The channel that a running handover listens to on the master: PUBSUB NUMSUB tells whether it lives."""
    return f"osvc_ha:handover:{config.group}"


def observe_group(config: Config, local: str, addresses: Mapping[str, str], host: Host) -> Actual:
    """Servers and Sentinels, all asked at once; what does not answer is part of the reading."""
    names = names_of(config, addresses)
    servers = {node: server_peer(config, f"{at}:{config.port}", host) for node, at in addresses.items()}
    sentinels = {node: sentinel_peer(config, f"{at}:{config.sentinel_port}", host) for node, at in addresses.items()}
    questions: Dict[Peer, Tuple[Command, ...]] = {peer: _server_questions(config) for peer in servers.values()}
    questions.update({peer: _sentinel_questions(config) for peer in sentinels.values()})
    answers = links().ask(questions, LOOK_SECONDS)
    return Actual(
        local=local,
        servers={node: _server(node, answers[peer], names) for node, peer in servers.items()},
        sentinels={node: _sentinel(node, answers[peer], names) for node, peer in sentinels.items()},
    )


def observe_authority(config: Config, addresses: Mapping[str, str], host: Host, seconds: float = 0.2) -> View:
    """Who says what about who is master: a View for plan.authority. ``addresses``: node -> host, of the whole scope.

    Over persistent connections below a millisecond on one machine; a peer that hangs costs ``seconds``.
    """
    names = names_of(config, addresses)
    servers = {server_peer(config, f"{at}:{config.port}", host): node for node, at in addresses.items()}
    sentinels = {sentinel_peer(config, f"{at}:{config.sentinel_port}", host): node for node, at in addresses.items()}
    questions: Dict[Peer, Tuple[Command, ...]] = {peer: (("ROLE",),) for peer in servers}
    # Epoch first, name second: see authority.py.
    votes = (("SENTINEL", "MASTER", config.group), ("SENTINEL", "get-master-addr-by-name", config.group))
    questions.update({peer: votes for peer in sentinels})
    answers = links().ask(questions, seconds)
    return View(
        votes=tuple(_vote(node, answers[peer], names) for peer, node in sentinels.items()),
        claims=tuple(_claim(node, answers[peer], names) for peer, node in servers.items()),
    )


def names_of(config: Config, addresses: Mapping[str, str]) -> Names:
    """Every spelling of the nodes' addresses: as configured, and as their names resolve."""
    known = {at.lower().rstrip("."): node for node, at in addresses.items()}
    for node, at in addresses.items():
        if not is_address(at):
            try:
                known.setdefault(str(resolve(at, 0)[1][0]), node)
            except OSError:
                continue
    return Names(known, config.port, config.sentinel_port)


def _server_questions(config: Config) -> Tuple[Command, ...]:
    # No DBSIZE: a replica that serves no stale data answers it -MASTERDOWN; INFO always answers.
    return (("INFO",), ("CONFIG", "GET", "*replica*"), ("PUBSUB", "NUMSUB", channel(config)))


def _sentinel_questions(config: Config) -> Tuple[Command, ...]:
    words = ("MASTER", "get-master-addr-by-name", "REPLICAS", "SENTINELS", "CKQUORUM")
    return (*(("SENTINEL", word, config.group) for word in words), ("INFO",))


def _health(answer: Answer) -> Tuple[Health, str]:
    if isinstance(answer, Silence):
        return (Health.ABSENT if answer.refused else Health.SILENT), answer.words
    first = answer[0]
    if isinstance(first, Refusal) and first.code in REFUSALS:
        return REFUSALS[first.code], first.words
    return Health.ANSWERS, ""


def _server(node: str, answer: Answer, names: Names) -> Server:
    health, trouble = _health(answer)
    if health is not Health.ANSWERS or isinstance(answer, Silence):
        return Server(node, health, trouble)
    info, config, holders = answer
    for reply in (info, config):
        if isinstance(reply, Refusal):
            return Server(node, Health.DENIED, reply.words)
    return parse_server(node, parse_info(str(info)), parse_pairs(config), isinstance(holders, list) and bool(holders[-1]), names)


def _sentinel(node: str, answer: Answer, names: Names) -> Sentinel:
    health, trouble = _health(answer)
    if health is not Health.ANSWERS or isinstance(answer, Silence):
        return Sentinel(node, health, trouble)
    master, address, replicas, others, quorum, info = answer
    fields = parse_info(str(info))
    return replace(
        parse_sentinel(node, master, address, replicas, others, names),
        unusable=quorum.words if isinstance(quorum, Refusal) else "",
        pid=int(fields.get("process_id", "0")),
        file=fields.get("config_file", ""),
        tilt=fields.get("sentinel_tilt") == "1",
    )


def _vote(node: str, answer: Answer, names: Names) -> Vote:
    if isinstance(answer, Silence):
        return Vote(node, answered=False)
    seen = parse_sentinel(node, answer[0], answer[1], None, None, names)
    return Vote(node, seen.master, seen.epoch, not isinstance(answer[0], Refusal) or answer[0].code == "ERR", seen.deposing)


def _claim(node: str, answer: Answer, names: Names) -> Claim:
    if isinstance(answer, Silence) or not isinstance(answer[0], list):
        return Claim(node)
    role: List[object] = answer[0]
    return Claim(node, str(role[0]), names.server(str(role[1]), str(role[2])) if role[0] == "slave" else "")
