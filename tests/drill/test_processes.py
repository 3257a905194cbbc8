"""Processes of a run: started, paused, adopted, and gone afterwards, whatever ends the run."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.drill.process import Process, residents
from osvc_ha.drill.processes import Reserved, Run, listening, reserve, wait_until
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError

# A run with one of each: a plain server, a paused one, one that ignores SIGTERM, one that forked itself and is
# known by its pid file, one that nobody told the run about, one with a child in its group, and a load client.
SCRIPT = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.HANGUP)
from pathlib import Path
from osvc_ha.drill.load import start_client, wait_flowing
from osvc_ha.drill.processes import Run, listening, reserve, wait_until
from osvc_ha.host import Host

def redis(port, *more):
    return ["redis-server", "--bind", place.addresses[0], "--port", str(port), "--save", "", *more]

with Run() as run, reserve(1, 4) as place:
    address, ports = place.addresses[0], place.ports
    plain = run.start("plain", redis(ports[0])).await_ready(lambda: listening(address, ports[0]))
    paused = run.start("paused", redis(ports[1])).await_ready(lambda: listening(address, ports[1]))
    paused.pause()
    stubborn = run.start("stubborn", ["sh", "-c", "trap '' TERM; touch deaf; while :; do sleep 1; done"])
    stubborn.await_ready((run.directory / "deaf").exists)
    forked = run.directory / "forked.pid"
    run.start("forked", redis(ports[2], "--daemonize", "yes", "--pidfile", str(forked), "--dir", "/"), pidfile=forked)
    wait_until("pid file", lambda: forked.exists() and forked.read_text().strip())
    untold = run.directory / "untold.pid"
    Host().launch(redis(ports[3], "--pidfile", str(untold), "--dir", str(run.directory)), run.directory / "untold.log")
    wait_until("pid file", lambda: untold.exists() and untold.read_text().strip())
    parent = run.start("parent", ["sh", "-c", "sleep 1000 & echo $! >child.pid; trap 'exit 0' TERM; wait"])
    child = run.directory / "child.pid"
    wait_until("child", lambda: child.exists() and child.read_text().strip())
    client = start_client(run, "w", address, ports[0])
    wait_flowing([client])
    pids = [plain.pid, paused.pid, stubborn.pid, parent.pid, client.process.pid]
    pids += [int(path.read_text()) for path in (forked, untold, child)]
    print(run.directory, client.process.pid, *pids, flush=True)
    ENDING
"""


@dataclass
class Launched:
    """The script, once all of it runs: its directory, its client's pid and every pid, the client's among them."""

    script: subprocess.Popen[str]
    directory: Path
    client: int
    pids: list[int]

    def finish(self) -> str:
        """Wait for the script's end and return its standard error."""
        return self.script.communicate(timeout=30)[1]

    def left(self) -> list[int]:
        """Processes that live."""
        return [pid for pid in self.pids if Host().alive(pid)]


@contextmanager
def launched(ending: str, hangup: str = "SIG_DFL") -> Iterator[Launched]:
    """Run the script; what it leaves behind when it fails its test is ended all the same."""
    script = subprocess.Popen(
        [sys.executable, "-c", SCRIPT.replace("ENDING", ending).replace("HANGUP", hangup)],
        cwd=Path(__file__).resolve().parents[2],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert script.stdout is not None
    words = script.stdout.readline().split()
    assert words, script.communicate()[1]
    started = Launched(script, Path(words[0]), int(words[1]), [int(word) for word in words[2:]])
    try:
        yield started
    finally:
        script.kill()
        script.communicate()
        for pid in started.left():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(started.directory, ignore_errors=True)


@pytest.mark.drill
@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        ((signal.SIGINT,), -signal.SIGINT),
        ((signal.SIGTERM,), 143),
        ((signal.SIGHUP,), 129),
        ((signal.SIGINT, signal.SIGINT), -signal.SIGINT),
    ],
    ids=["ctrl-c", "term", "hangup", "ctrl-c twice"],
)
def test_interrupted_run_leaves_no_process_and_no_file(numbers: tuple[int, ...], code: int) -> None:
    """Ctrl-C, an impatient second one, SIGTERM and a closed terminal leave nothing behind: paused, forked or unknown."""
    with launched("time.sleep(60)") as run:
        assert len(run.left()) == 8
        for number in numbers:
            os.killpg(run.script.pid, number)
            # The second one must find the cleaning under way, which lasts until the stubborn one is killed.
            wait_until("the cleaning", lambda: not Host().alive(run.pids[0]))
        error = run.finish()
        assert (run.script.returncode, run.left(), run.directory.exists()) == (code, [], False), error


@pytest.mark.drill
def test_run_under_nohup_outlives_its_terminal() -> None:
    """A run started with nohup ignores the hangup, and still ends on SIGTERM."""
    with launched("time.sleep(60)", hangup="SIG_IGN") as run:
        run.script.send_signal(signal.SIGHUP)
        run.script.send_signal(signal.SIGTERM)
        run.finish()
        assert (run.script.returncode, run.left()) == (143, [])


@pytest.mark.drill
@pytest.mark.parametrize(("ending", "code"), [("raise ValueError('a bug')", 1), ("sys.exit(7)", 7), ("pass", 0)])
def test_run_that_ends_by_itself_leaves_nothing_either(ending: str, code: int) -> None:
    """An exception, an exit and the last line end every process and remove the directory."""
    with launched(ending) as run:
        error = run.finish()
        assert (run.script.returncode, run.left(), run.directory.exists()) == (code, [], False), error


@pytest.mark.drill
def test_load_ends_with_its_run_even_by_kill_nine() -> None:
    """No load client outlives a run that was killed outright."""
    with launched("time.sleep(60)") as run:
        run.script.kill()
        wait_until("the client's end", lambda: not Host().alive(run.client))


def test_parallel_runs_share_no_address() -> None:
    """Two reservations at once never overlap, and the preferred network is given to one of them only."""
    with reserve(2, 4) as one, reserve(2, 4) as two, reserve(2, 4, prefer=one.addresses[0].rpartition(".")[0]) as three:
        names = [*one.addresses, *two.addresses, *three.addresses]
        assert len(set(names)) == 6 and all(name.startswith("127.0.") for name in names)
        network = one.addresses[0].rpartition(".")[0]
        one.close()
        with reserve(2, 4, prefer=network) as again:
            assert again.addresses == one.addresses


def test_reserved_ports_are_free_on_every_address(reserved: Reserved) -> None:
    """A block with a port that somebody listens on is passed over, and none is one that clients get."""
    network = reserved.addresses[0].rpartition(".")[0]
    taken = reserved.ports[1]
    with socket.create_server((f"{network}.3", taken)):
        assert listening(f"{network}.3", taken)
        reserved.close()
        with reserve(3, 4, prefer=network) as other:
            assert other.addresses[2] == f"{network}.3" and taken not in other.ports
            assert all(Host().bindable(address, port) for address in other.addresses for port in other.ports)
            assert max(other.ports) < 32768
    assert not listening(f"{network}.3", taken)


@pytest.mark.drill
def test_adopted_daemon_can_be_paused_and_killed(run: Run, start_redis: Callable[..., Any], reserved: Reserved) -> None:
    """A daemon that somebody else started is taken over by its pid file; a stale or missing file is named."""
    pidfile = run.directory / "theirs.pid"
    with pytest.raises(ApplyError, match="theirs.pid names no living process"):
        run.adopt("theirs", pidfile)
    redis = start_redis(0, "--pidfile", str(pidfile))
    wait_until("pid file", lambda: pidfile.exists() and pidfile.read_text().strip() != "")
    adopted = run.adopt("theirs", pidfile)
    assert adopted.pid == redis.process.pid
    adopted.pause()
    wait_until("its stop", lambda: state(adopted.pid) == "T")
    adopted.resume()
    wait_until("its return", redis.serves)
    adopted.kill()
    assert not adopted.alive and not redis.process.alive
    adopted.kill()
    with pytest.raises(ApplyError, match="names no living process"):
        run.adopt("theirs", pidfile)


def test_terminate_kills_what_does_not_listen(run: Run) -> None:
    """A program that ignores SIGTERM is killed after its deadline, not waited for."""
    deaf = run.start("deaf", ["sh", "-c", "trap '' TERM; touch deaf; while :; do sleep 1; done"])
    deaf.await_ready((run.directory / "deaf").exists)
    began = time.monotonic()
    deaf.terminate(seconds=0.2)
    assert not deaf.alive and 0.2 <= time.monotonic() - began < 3


def test_paused_program_is_asked_before_it_is_killed(run: Run) -> None:
    """A paused server wakes up to end in its own way, without waiting for the deadline."""
    script = "trap 'touch ended; exit' TERM; touch ready; while :; do sleep 0.01; done"
    paused = run.start("paused", ["sh", "-c", script]).await_ready((run.directory / "ready").exists)
    paused.pause()
    wait_until("its stop", lambda: state(paused.pid) == "T")
    paused.terminate(seconds=10)
    assert (run.directory / "ended").exists() and not paused.alive


def test_program_that_dies_at_once_says_why(run: Run) -> None:
    """A server that does not come up is reported with the end of its own log; a missing one by its name."""
    with pytest.raises(ApplyError, match="srv: ended at once: no such luck"):
        run.start("srv", ["sh", "-c", "echo no such luck >&2; exit 1"]).await_ready(lambda: False)
    with pytest.raises(ApplyError, match="slow: not ready within 0.1 s"):
        run.start("slow", ["sleep", "1000"]).await_ready(lambda: False, seconds=0.1)
    with pytest.raises(ApplyError, match="/nowhere/redis-server: No such file"):
        run.start("none", ["/nowhere/redis-server"])


def test_exit_code_is_told_once_it_has_ended(run: Run) -> None:
    """A program's exit code, or the signal that ended it, is told without waiting, before and after it is forgotten."""
    failed, lasting = run.start("failed", ["sh", "-c", "exit 3"]), run.start("lasting", ["sleep", "1000"])
    with pytest.raises(ApplyError, match="lasting: still running"):
        assert lasting.returncode
    lasting.kill()
    assert failed.wait(5)
    for _ in range(2):
        assert (failed.returncode, lasting.returncode) == (3, -signal.SIGKILL)
        assert state(failed.pid) == "Z"
    failed.close()
    assert failed.returncode == 3


def test_stranger_with_a_used_number_is_never_signalled(run: Run) -> None:
    """Once a process has ended and was forgotten, pause, kill and terminate do nothing."""
    brief = run.start("brief", ["true"])
    assert brief.wait(5)
    brief.close()
    brief.pid = os.getpid()
    brief.kill()
    brief.terminate()
    assert not brief.alive


def test_only_what_lives_in_the_directory_is_a_resident(run: Run, tmp_path: Path) -> None:
    """Processes of other directories are not touched by the last sweep, and our own never is."""
    inside = run.start("inside", ["sleep", "1000"])
    named = Process.start("named", ["tail", "-f", str(run.directory / "inside.log")], tmp_path / "log", tmp_path)
    outside = Process.start("outside", ["sleep", "1000"], tmp_path / "log", tmp_path)
    try:
        assert residents(run.directory) == sorted([inside.pid, named.pid])
    finally:
        for each in (named, outside):
            each.terminate()
            each.close()


def test_shell_of_somebody_reading_the_logs_is_left_alone(run: Run) -> None:
    """A program on a terminal is no leftover, even when it stands in the run's directory."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(run.directory)
        os.execvp("sleep", ["sleep", "1000"])
    try:
        wait_until("its start", lambda: os.readlink(f"/proc/{pid}/cwd") == str(run.directory))
        assert residents(run.directory) == []
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def state(pid: int) -> str:
    """The kernel's letter for it; T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
