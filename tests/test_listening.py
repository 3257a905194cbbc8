"""What the kernel says is listening, by the quick question and by the slow one."""

from __future__ import annotations

import socket

import pytest

from osvc_ha import host as host_module
from osvc_ha.host import Host
from osvc_ha.listening import ask_kernel

ANY_PORT = 0


@pytest.fixture(params=["127.0.1.77", "0.0.0.0", "::1", "::"])
def listener(request):
    """A listening socket, and the address under which it is known."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as sink:
        try:
            sink.bind((request.param, ANY_PORT))
        except OSError as error:
            pytest.skip(f"{request.param}: {error.strerror}")
        sink.listen()
        yield ("*" if request.param in ("0.0.0.0", "::") else request.param), sink.getsockname()[1]


def test_a_taken_port_is_seen_without_reading_every_connection(listener):
    """A port that another process listens on is known, on one address, on all, and with IPv6."""
    assert listener in ask_kernel(seconds=2.0)


def test_a_kernel_that_refuses_the_quick_question_is_asked_the_slow_one(listener, host, monkeypatch):
    """Taken ports are known in a sandbox too."""

    def refuse(seconds):
        raise OSError("no sock_diag here")

    monkeypatch.setattr(host_module, "ask_kernel", refuse)
    assert listener in host.listening()


def test_a_connection_is_not_a_listener(host):
    """A port that is only somebody's end of a connection can be bound by HAProxy, and is not reported as taken."""
    with socket.create_server(("127.0.1.77", ANY_PORT)) as sink, socket.create_connection(sink.getsockname()) as client:
        assert client.getsockname() not in host.listening()
        assert sink.getsockname() in Host().listening()
