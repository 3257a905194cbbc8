"""The keywords of a postgres resource, and what they parse to. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Tuple

from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.reader import KeywordReader
from osvc_ha.planner.types import Keyword

KEYWORDS: Tuple[Keyword, ...] = (
    Keyword("path", "The service this is a resource of, as namespace/kind/name.", required=True),
    Keyword("directory", "The data directory, on the service's own volume.", required=True),
    Keyword("mount", "The mount point of that volume: nothing is started, made or removed unless it is mounted. Empty: not looked at."),
    Keyword("port", "The port, and the name of the socket.", "5432"),
    Keyword("listen", "Addresses to listen on, separated by commas; * for all.", "*"),
    Keyword("socket_dir", "Where its socket is.", "/var/run/postgresql"),
    Keyword("user", "The account that owns the data and runs the server, with the same uid on every node.", "postgres"),
    Keyword("role", "The role that is asked for the status; provisioning makes it the superuser. Empty: the account's name."),
    Keyword("database", "The database in which it is asked.", "postgres"),
    Keyword("password_file", "A file (mode 0600) with the role's password: set by provisioning, used where pg_hba.conf asks for one."),
    Keyword("programs", "The directory of postgres, initdb and psql.", "/usr/lib/postgresql/15/bin"),
    Keyword("log", "What the server prints.", "/var/log/osvc_ha/postgres/<namespace>.<service>.log"),
    Keyword("ready_timeout", "Seconds a start waits until queries are taken, crash recovery included.", "300"),
    Keyword("stop_timeout", "Seconds a fast stop may take; then an immediate one follows.", "60"),
    Keyword("locale", "For provisioning: the locale. One that sorts alike on every node, or indexes break.", "C.UTF-8"),
    Keyword("clients", "For provisioning: who may log in by password, as addresses of pg_hba.conf, separated by spaces.", "samenet"),
    Keyword("remove_data", "true: unprovisioning removes the data directory. false: it stays.", "false"),
)

ACCOUNT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}\Z")
LISTEN = re.compile(r"[A-Za-z0-9.:*_-]+(?:,[A-Za-z0-9.:*_-]+)*\Z")
LOCALE = re.compile(r"[A-Za-z0-9._@-]+\Z")
CLIENTS = re.compile(r"[A-Za-z0-9.:/_-]+(?: +[A-Za-z0-9.:/_-]+)*\Z")
# sockaddr_un takes 107 characters.
LONGEST_SOCKET_DIR = 107 - len("/.s.PGSQL.65535.lock")


@dataclass(frozen=True)
class Config:
    """The parsed keywords. Times in seconds. The password file is named here, never read here."""

    path: str
    directory: str
    mount: str = ""
    port: int = 5432
    listen: Tuple[str, ...] = ("*",)
    socket_dir: str = "/var/run/postgresql"
    user: str = "postgres"
    role: str = "postgres"
    database: str = "postgres"
    password_file: str = ""
    programs: str = "/usr/lib/postgresql/15/bin"
    log: str = ""
    ready_timeout: float = 300.0
    stop_timeout: float = 60.0
    locale: str = "C.UTF-8"
    clients: Tuple[str, ...] = ("samenet",)
    remove_data: bool = False

    @property
    def socket(self) -> str:
        """Its unix socket."""
        return f"{self.socket_dir}/.s.PGSQL.{self.port}"


def parse(keywords: Mapping[str, str]) -> Config:
    """Keywords as strings -> Config. ConfigError names the service, the keyword and the value."""
    read = KeywordReader(keywords, KEYWORDS)
    path = read.service("path", "prod/svc/pg")
    user = read.text("user", ACCOUNT, "an account", default="postgres")
    config = Config(
        path=path,
        directory=read.file("directory", required=True).rstrip("/"),
        mount=read.file("mount").rstrip("/"),
        port=read.number("port", 5432, 1, 65535),
        listen=tuple(read.text("listen", LISTEN, "addresses, separated by commas", default="*").split(",")),
        socket_dir=read.file("socket_dir", default="/var/run/postgresql").rstrip("/"),
        user=user,
        role=read.text("role", ACCOUNT, "a role", default=user),
        database=read.text("database", ACCOUNT, "a database", default="postgres"),
        password_file=read.file("password_file"),
        programs=read.file("programs", default="/usr/lib/postgresql/15/bin").rstrip("/"),
        log=read.file("log", default=f"/var/log/osvc_ha/postgres/{_short(path)}.log"),
        ready_timeout=float(read.number("ready_timeout", 300, 1, 86_400)),
        stop_timeout=float(read.number("stop_timeout", 60, 1, 3600)),
        locale=read.text("locale", LOCALE, "a locale, such as C.UTF-8", default="C.UTF-8"),
        clients=tuple(read.text("clients", CLIENTS, "addresses, such as samenet or 10.0.0.0/8", default="samenet").split()),
        remove_data=read.flag("remove_data", False),
    )
    _judge(config)
    return config


def _short(path: str) -> str:
    """``prod/svc/pg`` -> ``prod.pg``."""
    parts = path.split("/")
    return f"{parts[0]}.{parts[-1]}" if len(parts) > 1 else path


def _judge(config: Config) -> None:
    who = f"service {config.path}"
    if config.mount and not config.directory.startswith(f"{config.mount}/"):
        # PostgreSQL's own advice (initdb): lost+found would be in it, and an empty mount point would look like lost data.
        raise ConfigError(f"{who}: directory={config.directory} is not a folder below mount={config.mount}; name one")
    if len(config.socket_dir) > LONGEST_SOCKET_DIR:
        raise ConfigError(f"{who}: socket_dir={config.socket_dir} leaves no room for a socket; use at most {LONGEST_SOCKET_DIR} characters")
