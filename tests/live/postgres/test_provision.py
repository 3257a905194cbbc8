"""PROVISION and UNPROVISION: a database is made once, whole or not at all, and never removed unasked."""

from __future__ import annotations

import os
import stat
import subprocess

import pytest
from postgres_server import PATIENCE, SECRET

from osvc_ha.planner.errors import ApplyError, UnsafePlan
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.postgres.client.creating import SECRETS

pytestmark = pytest.mark.live


def test_a_database_is_made_with_checksums_and_the_password_of_the_file(make_blank, template) -> None:
    """What provisioning made lets in who has the password, by SCRAM, and nobody else; and it notices a bad disk."""
    server = make_blank()
    assert [step.do for step in server.provision()] == ["initdb"]
    assert server.health().status is Status.DOWN
    server.start()
    assert server.ask("select current_setting('data_checksums'), current_setting('password_encryption')") == "on|scram-sha-256"
    assert server.ask("select datcollate from pg_database where datname = 'postgres'") == "C.UTF-8"
    wrong = subprocess.run(
        server.client("psql", "-w", "-d", "postgres", "-c", "select 1"),
        env={**server.environment(), "PGPASSWORD": "wrong"},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        cwd="/",
    )
    assert wrong.returncode == 2
    assert not [file for file in SECRETS.glob("*") if SECRET in file.read_text()]
    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700


def test_provisioning_again_changes_nothing(running) -> None:
    """On a volume that came from another node, or a second time."""
    assert running.provision() == []
    running.stop()
    assert running.provision() == []
    running.start()
    assert running.ask("select n from kept") == "1"


def test_a_folder_with_something_else_in_it_is_refused(make_blank) -> None:
    """Whatever is there belongs to somebody: it is named, and not touched."""
    server = make_blank()
    server.directory.mkdir()
    (server.directory / "letters.txt").write_text("dear")
    with pytest.raises(UnsafePlan, match="not empty and no data directory .*letters.txt"):
        server.provision()
    with pytest.raises(ApplyError, match="not empty and no data directory"):
        server.start()
    assert (server.directory / "letters.txt").read_text() == "dear"


def test_what_a_killed_initdb_left_is_no_database(make_blank, template) -> None:
    """Half a data directory is made anew, not started."""
    server = make_blank()
    half = server.home / ".data.initdb"
    half.mkdir()
    (half / "PG_VERSION").write_text("15\n")
    server.provision()
    assert not half.exists()
    server.start()
    assert server.health().status is Status.UP


def test_words_of_initdb_are_in_the_error_and_nothing_is_left(make_blank, template) -> None:
    """A locale that this node lacks."""
    server = make_blank(locale="xx_XX.UTF-8")
    with pytest.raises(ApplyError, match='initdb: .*invalid locale name "xx_XX.UTF-8"'):
        server.provision()
    assert not server.directory.exists()
    assert not (server.home / ".data.initdb").exists()


def test_a_password_that_others_can_read_is_refused(make_blank, template) -> None:
    """Before anything is made."""
    server = make_blank()
    os.chmod(server.keywords["password_file"], 0o644)
    with pytest.raises(ApplyError, match="others than its owner can use it .*chmod 0600"):
        server.provision()
    assert not server.directory.exists()


def test_unprovisioning_keeps_the_data_unless_told_otherwise(running) -> None:
    """A purge of the service by mistake ends the server and loses nothing; remove_data=true is the deliberate way."""
    running.do(Verb.UNPROVISION)
    assert running.pid == 0
    assert (running.directory / "PG_VERSION").exists()
    running.keywords["remove_data"] = "true"
    running.do(Verb.UNPROVISION)
    assert not running.directory.exists()
