"""What holds for any labels: order means nothing, a bad label harms only itself, nothing unsafe comes out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.cluster.labels import Discovery, Listener, discover
from osvc_ha.cluster.types import Cluster, Instance, Node, Object

NODES = ("n1", "n2", "n3")
SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!&()*+,;=:@/?")

ports = st.integers(1, 40).map(str)
checks = st.sampled_from(["tcp", "redis", "http:/x", "postgres", "nonsense", "tcp\n"])
names = st.sampled_from(["a", "b", "c", "d", "e"])
listener_labels = st.fixed_dictionaries({"port": ports}, optional={"check": checks, "maxconn": st.sampled_from(["10", "many"])})
listener_sets = st.dictionaries(st.sampled_from(["", "x.", "y."]), listener_labels, min_size=1)
services = st.dictionaries(names, listener_sets, max_size=5)


def env_of(listeners: dict[str, dict[str, str]]) -> dict[str, str]:
    """The [env] section with these labels."""
    labels = {f"osvc.l4.{name}{option}": value for name, options in listeners.items() for option, value in options.items()}
    return {"osvc.l4.enable": "true", **labels}


def cluster_of(envs: dict[str, dict[str, str]]) -> Cluster:
    """A three-node cluster whose services have these [env] sections."""
    objects = {
        f"prod/svc/{name}": Object(f"prod/svc/{name}", NODES, {"n1": Instance("n1", "up")}, config={"env": env})
        for name, env in envs.items()
    }
    return Cluster("c1", "test", "n1", {name: Node(name, True) for name in NODES}, objects)


@given(services, st.randoms(use_true_random=False))
def test_order_never_changes_the_discovery(told: dict[str, dict[str, dict[str, str]]], random: object) -> None:
    """Objects and labels in any order give the same listeners and problems."""
    envs = {name: env_of(listeners) for name, listeners in told.items()}
    shuffled = list(envs.items())
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    backwards = {name: dict(reversed(list(env.items()))) for name, env in shuffled}
    assert discover(cluster_of(backwards)) == discover(cluster_of(envs))


@given(
    services, st.sampled_from(["osvc.l4.bad.port", "osvc.l4.bad.nonsense", "osvc.l4.bad.port@n1", "osvc.l4.b d.port"]), st.text(max_size=40)
)
def test_h13_a_bad_label_never_changes_the_other_listeners(told: dict[str, dict[str, dict[str, str]]], label: str, text: str) -> None:
    """Whatever one label says, the listeners of every other name and service stay as they were."""
    envs = {name: env_of(listeners) for name, listeners in told.items()}
    before = discover(cluster_of(envs))
    value = f"x{text}"
    after = discover(cluster_of({**envs, "a": {**envs.get("a", {"osvc.l4.enable": "true"}), label: value}}))
    kept = [one for one in after.listeners if not (one.path == "prod/svc/a" and one.name == "bad")]
    assert kept == list(before.listeners)
    assert len(after.problems) > 0


def strings_of(listener: Listener) -> list[str]:
    """Every text that a listener could bring into a config."""
    texts = [value for field in dataclasses.fields(listener) if isinstance(value := getattr(listener, field.name), str)]
    return [*texts, *listener.scope]


@given(
    st.dictionaries(
        st.sampled_from([f"osvc.l4.{option}" for option in ("port", "check", "sni", "balance", "group", "auth", "target_port", "x.port")]),
        st.text(max_size=30) | st.sampled_from(["80", "tcp", "redis", "http:/a b", 'http:/"', "/etc/a b", "/etc/a", "*.x", "first", "g#"]),
    ),
    st.text(min_size=1, max_size=10),
    st.lists(st.text(min_size=1, max_size=10), min_size=1, max_size=3, unique=True),
)
def test_nothing_unsafe_comes_out(env: dict[str, str], name: str, nodes: list[str]) -> None:
    """No whitespace, quote, backslash, hash, brace or control character reaches a listener, from whatever was written;
    and no message breaks a log line."""
    path = f"prod/svc/{name.replace('/', '')}"
    found = Object(path, tuple(nodes), {}, config={"env": {"osvc.l4.enable": "true", "osvc.l4.port": "80", **env}})
    cluster = Cluster("c1", "test", nodes[0], {node: Node(node, True) for node in nodes}, {path: found})
    entry = {"Names": [f"/{name}"], "Labels": {"osvc.l4.enable": "true", "osvc.l4.port": "81", **env}}
    discovery = discover(cluster, [entry])
    for listener in discovery.listeners:
        assert SAFE.union("#").issuperset(listener.source)
        assert all(SAFE.issuperset(text) for text in strings_of(dataclasses.replace(listener, source="")))
    assert all(problem.message.isprintable() and problem.path.isprintable() for problem in discovery.problems)


def many(listeners: int, nodes: int) -> Cluster:
    """A large cluster."""
    names = tuple(f"n{number:03}" for number in range(nodes))
    objects = {}
    for number in range(listeners):
        path = f"prod/svc/s{number:05}"
        env = {"osvc.l4.enable": "true", "osvc.l4.port": str(1000 + number), "osvc.l4.check": "redis"}
        objects[path] = Object(path, names, {name: Instance(name, "up") for name in names}, config={"env": env})
    return Cluster("c1", "test", names[0], {name: Node(name, True) for name in names}, objects)


def seconds_of(cluster: Cluster) -> tuple[float, Discovery]:
    """Of the processor, the best of five runs: what the code costs, whoever else wants the machine."""
    times = []
    for _ in range(5):
        start = time.process_time()
        discovery = discover(cluster)
        times.append(time.process_time() - start)
    return min(times), discovery


@pytest.mark.parametrize("nodes", [10])
def test_a_thousand_listeners_on_ten_nodes_take_no_time(nodes: int) -> None:
    """Measured at 15 ms on a two-core machine; ten times that still fails a quadratic clash search."""
    seconds, discovery = seconds_of(many(1000, nodes))
    assert len(discovery.listeners) == 1000
    assert seconds < 0.15


def test_the_fixture_is_what_it_says(make_cluster: Callable[..., Cluster]) -> None:
    """The clusters of the cases and of the properties are read alike."""
    env = {"osvc.l4.enable": "true", "osvc.l4.port": "80"}
    assert discover(make_cluster({"prod/svc/a": {"env": env}})).listeners[0].scope == discover(cluster_of({"a": env})).listeners[0].scope
