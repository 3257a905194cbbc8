"""The push to a real HAProxy."""

import socket
import threading

import pytest

from osvc_ha.drill.processes import Run, reserve
from osvc_ha.frontdoor import backends_of, grant, group_id
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError

pytestmark = pytest.mark.live
GROUP = group_id("prod/svc/grp", "grp")
BACKEND = f"l4:prod:svc:grp:main:rw:{GROUP}"


@pytest.fixture
def proxy():
    """A HAProxy with one single-writer backend of three servers, n1 up, and a lease table; yields its runtime socket."""
    with reserve(1, 4) as place, Run("osvc_ha-door-") as run:
        path = run.directory / "h.sock"
        listeners = [socket.create_server((place.addresses[0], port)) for port in place.ports[:3]]
        servers = "\n".join(f"  server n{i} {place.addresses[0]}:{port} check inter 60s" for i, port in enumerate(place.ports[:3], 1))
        (run.directory / "h.cfg").write_text(
            f"global\n  stats socket {path} level admin\ndefaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1m\n"
            f"  timeout server 1m\nbackend lease\n  stick-table type string len 128 size 1k expire 3s store gpt0\n"
            f"frontend f\n  bind {place.addresses[0]}:{place.ports[3]}\n  default_backend {BACKEND}\n"
            f"backend {BACKEND}\n  balance first\n  default-server on-marked-down shutdown-sessions\n{servers}\n"
            f"backend l4:other:rw:prod:svc:other.grp\n{servers}\n"
        )
        run.start("haproxy", ["haproxy", "-f", str(run.directory / "h.cfg"), "-db"])
        assert Host().wait(path.exists, 5)
        yield str(path), (place.addresses[0], place.ports[3])
        for listener in listeners:
            listener.close()


def states(path):
    """server -> operational state (2 is up) of the backend."""
    text = Host().exchange(path, f"show servers state {BACKEND}\n")
    return {line.split()[3]: int(line.split()[5]) for line in text.splitlines() if BACKEND in line}


def test_a_grant_moves_the_group_and_ends_the_old_sessions(proxy):
    """One push: the granted server is up, the others are down, their clients are cut, the leases say so."""
    path, address = proxy
    host = Host()
    with socket.create_connection(address, 2) as client:
        client.settimeout(3)
        assert host.wait(lambda: "n1" in host.exchange(path, "show sess\n"), 3)
        grant(host, path, GROUP, "n2", ("n1", "n3"), tuple(backends_of(host, path, GROUP)))
        assert client.recv(1) == b""
    assert states(path) == {"n1": 0, "n2": 2, "n3": 0}
    table = host.exchange(path, "show table lease\n")
    assert f"key={GROUP}:n2" in table and "gpt0=1" in table and table.count("gpt0=2") == 2


def test_only_the_backends_of_the_group_are_touched(proxy):
    """Another service whose Sentinel group has the same name keeps its own master."""
    path, _ = proxy
    assert backends_of(Host(), path, GROUP) == {BACKEND: ("n1", "n2", "n3")}


def test_a_refused_command_comes_back_in_haproxys_words(proxy):
    """A backend that is not there: the error names the socket and says what HAProxy said."""
    path, _ = proxy
    with pytest.raises(ApplyError, match="h.sock.*[Nn]o such"):
        grant(Host(), path, GROUP, "n2", ("n1",), ("l4:gone",))


@pytest.mark.parametrize("answer", (b"", b"\xff\xfe garbage\n"))
def test_a_socket_that_answers_garbage_is_an_observe_error(tmp_path, answer):
    """Somebody else listens on the runtime socket: told apart from HAProxy, without hanging."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=_answer_once, args=(listener, answer), daemon=True)
        thread.start()
        with pytest.raises(ObserveError, match="not HAProxy's runtime API|without an answer"):
            backends_of(Host(), path, GROUP)
        thread.join(5)


def _answer_once(listener, answer):
    peer, _ = listener.accept()
    with peer:
        peer.recv(1000)
        peer.sendall(answer)


def test_a_missing_socket_is_an_observe_error(tmp_path):
    """HAProxy is not there: the caller hears it, and may go on without."""
    with pytest.raises(ObserveError, match="No such file"):
        grant(Host(), str(tmp_path / "none"), GROUP, "n1", (), ())
