"""Neither the password nor the keyfile's content is anywhere but in its file."""

import json
import os
import stat
import threading
import uuid
from pathlib import Path
from urllib.parse import quote

import pytest

from osvc_ha.planner.errors import HaError
from osvc_ha.planner.reconcile import look
from osvc_ha.planner.types import Verb
from osvc_ha.systems.mongo import SYSTEM, client

pytestmark = pytest.mark.live


class Watch:
    """Every command line of this machine that has one of these words in it, for as long as the context lasts."""

    def __init__(self, words):
        self.words, self.found, self.looks = words, set(), 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._ended.set()
        self._thread.join()

    def _look(self):
        while not self._ended.wait(0.01):
            self.looks += 1
            for name in filter(str.isdecimal, os.listdir("/proc")):
                try:
                    argv = Path("/proc", name, "cmdline").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if any(word in argv for word in self.words):
                    self.found.add(argv)


def told(group):
    """All that is printed about the set, on each node: every plan, as people and programs see it, the status, and errors."""
    for node in group.nodes:
        for verb in Verb:
            try:
                found = look(SYSTEM, group.config(node), group.cluster(node), verb, group.host)
                yield json.dumps([step.public() for step in found.steps]) + str(found)
            except HaError as error:
                yield str(error)
        yield str(group.status(node))
        yield str(group.status(node, port="1"))


def readable(directory):
    """The files that others than the owner may read."""
    for file in directory.rglob("*"):
        if stat.S_ISREG(file.lstat().st_mode) and file.stat().st_mode & 0o077:
            yield file


@pytest.fixture
def secrets(secured, tmp_path):
    """The password, also as in a URI, and the keyfile's content: of this test alone, for other runs on this machine have theirs."""
    made = uuid.uuid4().hex
    password, key = f"it's {made}/with:signs@", made[::-1] * 2
    for name, text in (("password", password), ("keyfile", key)):
        (tmp_path / name).chmod(0o600)
        (tmp_path / name).write_text(f"{text}\n")
    secured.client["password"] = password
    return password, quote(password, safe=""), key


@pytest.fixture
def done(monkeypatch):
    """Every step that is done, as it is."""
    steps = []

    def recorded(do):
        def record(config, step, host):
            steps.append(step)
            do(config, step, host)

        return record

    for name, do in client.DO.items():
        monkeypatch.setitem(client.DO, name, recorded(do))
    return steps


def test_no_command_line_plan_log_or_file_tells_a_secret(secured, secrets, done, tmp_path):
    """Before the start, through it, with a wrong password, and through a stop; mongod.conf and the data are their owner's alone."""
    wrong = tmp_path / "wrong"
    wrong.write_text("guessed-by-nobody")
    wrong.chmod(0o400)
    with Watch(secrets) as watch:
        printed = [*told(secured)]
        secured.start()
        printed += told(secured)
        refused = str(secured.status("n2", password_file=str(wrong)))
        secured.reconcile("n1", Verb.FOLLOW)
        secured.stop("n1")
        printed += [*told(secured), *(f"{step} {step.args} {step.payload}" for step in done)]
    assert watch.looks and watch.found == set()
    assert "Authentication failed" in refused and "guessed-by-nobody" not in refused
    assert {"initiate", "create-users", "add", "vote", "step-down", "stop"} <= {step.do for step in done}
    logs = [log.read_text(errors="replace") for log in (*secured.logs(), *secured.directory.rglob("launch.log"))]
    assert len(logs) == 6 and any("Authentication failed" in log for log in logs)
    files = {str(file): file.read_bytes().decode(errors="replace") for file in readable(secured.directory)}
    assert any(name.endswith("mongod.pid") for name in files)
    for where, text in [*enumerate(printed), *enumerate(logs), *files.items()]:
        assert [secret for secret in secrets if secret in text] == [], where
    for node in secured.nodes:
        home = secured.directory / node
        assert [stat.S_IMODE(path.stat().st_mode) for path in (home, home / "data", home / "mongod.conf")] == [0o700, 0o700, 0o600]
