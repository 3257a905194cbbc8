"""How to reach the mongods of a set: host and port, login, TLS; and the short forms that steps use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Optional

from osvc_ha.host import Host
from osvc_ha.secret import read_password
from osvc_ha.systems.mongo.config import Config

from .link import Peer


def peer_at(config: Config, at: str, host: Host) -> Peer:
    """``host:port`` -> whom to ask, with the password read from its file. ObserveError when that is missing."""
    name, _, port = at.rpartition(":")
    tls = (config.tls_ca, config.tls_cert_key) if config.tls else None
    password = read_password(config.password_file, host) if config.username else ""
    return Peer(name.strip("[]"), int(port), config.username, password, config.auth_source, tls)


def socket_peer(config: Config, host: Host) -> Peer:
    """This node's own mongod by its unix socket, where mongod asks nobody for TLS."""
    password = read_password(config.password_file, host) if config.username else ""
    return Peer(config.socket, 0, config.username, password, config.auth_source)


def keyfile_peer(config: Config, peer: Peer, host: Host) -> Optional[Peer]:
    """The same, logging in as members do among themselves: as long as a set has no user, nobody else is let in from another node.

    The user __system, whose password is the keyfile without its white space (the manual, "Internal Authentication").
    """
    if not config.keyfile:
        return None
    content = "".join((host.read(Path(config.keyfile), lossy=True) or "").split())
    return replace(peer, username="__system", password=content, auth_source="local") if content else None


def own_peer(config: Config, at: str, host: Host) -> Peer:
    """This node's own mongod: by its socket where there is one, since the localhost exception holds there; else by its name."""
    folder = Path(config.socket).parent
    return socket_peer(config, host) if config.launch and Path(config.socket).name in host.names(folder) else peer_at(config, at, host)
