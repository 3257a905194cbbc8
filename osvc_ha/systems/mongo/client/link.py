"""One short conversation with one mongod: ``session``. pymongo is imported here alone, and none of its exceptions leaves."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, List, Optional, Tuple
from urllib.parse import quote

from osvc_ha.cluster.addresses import is_loopback
from osvc_ha.planner.errors import HaError

from .aside import Aside

LOOK_SECONDS = 2.0
# pymongo says why (TLS that fails, one that hangs up) only when it gives up the selection of a server, which it notices up to half a
# second late (MIN_HEARTBEAT_INTERVAL).
LAST_WORDS_SECONDS = 0.7

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

    def __init__(self, peer: Peer, client: Any, aside: Aside, seconds: float, give_up: float) -> None:
        self.peer, self._client, self._aside, self._seconds, self._give_up = peer, client, aside, seconds, give_up

    def ask(self, command: str, argument: object = 1, database: str = "admin", **more: Any) -> Mapping[str, Any]:
        """A command and its reply."""
        left = self._give_up - time.monotonic()
        if left <= 0:
            raise Trouble(Fault.SILENT, f"{self.peer}: {command}: no time left to ask")
        try:
            return self._aside.do(lambda: self._command(command, argument, database, more), left + LAST_WORDS_SECONDS)
        except TimeoutError as late:
            raise Trouble(Fault.SILENT, f"{self.peer}: {command}: no answer within {self._seconds:g} s") from late

    def hello(self) -> Mapping[str, Any]:
        """Its reply to the one question that needs no login."""
        try:
            return self.ask("hello")
        except Trouble as trouble:
            # 4.4.2 brought it.
            if trouble.code != COMMAND_NOT_FOUND:
                raise
        return self.ask("isMaster")

    def _command(self, command: str, argument: object, database: str, more: Mapping[str, Any]) -> Mapping[str, Any]:
        from bson.errors import BSONError
        from pymongo.errors import PyMongoError

        try:
            reply: Mapping[str, Any] = self._client.get_database(database).command(command, argument, **more)
        except PyMongoError as error:
            raise _trouble(self.peer, command, error) from error
        except (BSONError, OSError) as error:
            raise Trouble(Fault.SILENT, f"{self.peer}: {command}: {error}") from error
        return reply


def is_writable(hello: Mapping[str, Any]) -> bool:
    """Does it say, to ``hello`` or to isMaster, that it is the primary and takes writes?"""
    return bool(hello.get("isWritablePrimary", hello.get("ismaster")))


@contextlib.contextmanager
def session(peer: Peer, seconds: float = LOOK_SECONDS, login: bool = True) -> Iterator[Session]:
    """A conversation that is over after so many seconds, for every command in it together, but for the last words of one that failed.

    Trouble when it cannot begin.

    Neither pymongo's deadlines nor the resolver's are that: each begins anew with each address, connection and command. So all is done by
    a thread of its own. login: with the user's name and password, if there is one.
    """
    give_up, aside = time.monotonic() + seconds, Aside()
    try:
        # pymongo tries a refused port again and again until its deadline: one member down would make each look as long as that.
        _knock(peer, aside, give_up)
        client = _client(peer, max(0.05, give_up - time.monotonic()), login)
    except Trouble:
        aside.end()
        raise
    try:
        yield Session(peer, client, aside, seconds, give_up)
    finally:
        # That asks the server to forget our sessions, and waits for it.
        aside.end(client.close)


def _client(peer: Peer, seconds: float, login: bool) -> Any:
    import pymongo
    from pymongo.errors import ConfigurationError, PyMongoError

    try:
        place = f"mongodb://{quote(peer.host, safe='')}/" if peer.host.startswith("/") else f"mongodb://{peer}/"
        return pymongo.MongoClient(place, **_options(peer, seconds, login))
    except (ConfigurationError, PyMongoError, OSError, ValueError) as error:
        raise Trouble(Fault.TLS if peer.tls else Fault.COMMAND, f"{peer}: {error}") from error


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
    trouble = unreached(peer, seconds)
    return trouble is None or trouble.fault not in (Fault.REFUSED, Fault.UNRESOLVED)


def unreached(peer: Peer, seconds: float = 0.5) -> Optional[Trouble]:
    """Why no connection gets there; None when one does."""
    aside = Aside()
    try:
        _knock(peer, aside, time.monotonic() + seconds)
    except Trouble as trouble:
        return trouble
    finally:
        aside.end()
    return None


def _knock(peer: Peer, aside: Aside, give_up: float) -> None:
    """A connection, and its end; of several addresses the first that takes one. Trouble when there is none by then."""
    began = time.monotonic()
    try:
        places = aside.do(lambda: _addresses(peer), give_up - began)
    except TimeoutError as late:
        words = f"{peer}: no answer within {give_up - began:.3g} s: the name {peer.host} does not resolve here"
        raise Trouble(Fault.UNRESOLVED, words) from late
    try:
        aside.do(lambda: _connect(peer, places, give_up), give_up - time.monotonic())
    except TimeoutError as late:
        raise Trouble(Fault.SILENT, f"{peer}: timed out") from late


def _addresses(peer: Peer) -> List[Tuple[int, Any]]:
    """(family, where) for a socket."""
    if peer.host.startswith("/"):
        return [(socket.AF_UNIX, peer.host)]
    try:
        return [(family, where) for family, _, _, _, where in socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_STREAM)]
    except (socket.gaierror, UnicodeError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise Trouble(Fault.UNRESOLVED, f"{peer}: {words}: the name {peer.host} does not resolve here") from error


def _connect(peer: Peer, places: Sequence[Tuple[int, Any]], give_up: float) -> None:
    refused: Optional[OSError] = None
    for number, (family, where) in enumerate(places):
        try:
            with socket.socket(family) as probe:
                # So that one which leads nowhere leaves time for the next.
                probe.settimeout(max(0.01, (give_up - time.monotonic()) / (len(places) - number)))
                probe.connect(where)
                return
        except OSError as error:
            refused = error
    assert refused is not None
    # A host without the port refuses; a host that is gone, or a firewall, says nothing or that there is no way.
    fault = Fault.REFUSED if refused.errno in (errno.ECONNREFUSED, errno.ENOENT) else Fault.SILENT
    raise Trouble(fault, f"{peer}: {refused.strerror or refused}") from refused


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
