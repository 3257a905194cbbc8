"""The tcp, http, patroni and postgres checks. Patroni itself is stood in for by its REST answers: docs/systems/haproxy.md."""

from __future__ import annotations

import os
import pwd
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from osvc_ha.drill.processes import wait_until

pytestmark = pytest.mark.live
PATIENCE = 60.0
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


class Answers(ThreadingHTTPServer):
    """An HTTP endpoint that answers each path with the status set for it, 404 for any other. ``certificate``: of one that speaks TLS."""

    def __init__(self, address: str, port: int, certificate: str = "", **status: int) -> None:
        self.status = {f"/{path}": code for path, code in status.items()}
        super().__init__((address, port), _Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # Not in accept(): who connects and says nothing would hold up everybody.
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(self.server.status.get(self.path, 404))
        self.send_header("X-Node", self.server.server_address[0])
        self.end_headers()

    def log_message(self, *words: object) -> None:
        return


@pytest.fixture
def answers() -> Iterator[object]:
    """Makes HTTP endpoints that end with the test."""
    made: list[Answers] = []

    def make(address: str, port: int, certificate: str = "", **status: int) -> Answers:
        made.append(Answers(address, port, certificate, **status))
        return made[-1]

    yield make
    for server in made:
        server.shutdown()
        server.server_close()


def test_tcp_uses_whoever_accepts(front, ports, answers) -> None:
    """A server that listens is in, one that stopped is out."""
    target = next(ports)
    first = answers(front.addresses["n1"], target)
    answers(front.addresses["n2"], target)
    front.service("web", next(ports), "tcp", target_port=target)
    front.start()
    front.await_up("n1", "n2")
    first.shutdown()
    first.server_close()
    front.await_up("n2")


def test_http_uses_whoever_answers_well(front, ports, answers, ask) -> None:
    """A path that answers 2xx or 3xx is in, one that answers 5xx or hangs up is out, and comes back."""
    target, port = next(ports), next(ports)
    servers = {node: answers(address, target, **{"health/ready%20now": 200}) for node, address in front.addresses.items()}
    front.service("web", port, "http:/health/ready%20now", target_port=target, balance="first")
    front.start()
    front.await_up("n1", "n2", "n3")
    servers["n1"].status["/health/ready%20now"] = 503
    front.await_up("n2", "n3")
    assert front.addresses["n2"] in ask(front.addresses["n1"], port, "GET / HTTP/1.0\r\n")
    servers["n1"].status["/health/ready%20now"] = 204
    front.await_up("n1", "n2", "n3")


def test_patroni_uses_the_leader_alone_and_cuts_sessions_of_a_former_one(front, ports, answers, session_of) -> None:
    """Who answers 200 on /primary of its REST port gets the clients; they are closed when it no longer does."""
    target, rest = next(ports), next(ports)
    port = next(ports)
    rests = {node: answers(address, rest, primary=503) for node, address in front.addresses.items()}
    for address in front.addresses.values():
        answers(address, target)
    rests["n2"].status["/primary"] = 200
    front.service("db", port, "patroni", target_port=target, check_port=rest)
    front.start()
    front.await_up("n2")
    session = session_of(front.addresses["n1"], port)
    rests["n2"].status["/primary"] = 503
    rests["n3"].status["/primary"] = 200
    front.await_up("n3")
    wait_until("cut", session.is_cut, PATIENCE)


@pytest.fixture
def certificate(tmp_path) -> str:
    """One file with a key and a certificate that nobody signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    made = tmp_path / "own.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=nobody", "-days", "2", "-keyout", str(made)]
    subprocess.run([*words, "-out", str(tmp_path / "cert.pem")], check=True, capture_output=True, timeout=PATIENCE)
    made.write_text(made.read_text() + (tmp_path / "cert.pem").read_text())
    return str(made)


@pytest.mark.parametrize("check", ["tcp", "http:/primary", "patroni"])
def test_a_server_with_tls_is_up_when_its_check_speaks_it(front, ports, answers, certificate, check) -> None:
    """check_tls: n1 and n2 speak TLS and are in, whoever signed; n3 does not and is out. Without it, n3 alone can be asked."""
    target = next(ports)
    for node, address in front.addresses.items():
        answers(address, target, certificate if node != "n3" else "", primary=200)
    front.service("db", next(ports), check, target_port=target, check_port=target, check_tls="true")
    front.start()
    front.await_up("n1", "n2")
    front.service("db", next(ports), check, target_port=target, check_port=target)
    front.follow()
    front.await_up(*(("n1", "n2", "n3") if check == "tcp" else ("n3",)))


@pytest.fixture(scope="module")
def postgres(servers, addresses, ports):
    """A real PostgreSQL on n2, and its port. Started by the user postgres, for it refuses root."""
    if not POSTGRES:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    home = servers.directory / "postgres"
    home.mkdir()
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        shutil.chown(home, user)
        servers.directory.chmod(0o755)
    switch = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if os.geteuid() == 0 else []
    binary = POSTGRES[-1]
    made = [*switch, str(binary.parent / "initdb"), "-D", str(home / "data"), "-A", "scram-sha-256", "--no-sync", "-U", "admin"]
    password = home / "password"
    password.write_text("secret\n")
    subprocess.run([*made, f"--pwfile={password}"], check=True, capture_output=True, timeout=PATIENCE, cwd=home)
    port = next(ports)
    argv = [*switch, str(binary), "-D", str(home / "data"), "-h", addresses["n2"], "-p", str(port), "-k", "", "-F"]
    return servers.start("postgres", argv), port, home


def test_postgres_is_up_when_it_takes_logins_and_down_before_and_after(front, postgres, ports, addresses, session_of) -> None:
    """A finished start-up is told from an open port, with SCRAM and without a role of that name."""
    server, target, _ = postgres
    front.service("db", next(ports), "postgres", target_port=target)
    front.start()
    front.await_up("n2")
    hello = session_of(addresses["n2"], target)
    hello.peer.sendall(bytes.fromhex("00000016000300007573657200" + "6f7376635f6861" + "0000"))
    assert hello.peer.recv(1) == b"R"
    server.ask_to_end()
    wait_until("shutting down", lambda: front.up() == (), PATIENCE)
