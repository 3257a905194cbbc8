"""One short conversation with one mongod: ``session``. pymongo is imported here alone, and none of its exceptions leaves."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Optional, Tuple
from urllib.parse import quote

from osvc_ha.cluster.addresses import is_loopback
from osvc_ha.planner.errors import HaError

LOOK_SECONDS = 2.0

# https://github.com/mongodb/mongo/blob/master/src/mongo/base/error_codes.yml
UNAUTHORIZED, AUTHENTICATION_FAILED = 13, 18
DENIED = frozenset({UNAUTHORIZED, AUTHENTICATION_FAILED})
NOT_YET_INITIALIZED = 94
NO_REPLICATION = 76
COMMAND_NOT_FOUND = 59
# pymongo's words.
HUNG_UP = "connection closed"


class Fault(Enum):
    """Why there is no answer. REFUSED alone means that nothing runs there."""

    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    SILENT = "silent"
    TLS = "tls"
    LOGIN = "login"
    COMMAND = "command"


class Trouble(HaError):
    """What went wrong in a conversation. words: the server's own. code: the server's number for it, 0 when it said none."""

    def __init__(self, fault: Fault, words: str, code: int = 0) -> None:
        super().__init__(words)
        self.fault, self.words, self.code = fault, words, code

    @property
    def hung_up(self) -> bool:
        """It accepted the connection and ended it without a word: a mongod that ends, or one with TLS that was asked without."""
        return self.fault is Fault.SILENT and HUNG_UP in self.words

    @property
    def denied(self) -> bool:
        """It is there, and does not let us in."""
        return self.fault in (Fault.LOGIN, Fault.TLS) or self.code in DENIED


@dataclass(frozen=True)
class Peer:
    """Whom to ask, and as whom. host: also the path of a unix socket, then with port 0.

    tls: (file with the CA, file with our certificate and key), both may be empty; None for no TLS.
    """

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    auth_source: str = "admin"
    tls: Optional[Tuple[str, str]] = None

    @property
    def local(self) -> bool:
        """Does mongod take us for somebody at its own machine?"""
        return self.host.startswith("/") or is_loopback(self.host)

    def __str__(self) -> str:
        if self.host.startswith("/"):
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Session:
    """Commands to one mongod until a deadline. Each raises Trouble."""

    def __init__(self, peer: Peer, client: Any, give_up: float) -> None:
        self.peer, self._client, self._give_up = peer, client, give_up

    def ask(self, command: str, argument: object = 1, database: str = "admin", **more: Any) -> Mapping[str, Any]:
        """A command and its reply."""
        from bson.errors import BSONError
        from pymongo.errors import PyMongoError

        if time.monotonic() >= self._give_up:
            raise Trouble(Fault.SILENT, f"{self.peer}: {command}: no time left to ask")
        try:
            reply: Mapping[str, Any] = self._client.get_database(database).command(command, argument, **more)
        except PyMongoError as error:
            raise _trouble(self.peer, command, error) from error
        except (BSONError, OSError) as error:
            raise Trouble(Fault.SILENT, f"{self.peer}: {command}: {error}") from error
        return reply


@contextlib.contextmanager
def session(peer: Peer, seconds: float = LOOK_SECONDS, login: bool = True) -> Iterator[Session]:
    """A conversation that is over after so many seconds, for every command in it together. Trouble when it cannot begin.

    login: with the user's name and password, if there is one.
    """
    give_up = time.monotonic() + seconds
    # pymongo tries a refused port again and again until its deadline: one member down would make each look as long as that.
    _knock(peer, seconds)
    import pymongo
    from pymongo.errors import ConfigurationError, PyMongoError

    try:
        place = f"mongodb://{quote(peer.host, safe='')}/" if peer.host.startswith("/") else f"mongodb://{peer}/"
        client: Any = pymongo.MongoClient(place, **_options(peer, max(0.05, give_up - time.monotonic()), login))
    except (ConfigurationError, PyMongoError, OSError, ValueError) as error:
        raise Trouble(Fault.TLS if peer.tls else Fault.COMMAND, f"{peer}: {error}") from error
    try:
        yield Session(peer, client, give_up)
    finally:
        client.close()


def _options(peer: Peer, seconds: float, login: bool) -> Mapping[str, Any]:
    milliseconds = max(1, int(seconds * 1000))
    options: dict[str, Any] = {
        "directConnection": True,
        "appname": "osvc_ha",
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
        "socketTimeoutMS": milliseconds,
        # One look needs no second opinion: no repeated reads, no streaming monitor with its extra connection.
        "retryReads": False,
        "retryWrites": False,
        "serverMonitoringMode": "poll",
        "maxPoolSize": 1,
        # Without it, a command to a secondary through a direct connection would be refused before 4.4.
        "readPreference": "primaryPreferred",
    }
    if login and peer.username:
        options.update(username=peer.username, password=peer.password, authSource=peer.auth_source)
    if peer.tls is not None:
        ca, certificate = peer.tls
        options.update(tls=True, **({"tlsCAFile": ca} if ca else {}), **({"tlsCertificateKeyFile": certificate} if certificate else {}))
    return options


def listens(peer: Peer, seconds: float = 0.5) -> bool:
    """Does anything accept connections there?"""
    try:
        _knock(peer, seconds)
    except Trouble as trouble:
        return trouble.fault not in (Fault.REFUSED, Fault.UNRESOLVED)
    return True


def _knock(peer: Peer, seconds: float) -> None:
    try:
        if peer.host.startswith("/"):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(seconds)
                probe.connect(peer.host)
            return
        socket.create_connection((peer.host, peer.port), seconds).close()
    except socket.gaierror as error:
        raise Trouble(Fault.UNRESOLVED, f"{peer}: {error.strerror}: the name {peer.host} does not resolve here") from error
    except OSError as error:
        # A host without the port refuses; a host that is gone, or a firewall, says nothing or that there is no way.
        fault = Fault.REFUSED if error.errno in (errno.ECONNREFUSED, errno.ENOENT) else Fault.SILENT
        raise Trouble(fault, f"{peer}: {error.strerror or error}") from error


def _trouble(peer: Peer, command: str, error: Exception) -> Trouble:
    from pymongo.errors import NotPrimaryError, OperationFailure, ServerSelectionTimeoutError

    said = f"{peer}: {command}: "
    if isinstance(error, (OperationFailure, NotPrimaryError)):
        details = error.details if isinstance(error.details, Mapping) else {}
        code = int(details.get("code") or getattr(error, "code", 0) or 0)
        words = str(details.get("errmsg") or error)
        return Trouble(Fault.LOGIN if code == AUTHENTICATION_FAILED else Fault.COMMAND, said + words, code)
    words = str(error).partition(", Timeout:")[0].partition(" (configured timeouts")[0]
    if peer.tls is not None and isinstance(error, ServerSelectionTimeoutError) and "SSL" in words:
        return Trouble(Fault.TLS, said + words)
    return Trouble(Fault.SILENT, said + words)
