"""Host: programs and locks, on the real machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError

Script = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def script() -> Iterator[Script]:
    """Runs Python code with a Host in another process; what is left at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        code = "import sys\nfrom pathlib import Path\nfrom osvc_ha.host import Host\n" + code
        argv = [sys.executable, "-c", code, *map(str, arguments)]
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def pid_in(host: Host, path: Path) -> int:
    """The process id that a script writes there, once it has."""
    assert host.wait(lambda: (host.read(path) or "").endswith("\n"), 10), f"{path} never appeared"
    return int(path.read_text())


def test_run_gives_code_and_both_outputs(host: Host) -> None:
    """A program's exit code is handed over, not judged, and its words are those on stderr."""
    done = host.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.code, done.out, done.err, done.words) == (3, "out\n", "err\n", "err")


def test_words_fall_back(host: Host) -> None:
    """A program that fails without a word on stderr is quoted from stdout, else by its exit code."""
    assert host.run(["sh", "-c", "echo usage; exit 2"]).words == "usage"
    assert host.run(["sh", "-c", "exit 7"]).words == "exit code 7"


def test_run_feeds_and_reads_more_than_a_pipe_holds(host: Host) -> None:
    """A megabyte in and a megabyte out at the same time do not deadlock, and non-ASCII survives any locale."""
    text = "é" * 500_000
    assert host.run(["cat"], text=text, env={"LC_ALL": "C", "PATH": os.environ["PATH"]}).out == text


def test_run_survives_output_that_is_not_text(host: Host) -> None:
    """Bytes that are not UTF-8 become replacement characters instead of an exception."""
    assert host.run(["printf", r"a\377b"]).out == "a\ufffdb"


def test_a_program_that_reads_nothing_is_no_error(host: Host) -> None:
    """Input for a program that ends without reading it is dropped."""
    assert host.run(["true"], text="x" * 1_000_000).code == 0


def test_a_missing_program_is_named_with_the_way_out(host: Host, tmp_path: Path) -> None:
    """Not installed and not executable are two messages, both with the path."""
    with pytest.raises(ApplyError, match="/no/such/haproxy: not found; install it or name its path by keyword"):
        host.run(["/no/such/haproxy", "-c"])
    plain = tmp_path / "haproxy"
    plain.write_text("")
    with pytest.raises(ApplyError, match=f"{plain}: Permission denied"):
        host.run([str(plain)])


def test_run_ends_at_its_deadline_with_all_it_started(host: Host, tmp_path: Path) -> None:
    """A hanging program and the children it waits for are both gone, and the message has the deadline."""
    pid_file = tmp_path / "pid"
    began = time.monotonic()
    with pytest.raises(ApplyError, match=r"sh: no answer within 0\.5 s, killed"):
        host.run(["sh", "-c", f"sleep 60 & echo $! > {pid_file}; wait"], seconds=0.5)
    assert time.monotonic() - began < 5
    grandchild = pid_in(host, pid_file)
    assert host.wait(lambda: not host.alive(grandchild), 5)


def test_a_child_that_keeps_the_output_open_is_not_waited_for(host: Host) -> None:
    """A program that ends but leaves a child on its output ends at the deadline too, and is told apart from one that hangs."""
    began = time.monotonic()
    with pytest.raises(ApplyError, match="sh: ended with exit code 3, but a program it started kept its output open"):
        host.run(["sh", "-c", "sleep 60 & exit 3"], seconds=0.5)
    assert time.monotonic() - began < 5


def test_an_interrupted_run_leaves_nothing(host: Host, script: Script, tmp_path: Path) -> None:
    """Ctrl-C during a command takes the command along, although it has a session of its own."""
    pid_file = tmp_path / "pid"
    # A program started in the background of a shell ignores SIGINT, and so do its children.
    heeding = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    ours = script(heeding + "Host().run(['sh', '-c', f'echo $$ > {sys.argv[1]}; exec sleep 60'], seconds=60)", pid_file)
    command = pid_in(host, pid_file)
    ours.send_signal(signal.SIGINT)
    assert "KeyboardInterrupt" in ours.communicate(timeout=10)[1]
    assert host.wait(lambda: not host.alive(command), 5)


def test_a_launched_program_keeps_no_pipe_of_ours(host: Host, script: Script, tmp_path: Path) -> None:
    """Whoever reads our output sees its end when we end, while the launched program runs on and logs to its file."""
    log = tmp_path / "log"
    code = "print(Host().launch(['sh', '-c', 'echo started; exec sleep 60'], Path(sys.argv[1])))"
    out, err = script(code, log).communicate(timeout=10)
    assert err == ""
    launched = int(out)
    try:
        assert host.wait(lambda: host.read(log) == "started\n", 5)
        assert host.alive(launched)
        assert os.getsid(launched) == launched
        held = [os.readlink(f"/proc/{launched}/fd/{number}") for number in (0, 1, 2)]
        assert held == ["/dev/null", str(log), str(log)]
    finally:
        host.kill(launched, signal.SIGKILL)
    assert host.wait(lambda: not host.alive(launched), 5)
    host.kill(launched, signal.SIGTERM)


def test_launching_a_missing_program_is_said(host: Host, tmp_path: Path) -> None:
    """A watcher that cannot be started is an error with its name, not a silent nothing."""
    with pytest.raises(ApplyError, match="/no/such/program: No such file or directory; install it"):
        host.launch(["/no/such/program"], tmp_path / "log")


def test_one_run_at_a_time(host: Host, tmp_path: Path) -> None:
    """A second run waits for the first up to its deadline, then says for how long and for which lock."""
    path = tmp_path / "new" / "lock"
    with host.lock(path, 1):
        began = time.monotonic()
        with pytest.raises(ApplyError, match=f"{path}: another run has held it for 0.2 s"), host.lock(path, 0.2):
            pytest.fail("both hold the lock")
        assert 0.2 <= time.monotonic() - began < 5
    with host.lock(path, 0):
        pass


def test_a_killed_run_frees_its_lock(host: Host, script: Script, tmp_path: Path) -> None:
    """kill -9 of the holder never blocks the next run, not even while a program it launched lives on."""
    path, pid_file = tmp_path / "lock", tmp_path / "pid"
    code = """
import time
with Host().lock(Path(sys.argv[1]), 5):
    pid = Host().launch(["sleep", "60"], Path("/dev/null"))
    Path(sys.argv[2]).write_text(f"{pid}\\n")
    time.sleep(60)
"""
    holder = script(code, path, pid_file)
    launched = pid_in(host, pid_file)
    try:
        with pytest.raises(ApplyError), host.lock(path, 0):
            pytest.fail("both hold the lock")
        holder.kill()
        with host.lock(path, 5):
            assert host.alive(launched)
    finally:
        host.kill(launched, signal.SIGKILL)


def test_a_lock_never_hides_what_went_wrong_under_it(host: Host, tmp_path: Path) -> None:
    """An error of the work done under the lock arrives as it is, and frees the lock."""
    path = tmp_path / "lock"
    with pytest.raises(PermissionError), host.lock(path, 0):
        raise PermissionError("of the caller")
    with host.lock(path, 0):
        pass


def test_a_lock_in_an_impossible_place_is_said(host: Host, tmp_path: Path) -> None:
    """A lock whose folder cannot be made is an error with the path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ApplyError, match="file/lock: cannot be locked: "), host.lock(tmp_path / "file" / "lock", 0):
        pytest.fail("locked")


def test_wait_ends_with_the_condition_or_the_deadline(host: Host) -> None:
    """Waiting looks at least once, stops at the first yes, and says no at the deadline."""
    answers = iter([False, False, True])
    assert host.wait(lambda: next(answers), 5, every=0.001)
    assert next(answers, "all asked") == "all asked"
    assert host.wait(lambda: True, 0)
    began = time.monotonic()
    assert not host.wait(lambda: False, 0.1)
    assert 0.1 <= time.monotonic() - began < 5


def test_a_zombie_is_not_alive(host: Host) -> None:
    """A process that ended is dead even before its parent has asked."""
    child = subprocess.Popen(["true"])
    try:
        assert host.wait(lambda: not host.alive(child.pid), 5)
        assert Path(f"/proc/{child.pid}").exists()
    finally:
        child.wait()
