"""The Redis groups behind the L4 listeners: where their parts are, and what each says about who is master.

For whoever needs no keyword of the redis system: the fast path, ``osvc-ha status``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.authority import Claim, View, Vote
from osvc_ha.host import Host
from osvc_ha.redis_link import Answer, Links, Peer
from osvc_ha.systems.haproxy.plan import RedisGroup

Spots = Mapping[Tuple[str, str], str]


@dataclass(frozen=True)
class Group:
    """One Sentinel group: HAProxy's id for it, Sentinel's name, its servers and Sentinels by node, its backends."""

    id: str
    master: str
    servers: Tuple[Tuple[str, Peer], ...]
    sentinels: Tuple[Tuple[str, Peer], ...]
    backends: Tuple[str, ...]


def read_answers(links: Links, group: Group, seconds: float, leave_out: Collection[Peer] = ()) -> Mapping[Peer, Answer]:
    """Ask every Sentinel and every server at once. The epoch is read before the name: see authority.py."""
    master = ("SENTINEL", "MASTER", group.master)
    name = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", group.master)
    asked: dict[Peer, Tuple[Tuple[str, ...], ...]] = {peer: (master, name) for _, peer in group.sentinels}
    asked.update({peer: (("ROLE",),) for _, peer in group.servers})
    return links.ask({peer: commands for peer, commands in asked.items() if peer not in leave_out}, seconds)


def group_of(found: RedisGroup, credentials: Path, host: Host) -> Group:
    """With the logins from the files that the labels name in ``credentials``. ObserveError when one cannot be read."""
    user, secret = login(found.auth, credentials, host)
    sentinel_user, sentinel_secret = login(f"{found.auth}.sentinel" if found.auth else "", credentials, host)
    servers = tuple((node, Peer(where, port, user, secret)) for node, where, port in found.servers)
    sentinels = tuple((node, Peer(where, found.sentinel_port, sentinel_user, sentinel_secret)) for node, where, _ in found.servers)
    return Group(found.id, found.master, servers, sentinels, found.backends)


def login(name: str, credentials: Path, host: Host) -> Tuple[str, str]:
    """User and password from a file of ``credentials``, and from nowhere else: a label must not send any file of this node away."""
    path = credentials / name
    text = host.read(path) if name and path.parent == credentials else None
    user, _, secret = (text or "").partition("\n")[0].partition(":")
    return user, secret


def view_of(group: Group, answers: Mapping[Peer, Answer]) -> View:
    """Answers -> View. Who was not asked, refused, or said something else has not answered."""
    spots = {(peer.host.lower(), str(peer.port)): node for node, peer in group.servers}
    votes = tuple(_vote(node, answers.get(peer), spots) for node, peer in group.sentinels)
    return View(votes, tuple(_claim(node, answers.get(peer), spots) for node, peer in group.servers))


def _vote(sentinel: str, answer: Optional[Answer], spots: Spots) -> Vote:
    if not isinstance(answer, list) or len(answer) != 2 or not all(isinstance(reply, list) for reply in answer):
        return Vote(sentinel, answered=False)
    facts, name = answer
    fields = dict(zip(facts[::2], facts[1::2]))
    epoch = str(fields.get("config-epoch"))
    if len(name) != 2 or not epoch.isdecimal():
        return Vote(sentinel, answered=False)
    # During a failover SENTINEL MASTER still prints the old address, so the two agree only before the promotion.
    deposing = "failover_in_progress" in str(fields.get("flags")).split(",") and [fields.get("ip"), fields.get("port")] == name
    where = str(name[0]).lower(), str(name[1])
    return Vote(sentinel, spots.get(where, ":".join(where)), int(epoch), deposing=deposing)


def _claim(node: str, answer: Optional[Answer], spots: Spots) -> Claim:
    role = answer[0] if isinstance(answer, list) and answer else None
    if not isinstance(role, list) or not role:
        return Claim(node)
    # A replica that is not connected yet: its master could only answer -NOREPLICAS, a moment too early.
    linked = role[0] == "slave" and len(role) > 3 and role[3] == "connected"
    follows = spots.get((str(role[1]).lower(), str(role[2])), "") if linked else ""
    return Claim(node, str(role[0]), follows)
