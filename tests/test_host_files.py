"""Host: reading and replacing files, on real file systems that are full or read-only."""

from __future__ import annotations

import errno
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError

OwnFileSystem = Callable[[str], str]

PRELUDE = """
import os, subprocess, sys
from pathlib import Path
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
path = Path(sys.argv[1]) / "haproxy.cfg"
Host().replace(path, "old")
def attempt(text):
    try:
        Host().replace(path, text)
    except ApplyError as error:
        print(error)
"""


@pytest.fixture
def own_file_system(tmp_path: Path) -> OwnFileSystem:
    """Runs code on a 64 kB file system of its own.

    Mounted in a mount namespace, which ends with the process: nothing is left behind, and where user
    namespaces are allowed root is not needed. Permissions alone would not do: root ignores them.
    """
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    mount = 'mount -t tmpfs -o size=64k osvc-ha-test "$1" && shift && exec "$@"'

    def inside(*argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*unshare, "sh", "-c", mount, "sh", str(tmp_path), *argv], capture_output=True, text=True, timeout=30)

    probe = inside("true")
    if probe.returncode != 0:
        pytest.skip(f"no private mount on this machine: {probe.stderr.strip()}")

    def run(code: str) -> str:
        done = inside(sys.executable, "-c", PRELUDE + code, str(tmp_path))
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


REPORT = "print(path.read_text(), os.listdir(path.parent))\n"


def test_a_full_disk_keeps_the_old_file(own_file_system: OwnFileSystem) -> None:
    """With no space left, the error says so, the old file is whole, and no half-written one remains."""
    out = own_file_system("attempt('x' * 1_000_000)\n" + REPORT)
    error, after = out.splitlines()
    assert error.endswith("haproxy.cfg: cannot be written: No space left on device; the old file is untouched")
    assert after == "old ['haproxy.cfg']"


def test_a_read_only_directory_keeps_the_old_file(own_file_system: OwnFileSystem) -> None:
    """On a read-only file system, the error says so and the old file is whole."""
    out = own_file_system("subprocess.run(['mount', '-o', 'remount,bind,ro', path.parent], check=True)\nattempt('new')\n" + REPORT)
    error, after = out.splitlines()
    assert error.endswith("haproxy.cfg: cannot be written: Read-only file system; the old file is untouched")
    assert after == "old ['haproxy.cfg']"


def test_a_write_cut_short_keeps_the_old_file(tmp_path: Path) -> None:
    """A write that fails half-way (here by a file size limit, which binds root too) leaves only the old file."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    code = PRELUDE + "attempt('x' * 100_000)\n" + REPORT
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=30, preexec_fn=limit)
    error, after = done.stdout.splitlines()
    assert error.endswith("cannot be written: File too large; the old file is untouched")
    assert after == "old ['haproxy.cfg']"


@pytest.mark.skipif(os.geteuid() == 0, reason="root ignores permissions; the read-only file system above is the same test for root")
def test_a_directory_without_permission_keeps_the_old_file(host: Host, tmp_path: Path) -> None:
    """Without write permission on the directory, the error says so and the old file is whole."""
    path = tmp_path / "sub" / "haproxy.cfg"
    host.replace(path, "old")
    path.parent.chmod(0o500)
    try:
        with pytest.raises(ApplyError, match="Permission denied; the old file is untouched"):
            host.replace(path, "new")
        assert path.read_text() == "old"
    finally:
        path.parent.chmod(0o700)


def test_text_that_cannot_be_written_keeps_the_old_file(host: Host, tmp_path: Path) -> None:
    """A lone surrogate (JSON may hold one) is an error with the path, and nothing half-written remains."""
    path = tmp_path / "haproxy.cfg"
    host.replace(path, "old")
    with pytest.raises(ApplyError, match=r"haproxy\.cfg: cannot be written: .*surrogates not allowed; the old file is untouched"):
        host.replace(path, "new \ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["haproxy.cfg"]


def test_replace_is_a_rename(host: Host, tmp_path: Path) -> None:
    """Who has the old file open goes on reading the old text: a reader never sees a mixture."""
    path = tmp_path / "new" / "folder" / "haproxy.cfg"
    host.replace(path, "old")
    with open(path, encoding="utf-8") as reader:
        host.replace(path, "new é")
        assert reader.read() == "old"
    assert host.read(path) == "new é"
    assert os.listdir(path.parent) == ["haproxy.cfg"]


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o644])
def test_replace_sets_the_mode_whatever_the_umask(host: Host, tmp_path: Path, mode: int) -> None:
    """A file with secrets is never readable by more than asked for, and one for all is readable by all."""
    path = tmp_path / "file"
    before = os.umask(0o077)
    try:
        host.replace(path, "text", mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_a_file_in_the_way_of_a_folder_is_said(host: Host, tmp_path: Path) -> None:
    """A path below a plain file cannot be written, and the message has the whole path."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ApplyError, match="file/haproxy.cfg: cannot be written: "):
        host.replace(tmp_path / "file" / "haproxy.cfg", "text")


def test_no_file_is_not_an_unreadable_one(host: Host, tmp_path: Path) -> None:
    """A missing file is None; one that is a folder or not UTF-8 is an ObserveError with its path."""
    assert host.read(tmp_path / "missing") is None
    with pytest.raises(ObserveError, match=f"{tmp_path}: cannot be read: "):
        host.read(tmp_path)
    (tmp_path / "latin1").write_bytes(b"caf\xe9")
    with pytest.raises(ObserveError, match="latin1: cannot be read: "):
        host.read(tmp_path / "latin1")


def test_remove_twice_is_no_error(host: Host, tmp_path: Path) -> None:
    """A file that is gone already is as wanted; a folder is not removed by mistake."""
    path = tmp_path / "file"
    path.write_text("")
    host.remove(path)
    host.remove(path)
    assert not path.exists()
    with pytest.raises(ApplyError, match=f"{tmp_path}: cannot be removed: "):
        host.remove(tmp_path)


def test_a_device_is_never_replaced(host: Host) -> None:
    """Written to /dev/null by root, a rename would put a file in its place for the whole machine."""
    with pytest.raises(ApplyError, match="no regular file"):
        host.replace(Path("/dev/null"), "text")
    assert Path("/dev/null").is_char_device()


def test_a_file_tells_its_mode(tmp_path: Path, host: Host) -> None:
    """What it is and who may use it; a file that is not there is named in the system's words."""
    (tmp_path / "a").touch(0o640)
    assert stat.S_ISREG(host.mode(tmp_path / "a")) and stat.S_IMODE(host.mode(tmp_path / "a")) == 0o640
    with pytest.raises(ObserveError, match="/b: No such file or directory$"):
        host.mode(tmp_path / "b")


def test_a_directory_is_made_once_and_removed_only_when_empty(tmp_path: Path, host: Host) -> None:
    """One that is there keeps its mode, one with somebody's file in it stays, and one that is gone is no error."""
    home = tmp_path / "home"
    host.make_directory(home, 0o700)
    host.make_directory(home, 0o755)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    (home / "a").touch()
    host.remove_directory(home)
    assert home.is_dir()
    host.remove(home / "a")
    host.remove_directory(home)
    host.remove_directory(home)
    assert not home.exists()
    with pytest.raises(ApplyError, match="/gone/home: No such file or directory$"):
        host.make_directory(tmp_path / "gone" / "home", 0o700)


def test_a_process_that_ends_while_it_is_read_of_is_gone(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """/proc/<pid>/cmdline was opened, and then the process ended: that is no file, not one that cannot be read."""

    def ended(*_: object, **__: object) -> str:
        raise ProcessLookupError(errno.ESRCH, "No such process")

    monkeypatch.setattr(Path, "read_text", ended)
    assert host.read(Path("/proc/1/cmdline")) is None
