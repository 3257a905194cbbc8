"""Reading containers, addresses and snapshot files from a machine that may misbehave."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from osvc_ha.cluster.snapshot import snapshot_of
from osvc_ha.cluster.v2 import cluster_from_v2
from osvc_ha.discovery import containers_on, load_cluster, resolve_addresses
from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

Answer = Callable[[socket.socket], None]
LIST = [{"Id": "1", "Names": ["/a"], "State": "running", "Labels": {}}]


def saying(text: str) -> Answer:
    """A peer that reads the request and says this."""

    def answer(peer: socket.socket) -> None:
        peer.recv(65536)
        peer.sendall(text.encode())

    return answer


def http(status: str, body: str) -> Answer:
    """A peer that reads the request and gives this answer."""
    return saying(f"HTTP/1.0 {status}\r\nContent-Type: application/json\r\n\r\n{body}")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Callable[[Answer], str]]:
    """Something that listens where a container engine would, and answers as told."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []
    peers: list[socket.socket] = []

    def listen(answer: Answer) -> str:
        path = str(tmp_path / f"engine{len(listeners)}.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen()

        def serve() -> None:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peers.append(peer)
            try:
                answer(peer)
                peer.close()
            except OSError:
                return

        thread = threading.Thread(target=serve)
        thread.start()
        listeners.append(listener)
        threads.append(thread)
        return path

    yield listen
    for one in [*listeners, *peers]:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
    for thread in threads:
        thread.join(5)


def test_a_node_without_an_engine_has_no_containers_and_no_problem(host: Host, tmp_path: Path) -> None:
    """A missing socket means no such engine."""
    assert containers_on(host, [str(tmp_path / "none.sock")]) == ((), ())


def test_an_engine_reached_by_two_names_counts_once(host: Host, engine: Callable[[Answer], str]) -> None:
    """podman-docker answers on Docker's socket too: a container is listed once."""
    containers, problems = containers_on(host, [engine(http("200 OK", json.dumps(LIST))), engine(http("200 OK", json.dumps(LIST)))])
    assert [entry["Names"] for entry in containers] == [["/a"]]
    assert problems == ()


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (saying("+PONG\r\n"), "which is not HTTP; is it an engine's socket?"),
        (saying(""), "closed without an answer"),
        (http("500 Internal Server Error", '{"message": "no"}'), 'HTTP 500: {"message": "no"}'),
        (http("200 OK", '[{"Id": "1", "Na'), "truncated at line 1"),
        (http("200 OK", "<html>"), "not JSON at line 1"),
        (http("200 OK", '{"message": "hm"}'), "its container list is not a list of containers"),
        (http("200 OK", "[7]"), "its container list is not a list of containers"),
        (http("200 OK", '[{"Names": ["/a"]}]'), "its container list is not a list of containers"),
    ],
)
def test_garbage_is_a_problem_and_no_crash(host: Host, engine: Callable[[Answer], str], answer: Answer, says: str) -> None:
    """An engine that answers something else is reported; the other engine is still asked."""
    bad, good = engine(answer), engine(http("200 OK", json.dumps(LIST)))
    containers, problems = containers_on(host, [bad, good])
    assert len(containers) == 1
    assert [problem.path for problem in problems] == [bad]
    assert says in problems[0].message and bad in problems[0].message


def test_a_refusing_socket_is_a_problem(host: Host, tmp_path: Path) -> None:
    """A socket file that nobody listens on is a dead engine, not a missing one."""
    path = str(tmp_path / "dead.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
    containers, problems = containers_on(host, [path])
    assert containers == ()
    assert problems[0].message == f"{path}: Connection refused"


@pytest.mark.parametrize("drip", [b"", b"HTTP/1.0 200 OK\r\n"])
def test_an_engine_that_hangs_costs_its_deadline_and_no_more(host: Host, engine: Callable[[Answer], str], drip: bytes) -> None:
    """Silence, or a byte now and then, ends at the deadline."""
    done = threading.Event()

    def slowly(peer: socket.socket) -> None:
        give_up = time.monotonic() + 5
        while time.monotonic() < give_up and not done.wait(0.05):
            peer.sendall(drip)

    path = engine(slowly)
    started = time.monotonic()
    containers, problems = containers_on(host, [path], seconds=0.3)
    done.set()
    assert time.monotonic() - started < 2
    assert containers == () and len(problems) == 1


def program(folder: Path, name: str, script: str) -> None:
    """An executable shell script first in PATH."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


TAILNET = {
    "Self": {"HostName": "n1", "DNSName": "n1.tail.ts.net.", "TailscaleIPs": ["fd7a:115c:a1e0::1", "100.64.0.1"]},
    "Peer": {
        "k1": {"HostName": "n2-renamed", "DNSName": "n2.tail.ts.net.", "TailscaleIPs": ["100.64.0.2"]},
        "k2": {"HostName": "phone", "DNSName": "", "TailscaleIPs": None},
    },
}


def test_tailscale_comes_before_the_resolver(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes of the tailnet have their address there; the others are resolved; the unknown one is simply not there."""
    program(tmp_path, "tailscale", f"cat <<'EOT'\n{json.dumps(TAILNET)}\nEOT")
    program(
        tmp_path, "getent", "test $3 = n3 && printf '127.0.1.1 STREAM n3\\nfe80::1 STREAM\\n10.0.0.9 STREAM\\n10.0.0.3 STREAM\\n' || exit 2"
    )
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    found = resolve_addresses(["n1", "n2", "n3", "n4", "phone"], host)
    assert found == {"n1": "100.64.0.1", "n2": "100.64.0.2", "n3": "10.0.0.3"}


@pytest.mark.parametrize("script", ["exit 1", "echo '{'", "echo '[]'", 'echo \'{"Self": 1, "Peer": []}\''])
def test_a_tailscale_that_fails_leaves_it_to_the_resolver(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A tailscale that is down or answers garbage is as good as none."""
    program(tmp_path, "tailscale", script)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert resolve_addresses(["localhost"], host) == {"localhost": "127.0.0.1"}


def test_a_name_that_looks_like_an_option_is_a_name(host: Host) -> None:
    """A hostile node name cannot turn into an option of the resolver."""
    assert resolve_addresses(["--help"], host) == {}


def test_a_snapshot_file_is_a_cluster(host: Host, tmp_path: Path, sample: Callable[[str], Any]) -> None:
    """What `osvc-ha snapshot` wrote can be read on any machine, containers included."""
    cluster = cluster_from_v2(sample("v2_failover"), {}, "n1")
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps(snapshot_of(cluster, LIST)), encoding="utf-8")
    found, containers = load_cluster(path, host)
    assert found.objects == cluster.objects and found.nodes == cluster.nodes
    assert [entry["Names"] for entry in containers] == [["/a"]]
    assert found.containers == containers
    assert load_cluster(path, host, local="n2")[0].local == "n2"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file; `osvc-ha snapshot` writes one"),
        (b"", "empty; was the writer interrupted?"),
        (b"\xff\xfe", "cannot be read"),
        (b"{}", "snapshot: format is None, not osvc-ha-snapshot"),
    ],
)
def test_a_bad_snapshot_file_is_named(host: Host, tmp_path: Path, content: bytes | None, says: str) -> None:
    """The message starts with the file's path."""
    path = tmp_path / "cluster.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ObserveError) as caught:
        load_cluster(path, host)
    assert str(caught.value).startswith(f"{path}: {says}")
