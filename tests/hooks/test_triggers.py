"""hooks/pre_start, post_start, pre_stop and post_stop, as an agent runs them around a resource's actions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from osvc_ha.host import Host

OSVC_HA = Path(sys.executable).with_name("osvc-ha")
VERBS = {"pre_start": ("check", "provision"), "post_start": ("start",), "pre_stop": ("stop",)}


@pytest.mark.parametrize(("hook", "verbs"), VERBS.items())
def test_a_trigger_asks_osvc_ha(node, ear, hook: str, verbs: tuple[str, ...]) -> None:
    """Its keywords become --set, other words stay; what is printed goes to the agent's log; then the watchers are woken."""
    done = node.run(hook, "redis", "--path", "prod/svc/redis", "port=6380", "group=web")
    assert (done.returncode, done.stdout) == (0, "words of resource\ntrouble of resource\n" * len(verbs))
    assert node.record() == [f"resource redis {verb} --path prod/svc/redis --set port=6380 --set group=web" for verb in verbs]
    assert ear.heard()


@pytest.mark.parametrize("hook", [*VERBS, "post_stop"])
def test_a_trigger_without_words_only_wakes(node, ear, hook: str) -> None:
    """For a resource that osvc_ha does not know, the followers still hear of it."""
    done = node.run(hook)
    assert (done.returncode, done.stdout, done.stderr, node.record("begin")) == (0, "", "", [])
    assert ear.heard()


@pytest.mark.parametrize("hook", VERBS)
def test_a_refusal_is_passed_on(node, ear, hook: str) -> None:
    """blocking_pre_start keeps a doomed start from beginning, for the code is osvc-ha's own; the watchers are woken all the same."""
    node.code.write_text("4")
    assert node.run(hook, "redis").returncode == 4
    assert len(node.record()) == 1, "nothing goes on behind a refusal"
    assert ear.heard()


@pytest.mark.parametrize("hook", VERBS)
def test_a_command_that_hangs_is_ended(node, ear, hook: str) -> None:
    """No agent puts a deadline on its triggers; the hook does, and says what was going on."""
    node.hold.touch()
    done = node.run(hook, "--seconds", "0.5", "redis")
    assert done.returncode == 124
    assert done.stdout.startswith("words of resource\n")
    assert done.stdout.endswith(f"{node.program} resource redis {VERBS[hook][0]}: no end within 0.5 s, killed\n")
    node.hold.unlink()
    assert ear.heard() and node.record() == []


def test_a_command_that_hangs_takes_its_children_along(node) -> None:
    """What it was waiting for is ended too: a client that hangs must not go on by itself later."""
    node.program.write_text("#!/bin/sh\nsleep 600 &\necho $! >$0.pid\nwait\n")
    assert node.run("post_start", "--seconds", "0.5", "redis").returncode == 124
    child = int((node.directory / "osvc-ha.pid").read_text())
    assert Host().wait(lambda: not Host().alive(child), 5)


def test_a_trigger_that_is_ended_ends_its_command(node) -> None:
    """An operator's Ctrl-C on `om start`, or an agent that gives up, leaves nothing running."""
    node.hold.touch()
    trigger = subprocess.Popen(node.argv("pre_stop", "redis"), env={}, stdout=subprocess.DEVNULL)
    node.await_record(["resource redis stop"], "begin")
    trigger.send_signal(signal.SIGTERM)
    assert trigger.wait(10) == 128 + signal.SIGTERM
    node.hold.unlink()
    node.hold = node.directory / "never"
    assert Host().wait(lambda: not living_in(node.directory), 10)
    assert node.record() == []


def test_what_a_command_leaves_running_does_not_hold_the_agent_up(node) -> None:
    """Both agents read a trigger's output to its end: a server that was started, and kept it open, would hang the action."""
    node.program.write_text("#!/bin/sh\necho started\nsleep 30 &\necho $! >$0.pid\n")
    began = time.monotonic()
    done = node.run("post_start", "redis")
    os.kill(int((node.directory / "osvc-ha.pid").read_text()), signal.SIGKILL)
    assert (done.returncode, done.stdout) == (0, "started\n") and time.monotonic() - began < 10


def test_an_agent_that_reads_nothing_gets_its_code(node) -> None:
    """Its end of the pipe is closed: no complaint, and the command's own exit code."""
    node.code.write_text("3")
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(node.argv("pre_start", "redis"), env={}, stdout=writer, stderr=subprocess.PIPE, timeout=10)
    os.close(writer)
    assert (done.returncode, done.stderr) == (3, b"")


def test_what_the_agent_says_of_the_service_arrives(node) -> None:
    """The service's path and the like are passed on, the PYTHONPATH of agent 2.1 is not; PATH is there in an empty environment."""
    node.program.write_text("#!/usr/bin/env -S /bin/sh\nenv | sort\n")
    told = {
        "OPENSVC_SVCPATH": "prod/svc/redis",
        "OPENSVC_RID": "container#1",
        "OSVC_ACTION_ORIGIN": "daemon",
        "PYTHONPATH": "/x",
        "PATH": "/x",
    }
    lines = node.run("post_start", "redis", env=told).stdout.splitlines()
    assert {"OPENSVC_SVCPATH=prod/svc/redis", "OPENSVC_RID=container#1", "OSVC_ACTION_ORIGIN=daemon"} < set(lines)
    assert not [line for line in lines if "/x" in line]
    assert "LANG=C.UTF-8" in lines and any(line.startswith("PATH=") and "/usr/sbin" in line for line in lines)


def test_the_real_command_refuses_what_is_wrong(node) -> None:
    """With osvc-ha itself: a keyword's mistake keeps the start from beginning, in one sentence."""
    done = node.run("pre_start", "--program", OSVC_HA, "redis", "port=70000", env={"OPENSVC_SVCPATH": "prod/svc/redis"})
    assert done.returncode != 0
    assert "70000" in done.stdout and len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("hook", "words"), [("post_stop", ["redis"]), ("pre_start", ["--secs", "5", "redis"]), ("pre_stop", ["--seconds", "x"])]
)
def test_a_mistake_in_a_trigger_runs_nothing(node, hook: str, words: list[str]) -> None:
    """It is said, with exit code 2, so that a blocking trigger shows it at once."""
    done = node.run(hook, *words)
    assert done.returncode == 2 and "--help" in done.stderr or "takes no words" in done.stderr or "seconds" in done.stderr
    assert node.record("begin") == []


def living_in(directory: Path) -> list[str]:
    """Command lines of processes that know of a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_text()
        except OSError:
            continue
        if str(directory) in line and process.name != str(os.getpid()):
            found.append(line)
    return found
