"""What an operator reads: why it is waited for, warnings of a server that runs, facts. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Tuple

from osvc_ha.planner.types import Facts
from osvc_ha.systems.postgres.state import GIGABYTE, Actual, Desired, Kind

# A database refuses writes 3 million transactions before 2^31, and warns 40 million before (varsup.c).
OLDEST_AGE = 1_800_000_000
SCARCE_SHARE = 0.05


def waiting(actual: Actual) -> str:
    """Why the running server is not up."""
    answer, pid = actual.answer, actual.postmaster
    if answer.kind is Kind.SILENT:
        return f"process {pid} does not answer: {answer.words}; see whether it hangs; stopping the service ends it"
    if answer.kind is Kind.DENIED:
        return f"process {pid} is {actual.noted.phase or 'not ready'}, and cannot be asked: {answer.words}"
    if answer.in_recovery or actual.progress:
        what = "recovers from an archive" if actual.directory.recovery else "is in recovery"
        return f"PostgreSQL {what}{', ' + actual.progress if actual.progress else ''}; writes come after it"
    return f"process {pid} takes no queries yet: {answer.words or 'it starts'}"


def notes(actual: Actual, desired: Desired) -> Tuple[str, ...]:
    """Warnings about a server that runs."""
    return tuple(_notes(actual, desired)) if actual.postmaster else ()


def _notes(actual: Actual, desired: Desired) -> Iterator[str]:
    config, found, answer = desired.config, actual.directory, actual.answer
    for name, there in (("standby.signal", found.standby), ("recovery.signal", found.recovery)):
        if there and actual.serves:
            yield f"{name} is there: the next start would not serve this data; rm {config.directory}/{name}"
    if answer.kind is Kind.FULL:
        yield f"every connection is taken: {answer.words}; raise max_connections, or put a pool in front"
    if answer.kind is Kind.DENIED and actual.serves:
        yield (
            f"it serves, and cannot be asked how it is: {answer.words}; "
            f"let {config.role} in by peer in pg_hba.conf, or name its password_file"
        )
    if found.hangs:
        yield f"{found.trouble}; its files cannot be looked at, and the server may end; see the volume's own status"
    for line in answer.wrong_settings:
        yield f"the next start would fail: {line}"
    if answer.checksum_failures:
        yield f"{answer.checksum_failures} pages did not match their checksums: the storage damages data; see pg_stat_database"
    if answer.archiving:
        yield f"archiving fails at {answer.archiving}: WAL stays on the volume until it is full; see archive_command"
    if answer.age > OLDEST_AGE:
        yield f"the oldest transaction is {answer.age} transactions old, and writes stop at 2^31; VACUUM all databases"
    if found.size and found.free < found.size * SCARCE_SHARE:
        yield f"the volume is almost full: {_gigabytes(found.free)} of {_gigabytes(found.size)} free; without room for WAL the server ends"


def facts(actual: Actual, desired: Desired) -> Facts:
    """How the server is."""
    answer, found = actual.answer, actual.directory
    told = [("process", str(actual.postmaster)), ("port", str(actual.noted.port or desired.config.port))]
    if answer.kind is Kind.ANSWERS:
        told += [
            ("version", answer.version),
            ("role", "in recovery" if answer.in_recovery else "primary"),
            ("up for", f"{answer.uptime} s"),
        ]
        if answer.connections >= 0:
            told.append(("connections", f"{answer.connections} of {answer.most_connections}"))
            told.append(("checksums", "on" if answer.checksums else "off"))
    if found.size:
        told.append(("free", f"{_gigabytes(found.free)} of {_gigabytes(found.size)}"))
    return tuple(told) if actual.postmaster else ()


def _gigabytes(count: int) -> str:
    return f"{count / GIGABYTE:.1f} GB"
