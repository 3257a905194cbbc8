"""What is read on this machine itself, without an agent."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from osvc_ha.doctor import CHECKS, gather, sockets
from osvc_ha.doctor.facts import AgentFacts, Facts, Program
from osvc_ha.doctor.used import Used
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError
from osvc_ha.planner.reconcile import Health
from osvc_ha.planner.types import Status
from osvc_ha.seen import Seen, render_seen

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="who holds a port is only told to root")


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where followers write down what they do."""
    monkeypatch.setattr(gather, "RUN", tmp_path)
    (tmp_path / "web").mkdir()
    return tmp_path / "web" / "watch.json"


def test_who_listens_is_told_with_address_and_program(host: Host) -> None:
    """IPv4, IPv6, and every address, each as it was bound."""
    with socket.socket() as four, socket.socket(socket.AF_INET6) as six, socket.socket() as every:
        four.bind(("127.0.0.9", 0))
        six.bind(("::1", 0))
        every.bind(("0.0.0.0", 0))
        for one in (four, six, every):
            one.listen()
        ports = {one.getsockname()[1]: where for one, where in ((four, "127.0.0.9"), (six, "::1"), (every, "*"))}
        found = {one.port: one for one in sockets.listening(host) if one.port in ports}
    assert {port: one.address for port, one in found.items()} == ports
    assert {one.program for one in found.values()} == {Path("/proc/self/comm").read_text().strip()}


def test_a_living_follower_is_known(run_dir: Path, host: Host) -> None:
    """With the time of its last look and what it complains of, as a follower writes it."""
    systems = {"haproxy": Health(Status.UP), "dns": Health(Status.DOWN), "redis": Health(Status.WARN, ("no majority",))}
    run_dir.write_text(render_seen(Seen(os.getpid(), 12.5, "", systems)))
    (found,) = gather._watchers(host)
    assert (found.pid, found.alive, found.looked_at) == (os.getpid(), True, 12.5)
    assert found.trouble == ("redis: no majority",)


def test_a_follower_that_died_is_known(run_dir: Path, host: Host) -> None:
    """By its process, and by a file that it never finished."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    run_dir.write_text(render_seen(Seen(child.pid, 1.0)))
    assert [one.alive for one in gather._watchers(host)] == [False]
    run_dir.write_text('{"pid": 1, "loo')
    assert [one.alive for one in gather._watchers(host)] == [False]


def test_secrets_are_found_where_keywords_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
    """Credentials of HAProxy, password files and keys of Redis, what services name, and the settings themselves."""
    settings = tmp_path / "settings.yaml"
    monkeypatch.setattr(gather, "SETTINGS", settings)
    (tmp_path / "credentials").mkdir()
    for path, mode in (
        (settings, 0o644),
        (tmp_path / "credentials" / "redis", 0o600),
        (tmp_path / "password", 0o644),
        (tmp_path / "other", 0o400),
        (tmp_path / "key", 0o640),
    ):
        path.touch()
        path.chmod(mode)
    keywords = {"redis": {"password_file": str(tmp_path / "password"), "tls_key": "/not/there", "tls_cert": str(settings)}}
    haproxy = {"credentials_dir": str(tmp_path / "credentials"), "bind": "10.0.0.1, 10.0.0.2", "haproxy": "/bin/false"}
    used = Used(keywords, {"haproxy": (haproxy,), "mongo": ({"password_file": str(tmp_path / "other"), "username": "x"},)})
    facts = Facts(agent=AgentFacts("3", "n1", (), {}, secret_files=(str(tmp_path / "key"),)))
    found = gather._of_used(facts, used, host)
    assert {Path(one.path).name: (one.mode, one.open, one.secret) for one in found.kept} == {
        "settings.yaml": (0o644, True, False),
        "redis": (0o600, False, True),
        "password": (0o644, True, True),
        "other": (0o400, False, True),
        "key": (0o640, True, True),
    }
    assert found.bind == ("10.0.0.1", "10.0.0.2")


def test_the_programs_that_services_run_say_their_versions(host: Host, tmp_path: Path) -> None:
    """Their first three words, each once; one that is missing, or fails, says none. What runs in a container is not looked for here."""
    program = tmp_path / "haproxy"
    program.write_text("#!/bin/sh\necho 'HAProxy version 2.6.12-1 2023/12/16 - https://haproxy.org/'\n")
    program.chmod(0o755)
    haproxies = ({"haproxy": str(program)}, {"haproxy": "/bin/false"}, {"haproxy": str(program)}, {"haproxy": "/nowhere/haproxy"})
    contained = {"launch": "false", "redis_server": "/in/the/image", "redis_sentinel": "/in/the/image"}
    found = gather._programs(Used({"redis": {"redis_server": "/nowhere/redis"}}, {"haproxy": haproxies, "redis": (contained,)}), host)
    assert found["haproxy"] == (
        Program(str(program), "HAProxy version 2.6.12-1", True),
        Program("/bin/false", "", True),
        Program("/nowhere/haproxy", "", True),
    )
    assert found["redis-server"] == (Program("/nowhere/redis", ""),)


@needs_root
def test_the_command_answers_in_one_shape_everywhere() -> None:
    """Every check with verdict, finding and fix, with an agent or without; the exit code is in it too."""
    done = subprocess.run([sys.executable, "-m", "osvc_ha.cli", "doctor", "--format", "json"], capture_output=True, text=True, timeout=60)
    told = json.loads(done.stdout)
    assert done.returncode == told["exit_code"]
    assert [row["name"] for row in told["checks"]] == [check.name for check in CHECKS]
    assert all(sorted(row) == ["fix", "found", "name", "verdict"] for row in told["checks"])
    assert {row["verdict"] for row in told["checks"]} <= {"ok", "warn", "fail", "unknown"}


def test_sockets_that_cannot_be_read_are_not_called_free(host: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without /proc/net/tcp nobody knows which ports are taken."""
    monkeypatch.setattr(sockets, "PROC", tmp_path)
    with pytest.raises(ObserveError, match="/net/tcp"):
        sockets.listening(host)
