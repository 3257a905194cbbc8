"""A cluster as a file, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.cluster.labels import discover
from osvc_ha.cluster.snapshot import cluster_from_snapshot, containers_from_snapshot, snapshot_of
from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.cluster.v2 import cluster_from_v2
from osvc_ha.planner.errors import ObserveError

Sample = Callable[[str], Any]

words = st.text(min_size=1, max_size=8)
NODES = ("n1", "n2", "n3")


def instances() -> st.SearchStrategy[dict[str, Instance]]:
    """Instances on some of the nodes."""
    one = st.builds(Instance, node=st.just(""), avail=words, overall=words, frozen=st.booleans(), provisioned=st.booleans(), state=words)
    found = st.dictionaries(st.sampled_from(NODES), one)
    return found.map(lambda told: {node: Instance(node, i.avail, i.overall, i.frozen, i.provisioned, i.state) for node, i in told.items()})


public = st.dictionaries(
    st.sampled_from(["osvc.l4.port", "osvc.l4.redis-key.port", "color", "port"]), words.filter(lambda word: "@" not in word)
)
defaults = st.dictionaries(st.sampled_from(["nodes", "topology", "flex_min", "placement"]), words)
resources = st.fixed_dictionaries({"type": words}, optional={"run_args": st.just("--label=osvc.l4.enable=true --label=osvc.l4.port=80")})
configs = st.fixed_dictionaries(
    {},
    optional={
        "env": public.filter(bool),
        "DEFAULT": defaults.filter(bool),
        "container#1": resources,
        "app#1": st.fixed_dictionaries({"type": words}),
    },
)

osvc_labels = st.dictionaries(st.sampled_from(["osvc.l4.port", "com.opensvc.path"]), st.text("ab/0", max_size=4))


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """Any cluster that holds nothing secret."""
    labels = st.dictionaries(words, words, max_size=2)
    nodes = {name: Node(name, draw(st.booleans()), draw(st.booleans()), draw(labels)) for name in NODES}
    objects = {}
    for path in draw(st.sets(st.sampled_from(["root/svc/a", "prod/svc/b", "prod/vol/c"]))):
        scope = tuple(draw(st.permutations(NODES)))[: draw(st.integers(0, 3))]
        objects[path] = Object(path, scope, draw(instances()), draw(words), draw(st.text(max_size=4)), draw(configs))
    containers = tuple(draw(st.lists(st.fixed_dictionaries({"Names": st.just(["/a"]), "State": words, "Labels": osvc_labels}), max_size=2)))
    resolved = draw(st.dictionaries(st.sampled_from(NODES), words))
    return Cluster(draw(words), draw(words), "n1", nodes, objects, draw(words), draw(st.booleans()), containers, resolved)


@given(clusters())
def test_a_snapshot_gives_the_cluster_back(cluster: Cluster) -> None:
    """Written, turned into JSON text, read: the same cluster, and so the same plans."""
    document = json.loads(json.dumps(snapshot_of(cluster)))
    assert cluster_from_snapshot(document) == cluster


def test_a_real_cluster_goes_through_a_snapshot(sample: Sample) -> None:
    """The recorded flex cluster has the same listeners from its snapshot, also when seen from another node."""
    cluster = cluster_from_v2(sample("v2_flex"), {"prod/svc/flexy": sample("v2_flex_config")}, "n2")
    document = json.loads(json.dumps(snapshot_of(cluster, taken="2026-01-01T00:00:00Z")))
    back = cluster_from_snapshot(document)
    assert [one.port for one in discover(back).listeners] == [6379, 6380]
    assert discover(back) == discover(cluster)
    assert (back.agent, back.local) == ("2.1", "n2")
    assert cluster_from_snapshot(document, local="n3").local == "n3"


def test_secrets_stay_out() -> None:
    """Of config, environment and arguments only what is on the list goes in; nothing of a secret, wherever it stands."""
    secret = "hunter2"
    env = {"redis_password": secret, "API_TOKEN": secret, "master_auth": secret, "ssh_key": secret, "dsn": f"pg://u:{secret}@db/x"}
    run_args = f"-e PASSWORD={secret} -l other={secret} -l osvc.l4.port=80 -l osvc.l4.auth={secret}"
    config = {
        "DEFAULT": {"nodes": "n1", "comment": secret},
        "env": {**env, "color": "blue", "osvc.l4.port": "80", "osvc.l4.auth": secret, "osvc.l4.keys.port": "81"},
        "container#1": {"type": "docker", "run_args": run_args, "environment": secret},
        "container#2": {"run_args": f"'{secret} osvc.l4."},
        "app#1": {"start": f"run {secret}"},
    }
    found = Object("prod/svc/a", ("n1",), {}, config=config)
    cluster = Cluster("c1", "test", "n1", {"n1": Node("n1", True)}, {"prod/svc/a": found})
    container = {
        "Id": "1",
        "Names": ["/a"],
        "Labels": {"osvc.l4.port": "80", "note": secret, "osvc.l4.auth": secret},
        "Command": secret,
        "State": "running",
    }
    document = snapshot_of(cluster, [container])
    assert secret not in json.dumps(document)
    assert document["objects"]["prod/svc/a"]["config"] == {
        "DEFAULT": {"nodes": "n1"},
        "env": {"color": "blue", "osvc.l4.port": "80", "osvc.l4.keys.port": "81"},
        "container#1": {"type": "docker", "run_args": "--label=osvc.l4.port=80"},
    }
    assert containers_from_snapshot(document) == ({"Names": ["/a"], "State": "running", "Labels": {"osvc.l4.port": "80"}},)


def test_another_node_of_a_snapshot_runs_nobodys_containers() -> None:
    """Looked at from a node where it was not taken, the containers of the one where it was are not that node's."""
    nodes = {name: Node(name, True) for name in ("n1", "n2")}
    taken = snapshot_of(Cluster("id", "name", "n1", nodes, {}, containers=({"Names": ["/a"], "State": "running", "Labels": {}},)))
    assert len(cluster_from_snapshot(taken).containers) == len(cluster_from_snapshot(taken, "n1").containers) == 1
    assert cluster_from_snapshot(taken, "n2").containers == ()


def test_a_newer_version_is_refused_with_who_can_read_it(sample: Sample) -> None:
    """The message says what this version reads and which osvc-ha wrote the file."""
    document = {**snapshot_of(cluster_from_v2(sample("v2_failover"), {}, "n1")), "version": 2, "written_by": "osvc-ha 9.0.0"}
    with pytest.raises(ObserveError, match=r"snapshot: version 2, and osvc-ha \S+ reads up to 1; written by osvc-ha 9\.0\.0: use that"):
        cluster_from_snapshot(document)


def test_unknown_fields_are_ignored(sample: Sample) -> None:
    """A later minor addition does not keep an older osvc-ha from reading the file."""
    cluster = cluster_from_v2(sample("v2_failover"), {}, "n1")
    document = snapshot_of(cluster)
    document["novelty"] = 1
    document["nodes"]["n1"]["novelty"] = 1
    document["objects"]["root/svc/fo"]["instances"]["n1"]["novelty"] = 1
    assert cluster_from_snapshot(document) == cluster


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "tarball"}, "snapshot: format is 'tarball', not osvc-ha-snapshot; `osvc-ha snapshot` writes one"),
        ({"version": "1"}, "snapshot: version should be a number from 1 to 1, not '1'"),
        ({"version": True}, "snapshot: version should be a number from 1 to 1, not True"),
        ({"cluster": None}, "snapshot: cluster should be an object, not null"),
        ({"cluster": {}}, "snapshot: cluster.id is missing"),
        ({"nodes": {"n1": {}}}, "snapshot: nodes.n1.alive should be true or false"),
        ({"local": "n9"}, "snapshot: node n9 is not in it (n1, n2, n3)"),
        ({"objects": {"a": {}}}, "snapshot: objects.a: a path is namespace/kind/name"),
        ({"objects": {"a/svc/b": {"scope": "n1"}}}, "snapshot: objects.a/svc/b.scope should be a list of names"),
        ({"objects": {"a/svc/b": {"scope": [], "instances": {"n1": {}}}}}, "snapshot: objects.a/svc/b.instances.n1.avail is missing"),
    ],
)
def test_what_is_wrong_is_named(sample: Sample, change: dict[str, Any], says: str) -> None:
    """A damaged snapshot is refused with the place of the damage."""
    document = {**snapshot_of(cluster_from_v2(sample("v2_failover"), {}, "n1")), **change}
    with pytest.raises(ObserveError) as caught:
        cluster_from_snapshot(document)
    assert str(caught.value) == says
