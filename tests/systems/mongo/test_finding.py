"""Which process is this node's mongod, told of real processes."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from osvc_ha.host import Host
from osvc_ha.systems.mongo.client.finding import find_process
from osvc_ha.systems.mongo.config import Config

Spawn = Callable[..., int]


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """A process with these arguments, which has no part in MongoDB; its pid. All end with the test."""
    script = tmp_path / "mongod"
    script.write_text("#!/bin/sh\nread never\n")
    script.chmod(0o755)
    started = []

    def run(*words: str, before: tuple[str, ...] = ()) -> int:
        child = subprocess.Popen([*before, str(script), *words], stdin=subprocess.PIPE)
        started.append(child)
        wanted = "\0".join(words) + "\0"
        assert Host().wait(lambda: Path(f"/proc/{child.pid}/cmdline").read_text().endswith(wanted), 10)
        return child.pid

    yield run
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Of a directory with nothing in it."""
    (tmp_path / "db").mkdir()
    return Config("prod/svc/db", "db", directory=str(tmp_path / "db"))


def test_what_has_our_configuration_is_found_before_it_has_written_a_pid_file(config: Config, spawn: Spawn, host: Host) -> None:
    """A program that was launched a moment ago, or that first does something else, is this node's mongod already."""
    assert find_process(config, host) == 0
    pid = spawn("--config", f"{config.directory}/mongod.conf")
    assert find_process(config, host) == pid


@pytest.mark.parametrize("words", [("{}",), ("--config", "{}.old"), ("-c", "--config {}"), ("--config", "elsewhere", "{}")])
def test_who_only_names_the_file_is_none(config: Config, spawn: Spawn, host: Host, words: tuple[str, ...]) -> None:
    """An editor, a backup, a shell: nobody may end those as if they were mongod."""
    spawn(*(word.format(f"{config.directory}/mongod.conf") for word in words))
    assert find_process(config, host) == 0


def test_a_pid_file_that_outlived_its_process_is_not_believed(config: Config, spawn: Spawn, host: Host) -> None:
    """Its pid is another's by now."""
    Path(config.directory, "mongod.pid").write_text(f"{spawn('--config', '/etc/mongod.conf')}\n")
    assert find_process(config, host) == 0


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="a namespace needs root and unshare")
@pytest.mark.parametrize("launch", (True, False))
def test_a_machine_within_this_one_has_a_file_of_that_name_too(config: Config, spawn: Spawn, host: Host, launch: bool) -> None:
    """What was launched here sees the same files; a container's mongod, which somebody else runs, need not."""
    spawn("--config", f"{config.directory}/mongod.conf", before=("unshare", "--mount"))
    found = find_process(Config("prod/svc/db", "db", directory=config.directory, launch=launch), host)
    assert bool(found) is not launch
