"""How to reach the servers and Sentinels of a group: addresses, passwords, TLS, deadlines."""

from __future__ import annotations

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.redis_link import Command, Peer, Silence, links
from osvc_ha.redis_resp import Refusal, Reply
from osvc_ha.secret import read_password
from osvc_ha.systems.redis.config import Config

LOOK_SECONDS = 2.0
ACT_SECONDS = 2.0


def server_peer(config: Config, at: str, host: Host) -> Peer:
    """``host:port`` of a redis-server -> whom to ask, with the password read from its file."""
    return _peer(config, at, config.username, read_password(config.password_file, host))


def sentinel_peer(config: Config, at: str, host: Host) -> Peer:
    """The same for a Sentinel."""
    return _peer(config, at, config.sentinel_username, read_password(config.sentinel_password_file, host))


def _peer(config: Config, at: str, username: str, password: str) -> Peer:
    name, _, port = at.rpartition(":")
    tls = (config.tls_ca, config.tls_cert, config.tls_key) if config.tls else None
    return Peer(name, int(port), username, password, tls)


def tell(peer: Peer, *commands: Command, seconds: float = ACT_SECONDS) -> list[Reply]:
    """Send commands; ApplyError with Redis' words for silence or for the first refusal."""
    answer = links().ask({peer: commands}, seconds)[peer]
    if isinstance(answer, Silence):
        raise ApplyError(f"{peer}: {answer.words}")
    for command, reply in zip(commands, answer):
        if isinstance(reply, Refusal):
            raise ApplyError(f"{peer}: {' '.join(command[:2])}: {reply.words}")
    return answer
