"""FakeHost keeps to Host's contract, and the case loader accepts nothing that would test nothing."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from osvc_ha.host import Completed, Host
from osvc_ha.planner.errors import ApplyError, ObserveError
from osvc_ha.testing import FakeHost, load_cases

METHODS = [name for name, _ in inspect.getmembers(Host, inspect.isfunction) if not name.startswith("_")]


@pytest.mark.parametrize("name", METHODS)
def test_every_door_is_replaced(name: str) -> None:
    """No call on a FakeHost reaches the real machine, and each takes what Host's takes."""
    assert name in vars(FakeHost)
    assert list(inspect.signature(getattr(FakeHost, name)).parameters) == list(inspect.signature(getattr(Host, name)).parameters)


def test_files_are_read_as_they_were_written() -> None:
    """What is not there is None, what is broken raises as the real machine would."""
    host = FakeHost({"/etc/a/b": "x"})
    assert host.read(Path("/etc/a/b")) == "x" and host.read(Path("/etc/c")) is None
    assert host.names(Path("/etc")) == ("a",) and host.names(Path("/var")) == ()
    host.replace(Path("/etc/c"), "y", 0o600)
    assert host.files["/etc/c"] == "y" and host.modes["/etc/c"] == 0o600
    host.remove(Path("/etc/c"))
    assert host.read(Path("/etc/c")) is None
    host.broken.add("/etc/a/b")
    with pytest.raises(ObserveError, match="/etc/a/b"):
        host.read(Path("/etc/a/b"))
    with pytest.raises(ApplyError, match="the old file is untouched"):
        host.replace(Path("/etc/a/b"), "z")
    assert host.files["/etc/a/b"] == "x"


def test_programs_and_sockets_answer_as_told() -> None:
    """A program or socket that nobody defined is missing, with the real machine's kind of error."""
    host = FakeHost(programs={"ls": Completed(0, "a\n", ""), "cat": lambda argv, text: Completed(0, text, "")}, sockets={"/s": str.upper})
    assert host.run(["ls", "-l"]).out == "a\n" and host.run(["cat"], text="x").out == "x" and host.ran == [("ls", "-l"), ("cat",)]
    assert host.exchange("/s", "ping") == "PING" and host.sent == [("/s", "ping")]
    with pytest.raises(ApplyError, match="rm: not found"):
        host.run(["rm"])
    with pytest.raises(ObserveError, match="/gone"):
        host.exchange("/gone", "x")


def test_processes_live_until_they_are_killed() -> None:
    """Launch, ask, kill."""
    host = FakeHost(programs={"redis-server": Completed(0, "", "")})
    pid = host.launch(["redis-server"], Path("/log"))
    assert host.alive(pid)
    host.kill(pid, 1)
    assert host.alive(pid)
    host.kill(pid, 15)
    assert not host.alive(pid) and host.killed == [(pid, 1), (pid, 15)]


def test_time_passes_only_by_sleeping() -> None:
    """A wait of an hour takes no time, and a lock that is held cannot be taken."""
    host = FakeHost(ports=[("*", 80)])
    began = host.now()
    assert not host.wait(lambda: False, 3600, every=60)
    assert host.now() == began + 3600
    with host.lock(Path("/l"), 1), pytest.raises(ApplyError, match="another run"), host.lock(Path("/l"), 1):
        pass
    assert not host.bindable("127.0.0.1", 80) and host.bindable("127.0.0.1", 81)


def test_cases_come_with_their_names(tmp_path: Path) -> None:
    """A file holds one case, named after it, or a list of named ones."""
    (tmp_path / "a.json").write_text('{"verb": "start"}')
    (tmp_path / "b.json").write_text('[{"name": "x"}, {"name": "y"}]')
    assert [str(case) for case in load_cases(tmp_path)] == ["a", "b: x", "b: y"]
    assert load_cases(tmp_path)[0].told == {"verb": "start"}


@pytest.mark.parametrize("text", ["{", "[{}]", "[7]", '[{"name": "x"}, {"name": "x"}]', "[]"])
def test_a_case_file_that_would_test_nothing_is_named(tmp_path: Path, text: str) -> None:
    """Broken JSON, a case without a name or twice, and an empty list are errors with the path."""
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(ValueError, match=str(tmp_path)):
        load_cases(tmp_path)


def test_a_folder_without_cases_is_an_error(tmp_path: Path) -> None:
    """A mistyped folder does not pass as success."""
    with pytest.raises(ValueError, match="no cases"):
        load_cases(tmp_path / "none")
