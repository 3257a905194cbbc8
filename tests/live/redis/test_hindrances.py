"""A handover that something holds up: a HAProxy that hangs, clients that block for ever."""

import socket
import threading
import time

import pytest

from osvc_ha.frontdoor import group_id
from osvc_ha.planner.types import Verb

pytestmark = pytest.mark.live
BACKEND = f"l4:prod:svc:grp:main:rw:{group_id('prod/svc/grp', 'grp')}"
STATE = f"1\n# be_id be_name srv_id srv_name\n3 {BACKEND} 1 n1\n3 {BACKEND} 2 n2\n3 {BACKEND} 3 n3\n".encode()


@pytest.fixture
def hung_proxy(tmp_path):
    """A runtime socket that shows its servers, and then accepts every grant and never answers; yields its path."""
    path = str(tmp_path / "h.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        threading.Thread(target=_hang, args=(listener,), daemon=True).start()
        yield path


def _hang(listener):
    held = []
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return
        if peer.recv(1000).startswith(b"show"):
            peer.sendall(STATE)
            peer.close()
        else:
            held.append(peer)


def timed(group, **keywords):
    """STOP on n1, and for how long each of its steps ran, in seconds."""
    begun = []
    group.leaving = {"n1"}
    group.reconcile("n1", Verb.STOP, lambda step: begun.append((step.do, time.monotonic())), **keywords)
    group.placed.discard("n1")
    ends = [at for _, at in begun[1:]] + [time.monotonic()]
    return [(name, end - at) for (name, at), end in zip(begun, ends)]


@pytest.mark.parametrize("doors", (1, 3))
def test_a_haproxy_that_hangs_does_not_outlast_the_pause(running, writer, hung_proxy, doors):
    """However many HAProxies hang, from the pause to its end takes less than handover_timeout, and no acknowledged write is lost."""
    with writer(running) as load:
        steps = timed(running, haproxy_socket=" ".join([hung_proxy] * doors))
        load.progress()
    names = [name for name, _ in steps]
    assert names.count("door") == doors
    assert sum(seconds for _, seconds in steps[names.index("pause") : names.index("release")]) < 5
    assert load.lost() == set()


@pytest.mark.parametrize(
    "command", (("BLPOP", "queue", "0"), ("XREAD", "BLOCK", "0", "STREAMS", "log", "$")), ids=lambda command: command[0]
)
def test_clients_that_block_for_ever_cost_half_a_second(running, command):
    """Clients wait in a blocking command, and wait again whenever they are cut: STOP lingers for them, but not for long."""
    end = threading.Event()
    blocked = [threading.Thread(target=_block, args=(running, command, end), daemon=True) for _ in range(3)]
    for thread in blocked:
        thread.start()
    running.eventually(lambda: "blocked_clients:3" in running.server("n1", "INFO", "clients"), 10)
    steps = dict(timed(running))
    end.set()
    for thread in blocked:
        thread.join(5)
    assert steps["disconnect"] < 1.5, "the pause lasts 5 s"
    assert running.master() == "n2"


def _block(group, command, end):
    while not end.is_set():
        try:
            with socket.create_connection((group.addresses["n1"], group.port), 1) as client:
                client.settimeout(1)
                client.sendall(" ".join(command).encode() + b"\r\n")
                while not end.is_set() and client.recv(1000):
                    pass
        except OSError:
            end.wait(0.01)
