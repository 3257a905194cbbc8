"""The keywords of a mongo resource, and what they parse to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional, Tuple

from osvc_ha.cluster.seedlist import SEEDLISTS
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.reader import KeywordReader
from osvc_ha.planner.types import Keyword

KEYWORDS: Tuple[Keyword, ...] = (
    Keyword("path", "The service whose instances form the replica set, as namespace/kind/name.", required=True),
    Keyword("replica_set", "The name of the replica set. It cannot be changed afterwards.", "<the service's name>"),
    Keyword("port", "The port of mongod, the same on every node.", "27017"),
    Keyword(
        "domain",
        "Members are named <node>.<domain>; members and clients both have to resolve that. Empty: by the node label "
        "osvc_ha_address where that is a name, else by the node's own name.",
    ),
    Keyword("allow_addresses", "true: a member may be named by an IP address. MongoDB advises against it; for tests.", "false"),
    Keyword("bind", "Where mongod listens, separated by commas.", "<the member's name>,localhost"),
    Keyword(
        "keyfile",
        "The file (mode 0400 or 0600, of mongod's user) by which members know each other, the same on every node. Empty: no login.",
    ),
    Keyword("username", "The user osvc_ha logs in as; created with the set, with the role root. Needs keyfile."),
    Keyword("password_file", "A file (mode 0600) with that user's password."),
    Keyword("auth_source", "The database that holds that user; also what clients are told.", "admin"),
    Keyword("tls", "mongod requires TLS of everybody, and osvc_ha speaks it.", "false"),
    Keyword("tls_ca", "The CA that signed the members' certificates. Required with tls."),
    Keyword(
        "tls_cert_key", "One PEM file (mode 0400 or 0600) with certificate and key, presented by mongod and by osvc_ha. Required with tls."
    ),
    Keyword("directory", "Where mongod's configuration, data, log, socket and pid file go.", "/var/lib/osvc_ha/mongo/<replica_set>"),
    Keyword("launch", "true: start and stop mongod. false: OpenSVC or a container runs it, and start waits for it.", "true"),
    Keyword("mongod", "The mongod program.", "mongod"),
    Keyword("cache_mb", "WiredTiger's cache in MB. auto: mongod's own choice, half of the machine's memory less 1 GB.", "auto"),
    Keyword("oplog_mb", "The size of a new member's oplog in MB. auto: mongod's own choice, 5 % of the disk.", "auto"),
    Keyword("quiet", "true: connections that begin or end are not logged; HAProxy's checks make 1800 such lines a minute.", "true"),
    Keyword(
        "log_mb",
        "MB of mongod.log after which the follower makes it mongod.log.1, over the one before. 0: somebody else rotates it.",
        "100",
    ),
    Keyword("election_timeout", "Milliseconds without a primary after which an election begins. Written when the set begins.", "5200"),
    Keyword("max_lag", "Seconds a new member may be behind the primary when it gets its vote.", "10"),
    Keyword(
        "ready_timeout", "Seconds start waits until the member has the data and its vote. The watcher gives the vote after that.", "120"
    ),
    Keyword("catch_up", "Seconds in which a secondary may catch up before the primary steps down.", "10"),
    Keyword("step_down", "Seconds for which a primary that stepped down does not stand for election again.", "60"),
    Keyword("allow_stop_without_handover", "true: stop a primary even if no secondary can take over.", "false"),
    Keyword("grace", "Seconds a member has to be gone before it is removed from the set; 90 at least with srv.", "300"),
    Keyword("seedlists", "The directory where the follower tells the members, for the dns system on this node.", str(SEEDLISTS)),
    Keyword(
        "srv", "The host in clients' mongodb+srv://<host>/. Unprovisioning waits, for 90 s at most, until its SRV names this node no more."
    ),
)

# A name in a connection string, a TXT record and a configuration file, unquoted.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")
DOMAIN = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\Z")
BIND = re.compile(r"[A-Za-z0-9.:*-]+(,[A-Za-z0-9.:-]+)*\Z")
# sockaddr_un.sun_path, less /mongodb-65535.sock and the final zero.
LONGEST_DIRECTORY = 108 - len("/mongodb-65535.sock") - 1
# How long a record may be answered after it was asked to go: its TTL, 60 s by default, and what the writer needs. A client that finds
# a member which has gone asks the others.
WITHDRAW_SECONDS = 90.0


@dataclass(frozen=True)
class Config:
    """The parsed keywords. ``election_timeout`` in milliseconds, other times in seconds, ``cache_mb`` and ``oplog_mb`` None for ``auto``.

    The keyfile and the password file are named here, never read here.
    """

    path: str
    replica_set: str
    port: int = 27017
    domain: str = ""
    allow_addresses: bool = False
    bind: str = ""
    keyfile: str = ""
    username: str = ""
    password_file: str = ""
    auth_source: str = "admin"
    tls: bool = False
    tls_ca: str = ""
    tls_cert_key: str = ""
    directory: str = ""
    launch: bool = True
    mongod: str = "mongod"
    cache_mb: Optional[int] = None
    oplog_mb: Optional[int] = None
    quiet: bool = True
    log_mb: int = 100
    election_timeout: int = 5200
    max_lag: float = 10.0
    ready_timeout: float = 120.0
    catch_up: int = 10
    step_down: int = 60
    allow_stop_without_handover: bool = False
    grace: float = 300.0
    seedlists: str = str(SEEDLISTS)
    srv: str = ""

    @property
    def data(self) -> str:
        """storage.dbPath."""
        return f"{self.directory}/data"

    @property
    def log(self) -> str:
        """systemLog.path."""
        return f"{self.directory}/mongod.log"

    @property
    def socket(self) -> str:
        """The unix socket of a mongod that osvc_ha started: local whatever mongod listens on, so the localhost exception holds there."""
        return f"{self.directory}/mongodb-{self.port}.sock"


def parse(keywords: Mapping[str, str]) -> Config:
    """Keywords as strings -> Config. ConfigError names the service, the keyword and the value."""
    read = KeywordReader(keywords, KEYWORDS)
    path = read.service("path", "prod/svc/mongo")
    replica_set = read.text("replica_set", NAME, "letters, digits, dot, dash and underscore, 63 at most", default=path.rsplit("/", 1)[-1])
    tls = read.flag("tls", False)
    config = Config(
        path=path,
        replica_set=replica_set,
        port=read.number("port", 27017, 1, 65535),
        domain=read.text("domain", DOMAIN, "a domain, such as db.example.com"),
        allow_addresses=read.flag("allow_addresses", False),
        bind=read.text("bind", BIND, "addresses or names separated by commas"),
        keyfile=read.file("keyfile"),
        username=read.user("username"),
        password_file=read.file("password_file"),
        auth_source=read.text("auth_source", NAME, "a database name", default="admin"),
        tls=tls,
        tls_ca=read.file("tls_ca", required=tls),
        tls_cert_key=read.file("tls_cert_key", required=tls),
        directory=read.file("directory", default=f"/var/lib/osvc_ha/mongo/{replica_set}").rstrip("/"),
        launch=read.flag("launch", True),
        mongod=read.program("mongod", "mongod"),
        cache_mb=read.auto("cache_mb", 256, 10_000_000),
        # mongod's own bounds: it refuses less than 990 MB.
        oplog_mb=read.auto("oplog_mb", 990, 10_000_000),
        quiet=read.flag("quiet", True),
        log_mb=read.number("log_mb", 100, 0, 1_000_000),
        election_timeout=read.number("election_timeout", 5200, 500, 600_000),
        max_lag=float(read.number("max_lag", 10, 1, 3600)),
        ready_timeout=float(read.number("ready_timeout", 120, 1, 86_400)),
        catch_up=read.number("catch_up", 10, 1, 3600),
        step_down=read.number("step_down", 60, 1, 86_400),
        allow_stop_without_handover=read.flag("allow_stop_without_handover", False),
        grace=float(read.number("grace", 300, 1, 31_536_000)),
        seedlists=read.file("seedlists", default=str(SEEDLISTS)),
        srv=read.text("srv", DOMAIN, "a host name, such as db.ha.example.com"),
    )
    _refuse_contradictions(config)
    return config


def _refuse_contradictions(config: Config) -> None:
    who = f"service {config.path}"
    if config.username and not config.password_file:
        raise ConfigError(f"{who}: username={config.username} without password_file; name the file with its password")
    if config.username and not config.keyfile:
        raise ConfigError(f"{who}: username={config.username} without keyfile; members with logins know each other by one")
    if config.keyfile and not config.username:
        raise ConfigError(f"{who}: keyfile={config.keyfile} without username; osvc_ha could not log in to what it started")
    # replSetStepDown refuses a catch-up period that is longer than the time for which the old primary steps aside.
    if config.catch_up >= config.step_down:
        raise ConfigError(f"{who}: catch_up={config.catch_up} is not below step_down={config.step_down}; MongoDB refuses that")
    if config.srv and config.grace < WITHDRAW_SECONDS:
        raise ConfigError(
            f"{who}: grace={config.grace:g} is below {WITHDRAW_SECONDS:g} with srv={config.srv}; for so long after its "
            "instance has gone DNS may lead clients to a member, which would be removed before"
        )
    if len(config.directory) > LONGEST_DIRECTORY:
        raise ConfigError(
            f"{who}: directory={config.directory!r} is longer than {LONGEST_DIRECTORY} characters, too long for a socket in it"
        )
