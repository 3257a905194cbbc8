"""Asks the server: by psql as its owner, and where it lets nobody in, by the first message of the protocol."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Dict

from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError, ConfigError, ObserveError
from osvc_ha.secret import read_secret
from osvc_ha.systems.postgres.config import Config
from osvc_ha.systems.postgres.state import Answer, Kind
from osvc_ha.systems.postgres.state.replies import HELLO, QUESTION, QUESTION_PLAIN, parse_answer, parse_refusal

from .account import as_owner, environment

ASK_SECONDS = 5.0
KNOCK_SECONDS = 2.0
# Exit code of psql: it was let in, and the query failed (psql(1)).
NOT_ALL = 3
LARGEST_MESSAGE = 65536


def ask(config: Config, host: Host) -> Answer:
    """How the server is. What it does not say is part of the answer."""
    try:
        told = _psql(config, QUESTION, host)
        if told.code == NOT_ALL:
            told = _psql(config, QUESTION_PLAIN, host)
        if told.code:
            refused = _knock(config)
            return Answer(Kind.DENIED, _words(told)) if refused.kind is Kind.DENIED else refused
        return parse_answer(told.out)
    except ConfigError as error:
        return Answer(Kind.DENIED, str(error))
    except (ApplyError, ObserveError) as error:
        return Answer(Kind.SILENT, str(error))


def _words(told: Completed) -> str:
    return told.words.splitlines()[-1]


def _psql(config: Config, question: str, host: Host) -> Completed:
    secret: Dict[str, str] = {"PGPASSWORD": password(config, host)} if config.password_file else {}
    options = {"PGCONNECT_TIMEOUT": "3", "PGOPTIONS": "-c statement_timeout=3000", "PGAPPNAME": "osvc_ha"}
    argv = [f"{config.programs}/psql", "-X", "-q", "-A", "-t", "-w", "-v", "ON_ERROR_STOP=1", "-h", config.socket_dir]
    argv += ["-p", str(config.port), "-U", config.role, "-d", config.database, "-f", "-"]
    return host.run([*as_owner(config), *argv], ASK_SECONDS, question, environment(config, {**options, **secret}))


def _knock(config: Config) -> Answer:
    """Without credentials: does it ask for a login, start, stop, or has it no connection left?"""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(KNOCK_SECONDS)
            peer.connect(config.socket)
            peer.sendall(HELLO)
            return parse_refusal(peer.recv(LARGEST_MESSAGE))
    except (FileNotFoundError, ConnectionError):
        return Answer(Kind.WAITING, f"nothing listens on {config.socket} yet")
    except OSError as error:
        return Answer(Kind.SILENT, f"{config.socket}: {error.strerror or error}")


def password(config: Config, host: Host) -> str:
    """The password in the file. ConfigError when it is missing, or others can read it."""
    return read_secret("password_file", Path(config.password_file), host, f"it should hold the password of {config.role}").rstrip("\r\n")
