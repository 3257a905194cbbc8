"""Keywords of the haproxy system, and the frozen Config they become."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha.cluster.types import full_path
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.reader import refuse_unknown, whole_of
from osvc_ha.planner.types import Keyword

KEYWORDS = (
    Keyword("path", "The service this is a resource of: config_file and runtime_dir are its alone. By hand: nobody's.", "this one"),
    Keyword("config_file", "The file to own and load.", "/etc/osvc_ha/haproxy.cfg"),
    Keyword("runtime_dir", "Sockets, pid file and server state live here.", "/run/osvc_ha/haproxy"),
    Keyword(
        "credentials_dir", "Where the files are that osvc.l4.auth may name, each `user:password`, mode 0600.", "/etc/osvc_ha/credentials"
    ),
    Keyword("haproxy", "The program.", "haproxy"),
    Keyword("bind", "Addresses to listen on, comma separated.", "*"),
    Keyword("maxconn", "Connections in all, lowered and said so when the file limit is too small; auto: what fits, 20000 at most.", "auto"),
    Keyword("check_interval", "Milliseconds between two health checks.", "200"),
    Keyword("check_timeout", "Milliseconds a health check may take: how long a hung server stays in use.", "1000"),
    Keyword("claim", "Milliseconds a Redis must call itself master without a break before Sentinel votes count for it.", "1200"),
    Keyword("lease", "Seconds a pushed change of authority lasts before HAProxy's own checks decide alone.", "3"),
    Keyword("connect_timeout", "Milliseconds to connect to a server.", "2000"),
    Keyword("idle_timeout", "Seconds an established session may be silent.", "86400"),
    Keyword("hard_stop_after", "Seconds an old worker may outlive a reload.", "30"),
    Keyword("workers", "Old workers at most; the eldest is stopped when a reload would exceed it.", "8"),
    Keyword("reload_interval", "Least seconds between two reloads, plus up to a fifth of jitter.", "2"),
    Keyword("start_command", "Starts HAProxy when something else than osvc_ha owns the process.", ""),
    Keyword("stop_command", "Stops it.", ""),
    Keyword("reload_command", "Reloads it, as `systemctl reload haproxy` or `podman kill -s USR2 haproxy`.", ""),
    Keyword("log", "Arguments of HAProxy's `log` line.", "stderr format raw local0 notice"),
    Keyword("allow_empty", "Render no listener at all when none is labelled, instead of keeping the last ones.", "false"),
)
MONGO_HELLO = "340000000100000000000000dd07000000000000001f0000001068656c6c6f000100000002246462000600000061646d696e0000"
MONGO_WRITABLE = "0869735772697461626C655072696D6172790001"  # bool isWritablePrimary = true, in BSON; HAProxy compares upper-case hex
MONGO_SECONDARY = "087365636F6E646172790001"
# StartupMessage of protocol 3.0 with user=osvc_ha. Whatever is said after the server has begun to take clients means that it does:
# a request to log in (R), or an error (E) of class 28, login refused, since pg_hba.conf need not know osvc_ha, or 53300, no connection
# left: that a client has to hear from the server. While it starts, stops or recovers it says E with 57P03. By SQLSTATE (field C),
# for the words are in the server's language. Not `option pgsql-check`: early 2.6 took SCRAM for an error (haproxy 0d6fb7a3e).
# And `linger`: PostgreSQL logs every connection that is reset, so that the checks would fill its log.
POSTGRES_HELLO = "00000016000300007573657200" + "6f7376635f6861" + "0000"
POSTGRES_TAKES_CLIENTS = "^(52000000|450000([0-9A-F][0-9A-F])*0043(3238|3533333030))"
SINGLE_WRITER = "    default-server fall 1 rise 1 on-marked-down shutdown-sessions\n"
# Two for a master: a check that was under way when a grant arrives still ends with the old answer, which must not
# undo the grant; and the old master's own check must not empty the backend just before the new one is opened. So too for MongoDB: whoever
# steps down refuses writes by itself, and drivers that were cut off and find nobody wait half a second (minHeartbeatFrequencyMS).
MASTER = "    default-server fall 2 rise 1 on-marked-down shutdown-sessions\n"
# Five: a replica loses its link for a moment whenever its master changes, and readers need not notice.
REPLICA = "    default-server fall 5 rise 1 on-marked-down shutdown-sessions\n"
INFO = """    option tcp-check
    tcp-check connect
    @AUTH@
    tcp-check send-binary 2a320d0a24340d0a494e464f0d0a2431310d0a7265706c69636174696f6e0d0a
"""
# min-recv: without it a reply that does not match is waited on until the time-out, so a replica
# would look hung for a second instead of failing at once (CloudPirates PR#1523). "role:" ends
# within the first 33 bytes of the reply to INFO replication.
RECIPES = {
    "tcp": "    option tcp-check\n    tcp-check connect\n",
    "role": INFO + "    tcp-check expect min-recv 33 string role:master\n",
    "was": INFO + "    tcp-check expect min-recv 32 string role:slave\n",
    "replica": REPLICA + INFO + "    tcp-check expect min-recv 60 rstring role:slave[^@]*master_link_status:up\n",
    "mongo-primary": MASTER
    + f"""    option tcp-check
    tcp-check connect
    tcp-check send-binary {MONGO_HELLO}
    tcp-check expect min-recv 36 rbinary {MONGO_WRITABLE}
""",
    "mongo": f"""    option tcp-check
    tcp-check connect
    tcp-check send-binary {MONGO_HELLO}
    tcp-check expect min-recv 36 rbinary ({MONGO_WRITABLE}|{MONGO_SECONDARY})
""",
    "postgres": f"""    option tcp-check
    tcp-check connect linger
    tcp-check send-binary {POSTGRES_HELLO}
    tcp-check expect min-recv 9 rbinary {POSTGRES_TAKES_CLIENTS}
""",
    "patroni": SINGLE_WRITER + "    option httpchk GET /primary\n    http-check expect status 200\n",
    "http": "    option httpchk GET @PATH@\n",
}
ASK = "    option tcp-check\n    tcp-check connect\n    @AUTH@\n"
# HAProxy takes 97 characters: it binds under a longer, temporary name first.
LONGEST_RUNTIME_DIR = 97 - len("/authority.sock")
_TRUE_FALSE = {"true": True, "false": False}


@dataclass(frozen=True)
class Config:
    """Where HAProxy lives and how it is driven. Times in the unit of the keyword's text."""

    path: str
    config_file: Path
    runtime_dir: Path
    credentials_dir: Path
    haproxy: str
    bind: Tuple[str, ...]
    maxconn: Optional[int]
    check_interval: int
    check_timeout: int
    claim: int
    lease: int
    connect_timeout: int
    idle_timeout: int
    hard_stop_after: int
    workers: int
    reload_interval: float
    start_command: Tuple[str, ...]
    stop_command: Tuple[str, ...]
    reload_command: Tuple[str, ...]
    log: str
    allow_empty: bool

    @property
    def runtime_socket(self) -> Path:
        """HAProxy's runtime API."""
        return self.runtime_dir / "haproxy.sock"

    @property
    def master_socket(self) -> Path:
        """The master process' own API: workers and reloads."""
        return self.runtime_dir / "master.sock"

    @property
    def authority_socket(self) -> Path:
        """Where HAProxy asks itself who may be written to."""
        return self.runtime_dir / "authority.sock"

    @property
    def pid_file(self) -> Path:
        """Pid of the master process."""
        return self.runtime_dir / "haproxy.pid"

    @property
    def state_file(self) -> Path:
        """Server state that a starting worker loads."""
        return self.runtime_dir / "servers.state"

    @property
    def rejected_file(self) -> Path:
        """Fragments that HAProxy refused, with its words."""
        return self.runtime_dir / "rejected.json"

    @property
    def marks(self) -> Mapping[str, Path]:
        """What a service owns -> the file that says who. Both paths: services may share either one, and /run is empty after a boot."""
        beside = self.config_file.with_name(self.config_file.name + ".owner")
        return {str(self.config_file): beside, str(self.runtime_dir): self.runtime_dir / "owner"}

    @property
    def log_file(self) -> Path:
        """What HAProxy prints when osvc_ha started it."""
        return self.runtime_dir / "haproxy.log"

    @classmethod
    def parse(cls, keywords: Mapping[str, str]) -> Config:
        """Keywords as strings -> Config. Raises ConfigError naming the keyword, its value and what would do."""
        refuse_unknown("haproxy", keywords, KEYWORDS)
        given = {**{keyword.name: keyword.default for keyword in KEYWORDS}, "path": "", **keywords}
        for name, value in given.items():
            if any(ord(char) < 32 for char in value):
                raise ConfigError(f"haproxy: {name} holds a control character; write it on one line")
        if given["start_command"] and not (given["stop_command"] and given["reload_command"]):
            raise ConfigError("haproxy: start_command is set, so stop_command and reload_command are needed too")
        if len(given["runtime_dir"]) > LONGEST_RUNTIME_DIR:
            raise ConfigError(
                f"haproxy: runtime_dir={given['runtime_dir']} leaves no room for a socket; use at most {LONGEST_RUNTIME_DIR} characters"
            )
        return cls(
            path=full_path(given["path"]) if given["path"] else "",
            config_file=Path(given["config_file"]),
            runtime_dir=Path(given["runtime_dir"]),
            credentials_dir=Path(given["credentials_dir"]),
            haproxy=given["haproxy"],
            bind=tuple(part.strip() for part in given["bind"].split(",") if part.strip()),
            maxconn=None if given["maxconn"] == "auto" else _whole(given, "maxconn", 1, 10_000_000),
            check_interval=_whole(given, "check_interval", 10, 60_000),
            check_timeout=_whole(given, "check_timeout", 10, 60_000),
            claim=_whole(given, "claim", 0, 60_000),
            lease=_whole(given, "lease", 1, 60),
            connect_timeout=_whole(given, "connect_timeout", 10, 60_000),
            idle_timeout=_whole(given, "idle_timeout", 1, 2_000_000),
            hard_stop_after=_whole(given, "hard_stop_after", 1, 86_400),
            workers=_whole(given, "workers", 1, 1000),
            reload_interval=_whole(given, "reload_interval", 0, 3600),
            start_command=tuple(shlex.split(given["start_command"])),
            stop_command=tuple(shlex.split(given["stop_command"])),
            reload_command=tuple(shlex.split(given["reload_command"])),
            log=given["log"],
            allow_empty=_flag(given, "allow_empty"),
        )


def _whole(given: Mapping[str, str], name: str, least: int, most: int) -> int:
    return whole_of("haproxy", given, name, least, most)


def _flag(given: Mapping[str, str], name: str) -> bool:
    if given[name] not in _TRUE_FALSE:
        raise ConfigError(f"haproxy: {name}={given[name]} is neither true nor false")
    return _TRUE_FALSE[given[name]]


def resp(*words: str, kind: str = "") -> bytes:
    """A RESP array of bulk strings: exact lengths, so neither spaces in a password nor a longer address can confuse it."""
    return (kind or f"*{len(words)}\r\n").encode() + b"".join(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()) for word in words)


def with_auth(recipe: str, auth: str) -> str:
    """Fill the place of the AUTH lines: nothing, or a mark that ``plan`` replaces by the credentials."""
    return recipe.replace("    @AUTH@\n", f"    @AUTH {auth}@\n" if auth else "")
