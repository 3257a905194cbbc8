"""The first redis.conf and sentinel.conf of a node. Pure. Written once; afterwards Redis and Sentinel own them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Tuple

from osvc_ha.cluster.addresses import is_address
from osvc_ha.systems.redis.config import Config

Lines = Tuple[str, ...]

# A port of our own address that refuses at once (tcpmux). Not the server's own port: over TLS, Redis waits for
# its own answer there, for 5 s at a time (syncWithMaster reads with repl_syncio_timeout).
NOBODY = 1


def render_server(config: Config, host: str, directory: str, password: str, settings: Iterable[Tuple[str, str]]) -> str:
    """redis.conf. It says to replicate from nobody: see rule 2 of the plans. AOF is on: what was acknowledged survives a crash."""
    return _text(
        (
            *_listen(config, host, config.port),
            f"dir {directory}",
            f"pidfile {directory}/redis.pid",
            f"logfile {directory}/redis.log",
            "appendonly yes",
            "repl-diskless-sync-delay 0",
            f"replica-announce-port {config.port}",
            *(f"{key} {value}" for key, value in settings),
            f"replicaof {host} {NOBODY}",
            *_users(config.username, password),
            *((f"masterauth {quoted(password)}",) if password else ()),
            *((f"masteruser {config.username}",) if config.username else ()),
        )
    )


def render_sentinel(config: Config, host: str, directory: str, password: str) -> str:
    """sentinel.conf, which monitors nothing yet. Host names are used on both sides or not at all (redis#9103)."""
    names = () if is_address(host) else ("sentinel resolve-hostnames yes", "sentinel announce-hostnames yes")
    return _text(
        (
            *_listen(config, host, config.sentinel_port),
            f"dir {directory}",
            f"pidfile {directory}/sentinel.pid",
            f"logfile {directory}/sentinel.log",
            *names,
            f"sentinel announce-ip {host}",
            f"sentinel announce-port {config.sentinel_port}",
            *_users(config.sentinel_username, password),
            *((f"sentinel sentinel-pass {quoted(password)}",) if password else ()),
            *((f"sentinel sentinel-user {config.sentinel_username}",) if config.sentinel_username else ()),
        )
    )


def _listen(config: Config, host: str, port: int) -> Lines:
    # A host name may resolve to 127.0.1.1 on its own node (Debian's /etc/hosts), so it is not bound to.
    bind = (f"bind {host}" if is_address(host) else "bind * -::*", "protected-mode no", "daemonize no")
    if not config.tls:
        return (*bind, f"port {port}")
    return (
        *bind,
        "port 0",
        f"tls-port {port}",
        f"tls-ca-cert-file {config.tls_ca}",
        f"tls-cert-file {config.tls_cert}",
        f"tls-key-file {config.tls_key}",
        "tls-replication yes",
    )


def _users(username: str, password: str) -> Lines:
    """The default user gets the same password, for a default user without one would be an open door."""
    if not password:
        return ()
    if not username:
        return (f"requirepass {quoted(password)}",)
    return tuple(f"user {name} on {quoted('>' + password)} ~* &* +@all" for name in ("default", username))


def quoted(text: str) -> str:
    """A value for redis.conf: whatever is not a letter or digit as ``\\xHH``, so that nothing can end the line or the quotes."""
    return '"' + "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\x{byte:02x}" for byte in text.encode()) + '"'


def _text(lines: Lines) -> str:
    return "# The first configuration, written by osvc_ha. It is not written again: change it as you like.\n" + "\n".join(lines) + "\n"
