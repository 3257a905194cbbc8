"""The keywords of a redis resource, and what they parse to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional, Tuple

from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.reader import KeywordReader
from osvc_ha.planner.types import Keyword

KEYWORDS: Tuple[Keyword, ...] = (
    Keyword("path", "The service whose instances form the group, as namespace/kind/name.", required=True),
    Keyword("group", "The Sentinel master name. Unique among all clusters whose Sentinels can hear each other.", "the service's name"),
    Keyword("port", "The port of redis-server, the same on every node.", "6379"),
    Keyword("sentinel_port", "The port of the Sentinel, the same on every node.", "26379"),
    Keyword("username", "The ACL user osvc_ha, the replicas and the Sentinels log in to redis-server as. Empty: the default user."),
    Keyword("password_file", "A file (mode 0600) with that user's password. Empty: no password."),
    Keyword("sentinel_username", "The ACL user to log in to the Sentinels as. Empty: the default user."),
    Keyword("sentinel_password_file", "A file (mode 0600) with the Sentinels' password. Empty: no password."),
    Keyword("tls", "Speak TLS to redis-server and Sentinel, and write it into first configurations.", "false"),
    Keyword("tls_ca", "The CA that signed the servers' certificates. Required with tls."),
    Keyword("tls_cert", "The certificate redis-server, Sentinel and osvc_ha present. Required with tls."),
    Keyword("tls_key", "Its key. Required with tls."),
    Keyword(
        "directory",
        "Where first configurations, data, logs and pid files go: one folder for server, one for Sentinel; both writable.",
        "/var/lib/osvc_ha/redis/<group>",
    ),
    Keyword("launch", "true: start and stop the processes. false: OpenSVC or a container runs them, and start waits for them.", "true"),
    Keyword("redis_server", "The redis-server (or valkey-server) program.", "redis-server"),
    Keyword("redis_sentinel", "The redis-sentinel program.", "redis-sentinel"),
    Keyword("min_replicas_to_write", "How many replicas must be in sync for a write to be taken; auto: 1 from 3 nodes on.", "auto"),
    Keyword("min_replicas_max_lag", "Seconds after which a silent replica no longer counts as in sync.", "3"),
    Keyword(
        "down_after",
        "Milliseconds of silence after which a Sentinel takes a server for down. Below 1500, a master that was just "
        "promoted may be taken for down too, since Sentinel reconnects only once a second.",
        "5000",
    ),
    Keyword("failover_timeout", "Milliseconds; Sentinel retries a failed failover after twice this.", "10000"),
    Keyword("quorum", "How many Sentinels must agree that the master is down; auto: a majority.", "auto"),
    Keyword("grace", "Seconds a replica or Sentinel has to be gone before it is forgotten.", "300"),
    Keyword("ready_timeout", "Seconds start waits until a failover would work.", "60"),
    Keyword("handover_timeout", "Seconds the master's writes may be paused by a planned handover. Below the clients' own time-out.", "5"),
    Keyword("allow_stop_without_handover", "true: stop a master even if no replica can take over.", "false"),
    Keyword("coordinated", "true: hand over by Valkey 9's SENTINEL FAILOVER ... COORDINATED instead of our own pause and drain.", "false"),
    Keyword("haproxy_socket", "Runtime sockets of the HAProxies on this node, separated by spaces; told of a handover at once."),
)

# The alphabet of Sentinel's own master names (sentinel.c, isValidMasterName in spirit): it must
# survive a line of redis.conf, a HAProxy backend name and a stick-table key unquoted.
GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")


USUAL_PING_PERIOD = 1000


@dataclass(frozen=True)
class Config:
    """The parsed keywords. ``down_after`` and ``failover_timeout`` in milliseconds, other times in seconds.

    ``min_replicas`` and ``quorum`` are None for ``auto``. Password files are named here, never read here.
    """

    path: str
    group: str
    port: int = 6379
    sentinel_port: int = 26379
    username: str = ""
    password_file: str = ""
    sentinel_username: str = ""
    sentinel_password_file: str = ""
    tls: bool = False
    tls_ca: str = ""
    tls_cert: str = ""
    tls_key: str = ""
    directory: str = ""
    launch: bool = True
    redis_server: str = "redis-server"
    redis_sentinel: str = "redis-sentinel"
    min_replicas: Optional[int] = None
    min_replicas_max_lag: int = 3
    down_after: int = 5000
    failover_timeout: int = 10000
    quorum: Optional[int] = None
    grace: float = 300.0
    ready_timeout: float = 60.0
    handover_timeout: float = 5.0
    allow_stop_without_handover: bool = False
    coordinated: bool = False
    haproxy_sockets: Tuple[str, ...] = ()

    @property
    def ping_period(self) -> int:
        """Milliseconds between two pings of a Sentinel: two within down_after. Below 400, the INFO that a replica is chosen by would
        be too old after five of them (sentinelSelectSlave)."""
        return min(USUAL_PING_PERIOD, max(400, self.down_after // 2))


def parse(keywords: Mapping[str, str]) -> Config:
    """Keywords as strings -> Config. ConfigError names the service, the keyword and the value."""
    read = KeywordReader(keywords, KEYWORDS)
    path = read.service("path", "prod/svc/redis")
    group = read.text("group", GROUP, "letters, digits, dot, dash and underscore, 64 at most", default=path.rsplit("/", 1)[-1])
    tls = read.flag("tls", False)
    config = Config(
        path=path,
        group=group,
        port=read.number("port", 6379, 1, 65535),
        sentinel_port=read.number("sentinel_port", 26379, 1, 65535),
        username=read.user("username", "an ACL user name"),
        password_file=read.file("password_file"),
        sentinel_username=read.user("sentinel_username", "an ACL user name"),
        sentinel_password_file=read.file("sentinel_password_file"),
        tls=tls,
        tls_ca=read.file("tls_ca", required=tls),
        tls_cert=read.file("tls_cert", required=tls),
        tls_key=read.file("tls_key", required=tls),
        directory=read.file("directory", default=f"/var/lib/osvc_ha/redis/{group}"),
        launch=read.flag("launch", True),
        redis_server=read.program("redis_server", "redis-server"),
        redis_sentinel=read.program("redis_sentinel", "redis-sentinel"),
        min_replicas=read.auto("min_replicas_to_write", 0, 100),
        min_replicas_max_lag=read.number("min_replicas_max_lag", 3, 1, 3600),
        down_after=read.number("down_after", 5000, 100, 3_600_000),
        failover_timeout=read.number("failover_timeout", 10000, 1000, 3_600_000),
        quorum=read.auto("quorum", 1, 100),
        grace=float(read.number("grace", 300, 1, 31_536_000)),
        ready_timeout=float(read.number("ready_timeout", 60, 1, 86_400)),
        handover_timeout=float(read.number("handover_timeout", 5, 1, 60)),
        allow_stop_without_handover=read.flag("allow_stop_without_handover", False),
        coordinated=read.flag("coordinated", False),
        haproxy_sockets=read.files("haproxy_socket"),
    )
    if config.port == config.sentinel_port:
        raise ConfigError(f"service {path}: port={config.port} is also sentinel_port; give one of them another")
    for user, file in (("username", "password_file"), ("sentinel_username", "sentinel_password_file")):
        if keywords.get(user) and not keywords.get(file):
            raise ConfigError(f"service {path}: {user}={keywords[user]} without {file}; name the file with its password")
    return config
