"""mongod.conf of a node. Pure. It is ours: rendered anew before mongod starts. What the set agreed upon is in its data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from osvc_ha.cluster.addresses import is_loopback
from osvc_ha.systems.mongo.config import Config

Tree = Mapping[str, object]


def render_mongod(config: Config, host: str) -> str:
    """mongod.conf, YAML. host: the member's own name, without port. Holds no secret: the keyfile is only named."""
    tree: Tree = {
        "replication": {"replSetName": config.replica_set, "oplogSizeMB": config.oplog_mb},
        "net": {
            "port": config.port,
            "bindIp": bind(config, host),
            "ipv6": ":" in bind(config, host),
            "unixDomainSocket": {"pathPrefix": config.directory},
            "tls": _tls(config),
        },
        "security": {"keyFile": config.keyfile} if config.keyfile else None,
        "storage": {"dbPath": config.data, "wiredTiger": _cache(config)},
        # reopen: whoever rotates renames the file, and asks mongod to open it anew. MongoDB wants logAppend with it.
        "systemLog": {"destination": "file", "path": config.log, "logAppend": True, "logRotate": "reopen", "quiet": config.quiet},
        # In quiet mode too it would warn of each client that shows no certificate, as none of HAProxy's checks does.
        "setParameter": {"suppressNoTLSPeerCertificateWarning": True} if config.tls and config.quiet else None,
        "processManagement": {"pidFilePath": f"{config.directory}/mongod.pid"},
    }
    lines = ["# Written by osvc_ha before each start of mongod: change the keywords of the resource instead.", *_lines(tree, "")]
    return "\n".join(lines) + "\n"


def bind(config: Config, host: str) -> str:
    """net.bindIp. Not localhost beside another loopback address: there every node of a test has its own, and all would want localhost."""
    return config.bind or (host if is_loopback(host) else f"{host},localhost")


def _tls(config: Config) -> object:
    if not config.tls:
        return None
    return {
        "mode": "requireTLS",
        "certificateKeyFile": config.tls_cert_key,
        "CAFile": config.tls_ca,
        # Clients log in by name; with CAFile alone mongod would ask a certificate of each.
        "allowConnectionsWithoutCertificates": True,
    }


def _cache(config: Config) -> object:
    return {"engineConfig": {"cacheSizeGB": config.cache_mb / 1024}} if config.cache_mb else None


def _lines(tree: Tree, indent: str) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield f"{indent}{key}:"
            yield from _lines(value, f"{indent}  ")
        elif value is not None:
            # JSON is YAML, and quotes what a path may hold.
            yield f"{indent}{key}: {json.dumps(value)}"
