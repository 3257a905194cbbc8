"""What `drbdadm dump` said, kept for the next process: run again as soon as anything that it reads has changed. On a real file system."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from osvc_ha.host import Host
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Verb
from osvc_ha.systems.drbd import SYSTEM
from osvc_ha.systems.drbd.client import dumped, kernel, marks
from osvc_ha.systems.drbd.client.reading import look
from osvc_ha.systems.drbd.config import Config, parse
from osvc_ha.systems.drbd.state import Actual

SAMPLES = Path(__file__).parent / "samples" / "8.4"
STAND_IN = """#!/bin/sh
echo "$1" >>{here}/log
case $1 in
dump) cat {here}/dump; [ ! -e {here}/edit ] || cat {here}/edit >>{here}/etc/drbd.d/r0.res ;;
primary) cat {samples}/connecting_primary/proc_drbd >{here}/proc ;;
show) cat {samples}/fencing_secondary_alone/show ;;
*) exit 20 ;;
esac
"""


class Machine:
    """A node with the programs' stand-ins, n1 dead and n2 its own name. ``log``: what was run."""

    def __init__(self, here: Path) -> None:
        self.here = here
        for folder in ("etc/drbd.d", "sys/drbd0", "run", "notes", "bin"):
            (here / folder).mkdir(parents=True)
        (here / "run").chmod(0o755)
        self.file("etc/drbd.conf", 'include "drbd.d/global_common.conf";\ninclude "drbd.d/*.res";\n')
        self.file("etc/drbd.d/global_common.conf", "common { }\n")
        self.file("etc/drbd.d/r0.res", "resource r0 { }\n")
        self.file("sys/drbd0/size", "130992\n")
        self.file("dump", (SAMPLES / "dump_fenced").read_text())
        self.file("proc", (SAMPLES / "fencing_secondary_alone/proc_drbd").read_text())
        for name in ("drbdadm", "drbdsetup"):
            self.file(f"bin/{name}", STAND_IN.format(here=here, samples=SAMPLES)).chmod(0o755)
        self.kept = here / "run" / dumped.NAME

    def file(self, name: str, text: str) -> Path:
        (self.here / name).write_text(text)
        return self.here / name

    def config(self) -> Config:
        programs = {name: str(self.here / "bin" / name) for name in ("drbdadm", "drbdsetup")}
        return parse({"path": "prod/svc/db", "res": "r0", "runtime_dir": str(self.here / "run"), **programs})

    def look(self) -> Actual:
        """As a process that has just begun."""
        return look(self.config(), "n2", Host())

    def ran(self) -> list[str]:
        """What was run since this was asked last."""
        log = self.here / "log"
        found = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return found


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setattr(dumped, "ETC", tmp_path / "etc")
    monkeypatch.setattr(kernel, "PROC", tmp_path / "proc")
    monkeypatch.setattr(kernel, "BLOCK", tmp_path / "sys")
    monkeypatch.setattr(marks, "NOTES", tmp_path / "notes")
    return Machine(tmp_path)


def test_a_start_of_a_new_process_runs_show_and_primary_alone(machine: Machine, seen_by) -> None:
    """A status of some minutes ago has left the configuration; the peer is dead to a majority."""
    first = machine.look()
    assert machine.ran() == ["dump", "show"]
    assert machine.kept.stat().st_mode & 0o777 == 0o600
    reconcile(SYSTEM, machine.config(), seen_by("n2", ("n2", "n3")), Verb.START, Host())
    assert machine.ran() == ["show", "primary"]
    again = machine.look()
    assert (again.configured, machine.ran()) == (first.configured, ["show"])


CHANGES: dict[str, Callable[[Machine], object]] = {
    "an edited .res": lambda machine: machine.file("etc/drbd.d/r0.res", "resource r0 { net { protocol A; } }\n"),
    "another resource": lambda machine: machine.file("etc/drbd.d/r1.res", "resource r1 { }\n"),
    "a resource that is gone": lambda machine: (machine.here / "etc/drbd.d/r0.res").unlink(),
    "an edited common section": lambda machine: machine.file("etc/drbd.d/global_common.conf", "common { net { protocol A; } }\n"),
    "an edited drbd.conf": lambda machine: machine.file("etc/drbd.conf", 'include "drbd.d/*.res";\n'),
    "another kernel module": lambda machine: machine.file("proc", (machine.here / "proc").read_text().replace("8.4.11", "8.4.12")),
    "another drbdadm": lambda machine: os.utime(machine.here / "bin/drbdadm", (1, 1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_the_answer_rests_on_is_asked_about_again(machine: Machine, change: str) -> None:
    """By contents: a file that was touched, or written anew as it was, is no change."""
    machine.look()
    machine.file("etc/drbd.d/r0.res", "resource r0 { }\n")
    machine.ran()
    machine.look()
    assert machine.ran() == ["show"]
    CHANGES[change](machine)
    machine.look()
    assert machine.ran()[0] == "dump"


def test_a_renamed_node_asks_again(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The `on` section that is this node's is found by its name."""
    machine.look()
    monkeypatch.setattr(dumped, "nodename", lambda: "n7")
    machine.ran()
    machine.look()
    assert "dump" in machine.ran()


def test_a_process_that_stays_asks_again_too(machine: Machine) -> None:
    """What it remembers rests on the same digest."""
    host, config = Host(), machine.config()
    look(config, "n2", host)
    look(config, "n2", host)
    assert machine.ran() == ["dump", "show", "show"]
    machine.file("etc/drbd.d/r1.res", "resource r1 { }\n")
    look(config, "n2", host)
    assert machine.ran() == ["dump", "show"]


@pytest.mark.parametrize(
    "conf",
    [
        'include "drbd.d/[a-z]*.res";\n',
        'include "drbd.d/*.res"\n',
        'include "drbd.d/nothing.res";\n',
        "resource r0 { floating 10.0.0.1:7; }\n",
    ],
)
def test_what_is_not_understood_is_never_kept(machine: Machine, conf: str) -> None:
    """drbdadm may read what nobody here has seen."""
    machine.file("etc/drbd.conf", conf)
    machine.look()
    machine.look()
    assert machine.ran() == ["dump", "show"] * 2
    assert not machine.kept.exists()


def test_a_root_file_of_drbdadms_own_version_is_not_understood(machine: Machine) -> None:
    """It would be read in place of drbd.conf."""
    machine.file("etc/drbd-84.conf", "")
    machine.look()
    assert machine.ran() == ["dump", "show"] and not machine.kept.exists()


def test_a_file_that_is_edited_while_drbdadm_reads_is_not_kept(machine: Machine) -> None:
    """Which of the two it has read, nobody knows."""
    machine.file("edit", "# by hand\n")
    machine.look()
    assert not machine.kept.exists()


def test_a_refusal_is_not_kept(machine: Machine) -> None:
    """Only what drbdadm said with exit code 0."""
    program = machine.here / "bin/drbdadm"
    program.write_text(program.read_text().replace("dump) ", "dump) echo 'r0.res:1: Parse error' >&2; exit 10; "))
    assert "Parse error" in machine.look().config_trouble
    assert not machine.kept.exists()


def spoil(machine: Machine, how: str) -> None:
    """What another user, or a careless hand, may leave there."""
    text = machine.kept.read_text()
    if how == "readable by others":
        machine.kept.chmod(0o644)
    elif how == "of another owner":
        os.chown(machine.kept, 65534, 65534)
    elif how == "a link":
        machine.kept.rename(machine.here / "elsewhere")
        machine.kept.symlink_to(machine.here / "elsewhere")
    elif how == "in a directory that others may write":
        machine.kept.parent.chmod(0o777)
    elif how == "a pipe":
        machine.kept.unlink()
        os.mkfifo(machine.kept, 0o600)
    elif how == "on other grounds":
        machine.kept.write_text(f"0{text}")
    elif how == "no text":
        machine.kept.write_bytes(text.encode() + b"\xff")


@pytest.mark.parametrize(
    "how",
    [
        "readable by others",
        "of another owner",
        "a link",
        "in a directory that others may write",
        "a pipe",
        "on other grounds",
        "no text",
    ],
)
def test_a_file_that_may_not_be_ours_is_ignored(machine: Machine, how: str) -> None:
    """drbdadm is asked, as if nothing were there."""
    if how == "of another owner" and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    machine.look()
    machine.ran()
    spoil(machine, how)
    machine.look()
    assert machine.ran() == ["dump", "show"]


def test_nowhere_to_keep_it_costs_only_time(machine: Machine) -> None:
    """A directory that cannot be made."""
    machine.kept.parent.rmdir()
    machine.file("run", "no directory")
    machine.look()
    assert machine.look().configured is not None
    assert machine.ran() == ["dump", "show"] * 2
