"""hooks/placement where no watcher runs: one reconcile under a lock. How it pokes is in tests/test_pokes.py."""

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
SNAPSHOT = Path(__file__).parents[2] / "docs" / "examples" / "cluster.json"
APPLY = "apply haproxy --set bind=*"


def test_without_a_watcher_the_reconcile_runs(node) -> None:
    """Agent 3's way, with nothing in the environment but the event: the words of the hook section are osvc-ha's."""
    done = node.run("placement", "haproxy", "--set", "bind=*", env={"EVENT": '{"kind":"NodeStale","id":7,"data":{"node":"n2"}}'})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    node.await_record([APPLY])


def test_a_watcher_that_hears_is_left_to_it(node, ear) -> None:
    """Nothing runs while a watcher listens; once it was killed, the reconcile does."""
    assert node.run("placement", "haproxy").returncode == 0
    assert ear.heard()
    ear.close()
    assert node.run("placement", "redis").returncode == 0
    node.await_record(["apply redis"])


def test_without_words_it_only_pokes(node) -> None:
    """Nobody asked for a reconcile: a second hook with words is the only one that runs something."""
    assert node.run("placement").returncode == 0
    assert node.run("placement", "haproxy").returncode == 0
    node.await_record(["apply haproxy"])


def test_hooks_during_a_reconcile_are_one_more_reconcile(node) -> None:
    """Twenty events while one runs: one more run after it, which sees all of them, and not twenty."""
    node.hold.touch()
    node.run("placement", "haproxy")
    node.await_record(["apply haproxy"], "begin")
    for _ in range(20):
        assert node.run("placement", "haproxy").returncode == 0
    assert node.record("begin") == ["apply haproxy"]
    node.hold.unlink()
    node.await_record(["apply haproxy"] * 2)
    node.await_idle()
    assert node.record("begin") == ["apply haproxy"] * 2


def test_hooks_all_at_once_lose_nothing(node) -> None:
    """Twenty hooks of the same moment: never two reconciles side by side, and one begins after the last hook came."""
    hooks = [subprocess.Popen(node.argv("placement", "haproxy"), env={}, stdin=subprocess.DEVNULL) for _ in range(20)]
    assert [hook.wait(20) for hook in hooks] == [0] * 20
    seen = len(node.record("begin"))
    node.run("placement", "haproxy")
    assert Host().wait(lambda: len(node.record()) > seen, 10)
    node.await_idle()
    lines = (node.directory / "record").read_text().split("\n")
    assert [line.split()[0] for line in lines if line] == ["begin", "end"] * len(node.record())


def test_the_daemon_waits_for_nothing(node) -> None:
    """The hook ends while its reconcile still runs, and its output with it: no pipe of the daemon's is held."""
    node.hold.touch()
    began = time.monotonic()
    done = node.run("placement", "haproxy", stdin=None, input='{"kind": "event"}')
    assert done.returncode == 0 and time.monotonic() - began < 5
    node.await_record(["apply haproxy"], "begin")
    [parent] = node.parents()
    assert os.getsid(parent) == parent, "a session of its own: what ends the daemon does not end it"
    assert {os.readlink(f"/proc/{parent}/fd/{number}") for number in (0, 1, 2)} == {os.devnull}


def test_a_reconcile_that_hangs_is_ended(node) -> None:
    """At its deadline it is killed, says so, and the next hook has its reconcile."""
    node.hold.touch()
    node.run("placement", "--seconds", "0.5", "haproxy")
    node.await_record(["apply haproxy"], "begin")
    node.await_idle()
    assert node.record() == []
    [log] = node.directory.glob("hooks/*.log")
    assert "osvc-ha apply haproxy: no end within 0.5 s, killed" in log.read_text()
    node.hold.unlink()
    node.run("placement", "haproxy")
    node.await_record(["apply haproxy"])


def test_a_hook_killed_in_the_middle_leaves_no_lock(node) -> None:
    """kill -9 of whoever holds it: the kernel frees the lock, and the next hook goes on."""
    node.hold.touch()
    node.run("placement", "haproxy")
    node.await_record(["apply haproxy"], "begin")
    os.kill(node.parents()[0], signal.SIGKILL)
    node.run("placement", "haproxy")
    node.await_record(["apply haproxy"] * 2, "begin")


def test_two_systems_do_not_wait_for_each_other(node) -> None:
    """Two hook sections with other words: each has a lock and a mark of its own."""
    node.hold.touch()
    node.run("placement", "haproxy")
    node.run("placement", "redis", "--set", "port=6380")
    assert Host().wait(lambda: sorted(node.record("begin")) == ["apply haproxy", "apply redis --set port=6380"], 10)


def test_the_last_reconciles_words_are_kept(node) -> None:
    """Whoever wonders what it did finds both its outputs in one file, of one run only."""
    node.code.write_text("5")
    for count in (1, 2):
        node.run("placement", "haproxy")
        node.await_record(["apply haproxy"] * count)
        node.await_idle()
    [log] = node.directory.glob("hooks/*.log")
    assert log.read_text() == "words of apply\ntrouble of apply\n"
    assert log.stat().st_mode & 0o777 == 0o600 or log.parent.stat().st_mode & 0o777 == 0o700


def test_a_program_that_is_not_there_is_named(node) -> None:
    """The stable path is missing where `osvc-ha install` never ran."""
    node.program.unlink()
    assert node.run("placement", "haproxy").returncode == 0
    assert Host().wait(lambda: any("osvc-ha install" in log.read_text() for log in node.directory.glob("hooks/*.log")), 10)


@pytest.mark.parametrize("kind", ["AuditStart", "AuditStop"])
def test_an_audit_of_agent_3_is_no_event(node, ear, kind: str) -> None:
    """`om daemon audit` runs every hook: nobody is woken, and a real event after it wakes once."""
    node.run("placement", "haproxy", env={"EVENT": f'{{"kind":"{kind}","id":1,"data":null}}'})
    node.run("placement", "haproxy", env={"EVENT": '{"kind":"NodeAlive","id":2,"data":{"node":"AuditStart"}}'})
    assert ear.heard() and not ear.heard(0.2)


@pytest.mark.parametrize("event", ["AuditStart", '{"kind":"AuditSt', "[" * 100_000 + "Audit", '["Audit"]', '{"Audit":1}'])
def test_an_event_that_cannot_be_read_is_an_event(node, ear, event: str) -> None:
    """Broken text in EVENT wakes, as anything does."""
    assert node.run("placement", env={"EVENT": event}).returncode == 0
    assert ear.heard()


@pytest.mark.parametrize(
    "words", [["--bogus", "1"], ["--seconds"], ["--seconds", "soon", "haproxy"], ["--seconds", "-1"], ["--seconds", "nan"]]
)
def test_a_mistake_in_the_hook_section_is_said(node, words: list[str]) -> None:
    """Agent 3 logs a hook that fails."""
    done = node.run("placement", *words)
    assert done.returncode == 2 and words[0] in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.live
def test_the_real_reconcile(node) -> None:
    """With osvc-ha itself: without any watcher, a hook brings HAProxy's configuration up to what the cluster says."""
    keywords = {"config_file": node.directory / "haproxy.cfg", "runtime_dir": node.directory / "run", "bind": "127.0.0.1"}
    words = [word for name, value in keywords.items() for word in ("--set", f"{name}={value}")]
    done = node.run("placement", "--program", OSVC_HA, "haproxy", "--snapshot", SNAPSHOT, *words)
    assert done.returncode == 0
    assert Host().wait(lambda: keywords["config_file"].exists(), 20)
    node.await_idle()
    [log] = node.directory.glob("hooks/*.log")
    assert "write config" in log.read_text()
