"""What PostgreSQL and the kernel say becomes values, whatever they say."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.planner.errors import ObserveError
from osvc_ha.systems.postgres.state import Kind
from osvc_ha.systems.postgres.state.pidfile import PHASES, parse_pid_file
from osvc_ha.systems.postgres.state.processes import Process, progress_of, recovering, sort_out
from osvc_ha.systems.postgres.state.replies import parse_answer, parse_major, parse_mounts, parse_refusal

PID_FILE = "4711\n/srv/pg/data\n1795000000\n5432\n/run/pg\n*\n  5432001  12\nready   \n"


def refusal(code: str, words: str, severity: str = "FATAL") -> bytes:
    """An ErrorResponse."""
    fields = b"".join(part.encode() + b"\0" for part in (f"S{severity}", "VFATAL", f"C{code}", f"M{words}", "Fpostmaster.c")) + b"\0"
    return b"E" + (len(fields) + 4).to_bytes(4, "big") + fields


def test_a_pid_file_is_read_line_by_line() -> None:
    """As the postmaster writes it, padded."""
    found = parse_pid_file(PID_FILE)
    assert (found.pid, found.directory, found.started, found.port, found.socket_dir, found.phase) == (
        4711,
        "/srv/pg/data",
        1795000000,
        5432,
        "/run/pg",
        "ready",
    )


def test_a_pid_file_that_is_just_being_written_leaves_out_what_is_missing() -> None:
    """Cut anywhere, it raises nothing and invents no phase."""
    for end in range(len(PID_FILE)):
        found = parse_pid_file(PID_FILE[:end])
        assert found.phase in ("", "ready") and found.pid in (0, 4, 47, 471, 4711)


@given(st.text())
def test_any_pid_file_is_read(text: str) -> None:
    """A damaged disk must not break the status."""
    found = parse_pid_file(text)
    assert found.pid >= 0 and 0 <= found.port <= 65535 and found.phase in {"", *PHASES}


@given(
    st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_any_answer_is_read_or_refused_in_words(text: str) -> None:
    """Bad text is "cannot tell", never a crash."""
    try:
        assert parse_answer(text).kind is Kind.ANSWERS
    except ObserveError as error:
        assert "cannot be read" in str(error)


@given(st.binary())
def test_any_first_message_is_judged_or_refused_in_words(message: bytes) -> None:
    """Something else may listen on the socket."""
    try:
        assert parse_refusal(message).words
    except ObserveError as error:
        assert "is not PostgreSQL" in str(error)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (refusal("57P03", "das Datenbanksystem startet", "SCHWERWIEGEND"), Kind.WAITING),
        (refusal("53300", "извините, уже слишком много клиентов", "ВАЖНО"), Kind.FULL),
        (refusal("28000", "no pg_hba.conf entry for host"), Kind.DENIED),
        (refusal("3D000", "database does not exist"), Kind.DENIED),
        (b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0", Kind.DENIED),
    ],
)
def test_a_refusal_is_judged_by_its_code_in_any_language(message: bytes, kind: Kind) -> None:
    """lc_messages may be anything."""
    assert parse_refusal(message).kind is kind


def test_an_answer_is_read() -> None:
    """A whole row of the question."""
    told = {"in_recovery": False, "version": "15.14 (Debian 15.14-0)", "uptime": 5, "connections": 1, "most_connections": 100}
    found = parse_answer(json.dumps({**told, "checksums": True, "archiving": None, "wrong_settings": ["a:\n1"]}))
    assert (found.version, found.in_recovery, found.connections, found.wrong_settings) == ("15.14", False, 1, ("a: 1",))


def test_the_major_version_is_read() -> None:
    """Of a release, and of one to come."""
    assert parse_major("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n") == "15"
    assert parse_major("postgres (PostgreSQL) 17beta1\n") == "17"
    assert parse_major("bash: no such file") == ""


def test_mount_points_with_spaces_are_found() -> None:
    """As the kernel writes them, in octal."""
    assert parse_mounts("36 35 98:0 / /srv/my\\040db rw,noatime - ext4 /dev/drbd0 rw\nbroken\n") == ("/srv/my db",)


def head(pid: int, directory: str = "/d", **rest: object) -> Process:
    """A postmaster."""
    return Process(pid, 1, ("/usr/lib/postgresql/15/bin/postgres", "-D", directory), **rest)


def child(pid: int, parent: int, title: str = "postgres: checkpointer ") -> Process:
    """One of its children, in our directory."""
    return Process(pid, parent, (title,), True)


def test_p4_processes_tell_who_runs_in_a_directory() -> None:
    """The postmaster by its work place, or by -D while it has none yet; children of a dead one; others on the machine."""
    others = (head(50, "/other"), Process(51, 50, ("postgres: writer",)))
    found = sort_out([head(7, here=True), child(8, 7), *others], "/d")
    assert (found.postmaster, [one.pid for one in found.children], found.orphans, found.others) == (7, [8], (), (50,))
    assert sort_out([head(7), *others], "/d").postmaster == 7
    assert sort_out([child(8, 1), child(9, 1), *others], "/d").orphans == (8, 9)
    assert sort_out(others, "/d") == sort_out(others[::-1], "/d")


def test_p4_a_child_that_was_just_forked_is_not_taken_for_the_postmaster() -> None:
    """For some microseconds it has the postmaster's own command line."""
    fresh = Process(3, 7, head(7).command, True)
    assert sort_out([fresh, head(7, here=True)], "/d").postmaster == 7
    assert sort_out([Process(3, 1, head(7).command, True), head(7, here=True)], "/d", 7).postmaster == 7


def test_the_progress_of_a_recovery_is_in_segments() -> None:
    """From the title of the startup process, and what pg_wal holds."""
    segments = [f"0000000100000000000000{number:02X}" for number in range(3, 12)]
    startup = child(8, 7, f"postgres: startup recovering {segments[4]}")
    assert recovering([child(9, 7), startup]) == segments[4]
    assert (
        progress_of(segments[4], [*segments, "archive_status", "00000002.history"]) == f"at WAL segment {segments[4]}, at most 4 more to go"
    )
    assert progress_of("", segments) == ""
    assert recovering([child(8, 7, "postgres: startup recovering ")]) == ""


@given(st.lists(st.builds(Process, pids := st.integers(1, 9), pids, st.lists(st.text(), max_size=3).map(tuple), st.booleans()), max_size=8))
def test_any_processes_are_sorted_out(processes: list[Process]) -> None:
    """Nobody is two things at once, and orphans exist only without a postmaster."""
    found = sort_out(processes, "/d")
    assert not (found.postmaster and found.orphans)
    assert found.postmaster not in found.others
