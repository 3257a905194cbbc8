"""From what the server and its programs say to values. Pure; bad text is an ObserveError, never anything else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, Dict, Tuple

from osvc_ha.mountinfo import mount_points
from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.postgres.state import Answer, Directory, Folder, Kind
from osvc_ha.systems.postgres.state.pidfile import parse_pid_file

# Of the names in a folder that is no data directory.
SHOWN = 3

# StartupMessage of protocol 3.0 with user=osvc_ha: the question that HAProxy's check asks too.
HELLO = bytes.fromhex("00000016000300007573657200" + "6f7376635f6861" + "0000")
# One row. Errors in the files of a running server show when it is next started, unless somebody asks now. Settings that only
# wait for a restart are no errors.
QUESTION = """
SELECT json_build_object(
  'in_recovery', pg_is_in_recovery(),
  'version', current_setting('server_version'),
  'uptime', extract(epoch FROM now() - pg_postmaster_start_time())::bigint,
  'connections', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
  'most_connections', current_setting('max_connections')::int,
  'checksums', current_setting('data_checksums') = 'on',
  'checksum_failures', (SELECT coalesce(sum(checksum_failures), 0)::bigint FROM pg_stat_database),
  'archiving', (SELECT last_failed_wal FROM pg_stat_archiver
    WHERE last_failed_time > coalesce(last_archived_time, '-infinity')),
  'age', (SELECT max(age(datfrozenxid)) FROM pg_database),
  'wrong_settings', (SELECT coalesce(json_agg(line), '[]') FROM (
    SELECT sourcefile || ':' || sourceline || ': ' || coalesce(name || ': ', '') || error AS line FROM pg_file_settings f
    WHERE error IS NOT NULL AND NOT EXISTS
      (SELECT 1 FROM pg_settings s WHERE s.name = f.name AND (s.pending_restart OR s.context = 'postmaster'))
    UNION ALL SELECT 'pg_hba.conf:' || line_number || ': ' || error FROM pg_hba_file_rules WHERE error IS NOT NULL
    LIMIT 3) files))
"""
# For a role that may not read the files.
QUESTION_PLAIN = """
SELECT json_build_object('in_recovery', pg_is_in_recovery(), 'version', current_setting('server_version'),
  'uptime', extract(epoch FROM now() - pg_postmaster_start_time())::bigint)
"""
REFUSALS = {"57P03": Kind.WAITING, "53300": Kind.FULL}
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def parse_answer(text: str) -> Answer:
    """The row of QUESTION, as JSON."""
    try:
        told = json.loads(text)
        return Answer(
            Kind.ANSWERS,
            in_recovery=_flag(told["in_recovery"]),
            version=str(told["version"]).split(" ")[0],
            uptime=_count(told, "uptime", 0),
            connections=_count(told, "connections"),
            most_connections=_count(told, "most_connections"),
            checksums=told.get("checksums") is True,
            checksum_failures=_count(told, "checksum_failures", 0),
            archiving=str(told.get("archiving") or ""),
            age=_count(told, "age", 0),
            wrong_settings=_lines(told.get("wrong_settings")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ObserveError(f"PostgreSQL's answer cannot be read: {text[:200]!r}") from error


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _count(told: Dict[str, Any], name: str, default: int = -1) -> int:
    value = told.get(name, default)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _lines(value: object) -> Tuple[str, ...]:
    return tuple(" ".join(str(line).split()) for line in value) if isinstance(value, list) else ()


def parse_refusal(message: bytes) -> Answer:
    """The first message after HELLO, which says without any credentials how the server is: a login is asked for, or an error.

    By SQLSTATE, because the words are in the server's language.
    """
    if message[:1] == b"R":
        return Answer(Kind.DENIED, "it asks for a login")
    if message[:1] != b"E" or len(message) < 6:
        raise ObserveError(f"what answers on its socket is not PostgreSQL: {message[:40]!r}")
    fields = {field[:1]: field[1:].decode("utf-8", "replace") for field in message[5:].split(b"\0") if field}
    words = " ".join(fields.get(b"M", "an error without words").split())
    code = fields.get(b"C", "")
    if code in REFUSALS:
        return Answer(REFUSALS[code], words)
    # Class 28: login refused. 3D000: no such database, said after the login.
    return Answer(Kind.DENIED if code[:2] in ("28", "3D") else Kind.WAITING, words)


def parse_major(text: str) -> str:
    """``postgres (PostgreSQL) 15.14 (Debian …)`` -> ``15``; "" for anything else."""
    found = VERSION.search(text)
    return found.group(1) if found else ""


def parse_peek(text: str) -> Directory:
    """What client/peek.py prints. ObserveError when that is something else."""
    try:
        told = json.loads(text)
        names, major, pid_file = told["names"], told.get("major"), told.get("pid_file")
        found = Directory(Folder.ABSENT, free=told.get("free", 0), size=told.get("size", 0))
        if names is None:
            return found
        if not names:
            return replace(found, folder=Folder.EMPTY)
        if major is None:
            return replace(found, folder=Folder.FOREIGN, trouble=" ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else ""))
        return replace(
            found,
            folder=Folder.CLUSTER,
            major=major,
            owner=told["owner"],
            standby=told["standby"],
            recovery=told["recovery"],
            patroni=told["patroni"],
            pid_file=None if pid_file is None else parse_pid_file(pid_file),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ObserveError(f"the data directory cannot be told: {text[:80]!r} ({error})") from error


def parse_mounts(text: str) -> Tuple[str, ...]:
    """/proc/self/mountinfo -> mount points."""
    return tuple(point for _, point in mount_points(text))
