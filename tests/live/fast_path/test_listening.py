"""How the fast path listens: to Sentinels that hang, refuse it, come back; and to which groups."""

from __future__ import annotations

import logging
import select
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from osvc_ha.drill.processes import Reserved, Run, listening, reserve, wait_until
from osvc_ha.fast_path import FastPath, FastPaths
from osvc_ha.host import Host
from osvc_ha.redis_groups import Group
from osvc_ha.redis_link import Peer, links
from osvc_ha.sentinel_events import Subscription
from osvc_ha.systems.haproxy.plan import redis_groups

if TYPE_CHECKING:
    from conftest import Three

pytestmark = pytest.mark.live


@pytest.fixture
def reserved() -> Iterator[Reserved]:
    with reserve(1, 4) as held:
        yield held


@pytest.fixture
def server(reserved: Reserved) -> Iterator[Callable[..., tuple[Peer, object]]]:
    """A redis-server, which speaks the same publish and subscribe as a Sentinel, and lets a test publish."""
    with Run("osvc_ha-listen-") as run:

        def start(*options: str) -> tuple[Peer, object]:
            address, port = reserved.addresses[0], reserved.ports[0]
            process = run.start("redis", ["redis-server", "--bind", address, "--port", str(port), "--save", "", *options])
            process.await_ready(lambda: listening(address, port))
            return Peer(address, port), process

        yield start
        links().close()


def turn(subscription: Subscription) -> list[str]:
    """One turn of the loop that owns it."""
    subscription.tend()
    if not subscription.is_open:
        return []
    poller = select.poll()
    poller.register(subscription, select.POLLOUT if subscription.wants_to_write else select.POLLIN)
    return subscription.advance() if poller.poll(20) else []


def test_events_arrive_whole(server: Callable[..., tuple[Peer, object]]) -> None:
    """Each event is one text, however the bytes were cut."""
    peer, _ = server()
    ear = Subscription("n1", peer, ("+switch-master",))
    wait_until("it listens", lambda: turn(ear) == [] and ear.confirmed)
    sent = [f"grp {number} {'x' * 50_000}" for number in range(5)]
    for text in sent:
        assert links().call(peer, "PUBLISH", "+switch-master", text, seconds=2) == 1
    heard: list[str] = []
    wait_until("all five", lambda: len(heard.__iadd__(turn(ear))) == 5)
    assert heard == sent
    ear.close()


def test_a_sentinel_that_vanished_without_a_word_is_called_again(server: Callable[..., tuple[Peer, object]]) -> None:
    """A connection over which nothing comes any more, and which nobody closed, is given up within seconds."""
    peer, process = server()
    ear = Subscription("n1", peer, ("+switch-master",))
    wait_until("it listens", lambda: turn(ear) == [] and ear.confirmed)
    process.pause()  # type: ignore[attr-defined]
    wait_until("it gives up", lambda: turn(ear) == [] and not ear.confirmed, 10)
    process.resume()  # type: ignore[attr-defined]
    wait_until("it listens again", lambda: turn(ear) == [] and ear.confirmed, 10)
    assert links().call(peer, "PUBLISH", "+switch-master", "grp", seconds=2) >= 1
    wait_until("it hears", lambda: turn(ear) == ["grp"])
    ear.close()


def test_a_quiet_sentinel_is_no_dead_one(server: Callable[..., tuple[Peer, object]]) -> None:
    """Pings keep a connection on which nothing happens: it outlives the deadline for an answer several times."""
    peer, _ = server()
    ear = Subscription("n1", peer, ("+switch-master",))
    wait_until("it listens", lambda: turn(ear) == [] and ear.confirmed)
    number = ear.fileno()
    pings = lambda: int(str(links().call(peer, "INFO", "commandstats", seconds=2)).partition("cmdstat_ping:calls=")[2].split(",")[0] or 0)  # noqa: E731
    wait_until("two pings", lambda: turn(ear) == [] and pings() >= 2, 20)
    assert ear.confirmed and ear.fileno() == number
    ear.close()


def test_a_wrong_password_is_said_once(server: Callable[..., tuple[Peer, object]], caplog: pytest.LogCaptureFixture) -> None:
    """A Sentinel that refuses the login is named with its own words, in one line that does not hold the password."""
    peer, _ = server("--requirepass", "right")
    wrong = Peer(peer.host, peer.port, secret="wr0ng")
    path = FastPath(Group("g", "grp", (), (("n1", wrong),), ()), "/nowhere", Host())
    path.start()
    wait_until("it is said", lambda: "WRONGPASS" in caplog.text)
    path.stop()
    path.join(2)
    assert not path.is_alive()
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 1 and said[0].startswith("g: n1: its Sentinel tells no events: WRONGPASS") and "wr0ng" not in said[0]


def test_the_right_password_is_accepted(server: Callable[..., tuple[Peer, object]]) -> None:
    """A Sentinel behind a password is heard."""
    peer, _ = server("--requirepass", "right")
    ear = Subscription("n1", Peer(peer.host, peer.port, secret="right"), ("+switch-master",))
    wait_until("it listens", lambda: turn(ear) == [] and ear.confirmed)
    ear.close()


def test_a_changed_group_gets_a_thread_of_its_own(three: Three, paths: FastPaths) -> None:
    """When labels change, the old listener ends and a new one follows; when the service goes, nobody listens for it."""
    before = three.follow(paths)
    paths.follow(three.cluster)
    assert paths.get(before.group.id) is before
    changed = three.with_sentinel_port(three.sentinel_port + 1)
    paths.follow(changed)
    after = paths.get(redis_groups(changed)[0].id)
    assert after is not None and after is not before
    wait_until("the old one ends", lambda: not before.is_alive(), 2)
    paths.follow(three.cluster.__class__("id", "test", "n1", three.cluster.nodes, {}))
    assert paths.get(before.group.id) is None
    wait_until("the new one ends", lambda: not after.is_alive(), 2)
