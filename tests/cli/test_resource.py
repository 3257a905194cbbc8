"""osvc-ha resource: what agent 3, a trigger or an operator's hand gets from it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osvc_ha.agents import v3
from osvc_ha.cli import options, resource
from osvc_ha.registry import load_system

if TYPE_CHECKING:
    from conftest import Command

Snapshot = Callable[[], Path]
PROGRAM = str(Path(sys.executable).with_name("osvc-ha"))
WEB = ("--path", "prod/svc/web")


@pytest.fixture
def follower(tmp_path: Path, snapshot: Snapshot) -> Iterator[list[str]]:
    """The words for a follower in this test's directory. It is stopped afterwards."""
    own = [f"program={PROGRAM}", f"runtime_dir={tmp_path / 'follow'}", f"keywords=haproxy.runtime_dir={tmp_path / 'run'}"]
    words = [*WEB, "--snapshot", str(snapshot()), *(word for pair in own for word in ("--set", pair))]
    yield words
    subprocess.run([PROGRAM, "resource", "follow", "stop", *words], check=True, timeout=60, env={"PATH": os.defpath})


def test_a_start_holds_no_pipe_open(follower: list[str]) -> None:
    """Whoever reads its output comes to the end of it although the program runs on: an agent waits for that end."""
    for verb, code in (("status", 1), ("start", 0), ("status", 0)):
        done = subprocess.run([PROGRAM, "resource", "follow", verb, *follower], capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr
    assert "pid: " in done.stdout


def test_keywords_come_from_the_environment_and_set_wins(
    osvc_ha: Command, snapshot: Snapshot, follower: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken one is named with its value."""
    monkeypatch.setenv("OSVC_HA_RESYNC", "soon")
    done = osvc_ha("resource", "follow", "status", *follower)
    assert (done.code, done.out, done.err) == (5, "", "follow: resync=soon is not a whole number from 1 to 86400\n")
    assert osvc_ha("resource", "follow", "status", *follower, "--set", "resync=10").code == 1


def test_an_unknown_keyword_is_a_warning(osvc_ha: Command, follower: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A template of tomorrow takes no service of today down."""
    monkeypatch.setenv("OSVC_HA_COLOUR", "blue")
    for verb, code in (("status", 1), ("stop", 0)):
        done = osvc_ha("resource", "follow", verb, *follower)
        assert (done.code, done.err) == (code, "OSVC_HA_COLOUR: follow has no such keyword in this version; it is ignored\n")


def test_the_agent_says_which_service(osvc_ha: Command, snapshot: Snapshot, here: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand it has to be named, and that is said."""
    words = ("resource", "haproxy", "info", "--snapshot", snapshot(), *here)
    done = osvc_ha(*words)
    assert done.code == 2 and "which service?" in done.err
    monkeypatch.setenv("OPENSVC_SVCPATH", "prod/svc/web")
    assert osvc_ha(*words).code == 0


@pytest.mark.parametrize("words", [("haprxoy", *WEB), ("haproxy",), ("redis", *WEB, "--set", "port"), ("redis", *WEB)])
def test_a_status_that_cannot_be_told_is_undef(osvc_ha: Command, words: tuple[str, ...]) -> None:
    """Whatever the reason is, a mistake or no agent: never down, which stops nothing, nor warn, which stops a failover."""
    done = osvc_ha("resource", words[0], "status", *words[1:])
    assert (done.code, done.out) == (5, "") and done.err.strip()


def test_a_fault_of_ours_is_undef(osvc_ha: Command, follower: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, percent signs doubled for the agent."""

    def observe(*_: object) -> None:
        raise ValueError("100%")

    monkeypatch.setenv("OPENSVC_RID", "app#1")
    monkeypatch.setattr(options, "load_system", lambda name: replace(load_system(name), observe=observe))
    done = osvc_ha("resource", "follow", "status", *follower)
    assert (done.code, done.err) == (5, "follow status: ValueError: 100%%; this is a fault of osvc_ha\n")


def test_a_check_refuses_a_doomed_start(osvc_ha: Command, follower: list[str]) -> None:
    """With the exit code of an unsafe plan, which a blocking_pre_start passes on; nothing was started."""
    assert osvc_ha("resource", "follow", "check", *follower).code == 0
    done = osvc_ha("resource", "follow", "check", *follower, "--set", "systems=redsi", "--set", "keywords=a.b=c")
    assert done.code == 4 and "a.b=c" in done.err
    assert osvc_ha("resource", "follow", "status", *follower).code == 1


@pytest.fixture
def mute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An agent that listens and never answers."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agent" / "var" / "lsnr").mkdir(parents=True)
    monkeypatch.setenv("OSVC_ROOT_PATH", str(tmp_path / "agent"))
    with socket.socket(socket.AF_UNIX) as ear:
        # A path relative to here: sockaddr_un takes no long one.
        ear.bind(os.path.relpath(tmp_path / "agent" / "var" / "lsnr" / "lsnr.sock"))
        ear.listen(100)
        yield


@pytest.mark.parametrize(("agents", "ours"), [("start", "start"), ("stop", "stop"), ("check", "status"), ("info", "info")])
def test_each_verb_ends_before_the_agent_cuts_it_off(agents: str, ours: str) -> None:
    """Its own deadline and what may come after it are below the time-out of every section on 3."""
    text = v3.TIMEOUTS[agents]
    assert resource.WITHIN[ours] + resource.GRACE < int(text[:-1]) * {"m": 60, "s": 1}[text[-1]]


@pytest.mark.parametrize(("verb", "code"), [("status", 5), ("start", 5), ("info", 5)])
def test_what_takes_too_long_ends(osvc_ha: Command, mute: None, monkeypatch: pytest.MonkeyPatch, verb: str, code: int) -> None:
    """With a sentence and, for a status, as undef: what an agent cuts off itself counts as down."""
    monkeypatch.setattr(resource, "GRACE", 0.1)
    done = osvc_ha("resource", "haproxy", verb, *WEB, "--within", "0.2")
    assert done.code == code and f"haproxy {verb}: no end after 0.3 s" in done.err
