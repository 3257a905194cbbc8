"""What is wrong with one listener, or with the machine, harms nothing that runs."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import socket
import subprocess

import pytest

from osvc_ha.drill.processes import wait_until
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.reconcile import reconcile, status
from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.haproxy import SYSTEM
from osvc_ha.systems.haproxy.state import MARK, Fragment, Server

pytestmark = pytest.mark.live
PATIENCE = 30.0


@pytest.fixture
def web(front, group, ports):
    """A started front with one tcp listener in use."""
    front.port = next(ports)
    front.service("web", front.port, "tcp", target_port=group.port)
    front.start()
    front.await_up("n1", "n2", "n3")
    return front


def serves(front, ask) -> bool:
    """Does the listener of ``web`` answer?"""
    return ask(front.addresses["n1"], front.port, "PING") == "+PONG\r\n"


def test_a_port_of_another_process_is_reported_and_taken_when_it_is_free(web, ports, group, ask) -> None:
    """The listener whose port somebody has is left out, the others go on; it comes when the port is free."""
    port = next(ports)
    with socket.create_server((web.addresses["n1"], port)):
        web.service("late", port, "tcp", target_port=group.port)
        assert web.follow().steps == ()
        health = web.health()
        assert health.status is Status.UP
        bind = web.addresses["n1"]
        assert health.lines == (f"prod/svc/late:main: port {port} on {bind} is taken by another process; `ss -ltnp` shows which",)
        assert serves(web, ask)
    assert [step.do for step in web.follow().steps] == ["write", "reload"]
    assert web.health().lines == ()
    wait_until("it answers", lambda: ask(web.addresses["n1"], port, "PING") == "+PONG\r\n", PATIENCE)


def test_a_port_that_was_taken_between_writing_and_loading_blocks_nobody(web, ports, group, ask) -> None:
    """A file that was written and could not be loaded is put right by the next run."""
    port = next(ports)
    web.service("late", port, "tcp", target_port=group.port)
    write, _ = SYSTEM.plan(SYSTEM.observe(web.config, web.cluster, web.host), SYSTEM.desired(web.config, web.cluster, Verb.FOLLOW))
    SYSTEM.apply(web.config, write, web.host)
    with socket.create_server((web.addresses["n1"], port)):
        assert [step.do for step in web.follow().steps] == ["write"]
        assert len(web.health().lines) == 1
        assert serves(web, ask)
    web.follow()
    assert web.health().lines == ()


def test_listeners_may_swap_their_ports_and_kinds(web, ports, group, ask) -> None:
    """A port of ours is not taken for somebody else's, whatever is done with it."""
    second = next(ports)
    web.service("other", second, "tcp", target_port=group.port)
    web.follow()
    web.service("web", second, "tcp", target_port=group.port)
    web.service("other", web.port, "redis", target_port=group.port, sentinel_port=group.sentinel_port, group="cache")
    web.follow()
    web.await_up("n3", part=":other:")
    assert web.health().lines == ()
    web.objects.pop("prod/svc/web")
    web.service("new", second, "tcp", target_port=group.port)
    web.follow()
    assert web.health().lines == ()


def test_h13_a_broken_fragment_is_dropped_alone(web, ports, ask) -> None:
    """What ``haproxy -c`` refuses is named with HAProxy's words, and everything else is loaded."""
    good, bad = [], []
    for number in range(12):
        target = bad if number in (3, 9) else good
        key, port = f"prod/svc/extra{number}:main", next(ports)
        line = "    balance nonsense\n" if target is bad else ""
        text = f"{MARK}{key}\nfrontend fe:x{number}\n    bind {web.addresses['n1']}:{port}\n    default_backend l4:x{number}\n"
        text += f"backend l4:x{number}\n{line}    server n1 {web.addresses['n1']}:1\n"
        target.append(Fragment(key, text, port, (Server(f"l4:x{number}", "n1", web.addresses["n1"], 1),)))

    def desired(config, cluster, verb):
        found = SYSTEM.desired(config, cluster, verb)
        return dataclasses.replace(found, fragments=(*found.fragments, *good[:5], bad[0], *good[5:], bad[1]))

    system = dataclasses.replace(SYSTEM, desired=desired)
    done = reconcile(system, web.config, web.cluster, Verb.FOLLOW, web.host)
    assert [step.do for step in done.steps] == ["write", "reload"]
    dropped = [line for line in status(system, web.config, web.cluster, web.host).lines if "HAProxy refuses it" in line]
    assert [line.split(":main: ")[0] for line in dropped] == ["prod/svc/extra3", "prod/svc/extra9"]
    assert all("balance only supports" in line for line in dropped)
    assert {backend for backend, _ in web.rows()} >= {f"l4:x{number}" for number in range(12) if number not in (3, 9)}
    assert serves(web, ask)
    assert reconcile(system, web.config, web.cluster, Verb.FOLLOW, web.host).steps == ()


def test_h14_nothing_discovered_keeps_the_last_good_listeners(web, ask, make_front) -> None:
    """An empty answer is a broken reader until the operator says otherwise; the status says so."""
    web.objects.clear()
    assert web.follow().steps == ()
    assert web.health().lines == ("no listener is labelled; the last good ones stay (allow_empty=true removes them)",)
    assert serves(web, ask)
    web.do(Verb.STOP)
    web.start()
    wait_until("it serves again", lambda: serves(web, ask), PATIENCE)
    web.keywords["allow_empty"] = "true"
    web.follow()
    assert not serves(web, ask)


def test_a_setting_that_haproxy_refuses_changes_nothing(web, ask) -> None:
    """When even a config without listeners is refused, the message has HAProxy's words and the old config serves."""
    before = web.config.config_file.read_text()
    web.keywords["log"] = "no-such-target format raw local0"
    with pytest.raises(ApplyError, match="stays as it is: HAProxy refuses even a config without listeners: .*no-such-target"):
        web.follow()
    assert web.config.config_file.read_text() == before
    assert serves(web, ask)


@pytest.fixture
def small_disk(run):
    """A file system that can be filled and made read-only."""
    place = run.directory / "small"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a file system of our own needs root")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(place)], capture_output=True, timeout=PATIENCE)
    if done.returncode:
        pytest.skip(f"mount: {done.stderr.decode()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True, timeout=PATIENCE)


@pytest.mark.parametrize(("where", "fault"), [("config_file", "full"), ("runtime_dir", "full"), ("config_file", "read-only")])
def test_a_disk_that_takes_nothing_leaves_all_as_it_is(make_front, small_disk, group, ports, ask, where, fault) -> None:
    """The error names the file, the running HAProxy and the old config stay; with room again the next run converges."""
    front = make_front(**{where: str(small_disk / ("haproxy.cfg" if where == "config_file" else "run"))})
    front.port = next(ports)
    front.service("web", front.port, "tcp", target_port=group.port)
    front.start()
    front.await_up("n1", "n2", "n3")
    worker, before = front.worker(), front.config.config_file.read_text()
    front.service("extra", next(ports), "tcp", target_port=group.port)
    ballast = small_disk / "ballast"
    if fault == "full":
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as sink:
            while True:
                sink.write(b"x" * 4096)
    else:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True, timeout=PATIENCE)
    with pytest.raises(ApplyError, match="No space left|Read-only file system"):
        front.follow()
    assert (front.worker(), front.config.config_file.read_text()) == (worker, before)
    assert serves(front, ask)
    assert front.health().status is Status.WARN
    if fault == "full":
        ballast.unlink()
    else:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True, timeout=PATIENCE)
    front.follow()
    assert front.health().status is Status.UP
