"""What holds for every set of labels and placements."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.frontdoor import group_id
from osvc_ha.planner.types import Verb
from osvc_ha.systems.haproxy import SYSTEM
from osvc_ha.systems.haproxy.plan import candidate, redis_groups
from osvc_ha.systems.haproxy.state import Fragment, binds_in, loaded_digest, servers_in, split_fragments

CHECKS = ("tcp", "redis", "redis-replica", "mongo-primary", "mongo", "postgres", "patroni", "http:/ready")
NODES = ("n1", "n2", "n3")


@st.composite
def objects(draw):
    """One to six services with ports of their own, any check, scope and placement."""
    names = draw(st.lists(st.from_regex(r"[a-z][a-z0-9.-]{0,5}", fullmatch=True), min_size=1, max_size=6, unique=True))
    found = {}
    for number, name in enumerate(names):
        labels = {"port": 1000 + number, "target_port": draw(st.integers(1, 9)), "check": draw(st.sampled_from(CHECKS))}
        if draw(st.booleans()):
            labels["ro.port"] = 2000 + number
        scope = draw(st.lists(st.sampled_from(NODES), min_size=1, unique=True))
        found[f"prod/svc/{name}"] = {"labels": labels, "scope": scope, "up": draw(st.lists(st.sampled_from(scope), unique=True))}
    return found


def rendered(world) -> str:
    """The config that would be on disk."""
    wanted = SYSTEM.desired(world.config, world.cluster, Verb.START)
    return candidate(world.actual, wanted, wanted.fragments)


@given(objects())
def test_one_pass_converges(make_world, found) -> None:
    """After START nothing is left for START or FOLLOW; after STOP nothing for STOP."""
    world = make_world(found)
    assert [step.do for step in world.converge()] == ["write", "start"]
    assert world.plan(Verb.START) == world.plan(Verb.FOLLOW) == ()
    world.converge(Verb.STOP)
    assert world.plan(Verb.STOP) == ()


@given(objects(), st.randoms(use_true_random=False))
def test_the_order_of_services_means_nothing(make_world, found, random) -> None:
    """The same labels give the same file, byte for byte, however the agent lists them."""
    paths = list(found)
    random.shuffle(paths)
    assert rendered(make_world(found)) == rendered(make_world({path: found[path] for path in paths}))


@given(objects(), st.data())
def test_a_placement_change_moves_no_file(make_world, found, data) -> None:
    """Wherever instances go, only server states are set, and one pass sets them all."""
    world = make_world(found)
    world.converge()
    moved = {path: {**one, "up": data.draw(st.lists(st.sampled_from(one["scope"]), unique=True))} for path, one in found.items()}
    steps = world.turn(moved).converge(Verb.FOLLOW)
    assert {step.do for step in steps} <= {"set"}
    assert world.plan(Verb.FOLLOW) == ()


@given(objects(), st.data())
def test_h13_a_refused_fragment_takes_only_itself_along(make_world, found, data) -> None:
    """Whatever HAProxy refuses of it, the rest of the file stays as it was, and the refusal is told once."""
    world = make_world(found)
    whole = split_fragments(rendered(world))[1]
    wanted = SYSTEM.desired(world.config, world.cluster, Verb.START)
    bad = data.draw(st.sampled_from(wanted.fragments))
    world.actual = replace(world.actual, rejected={bad.digest: "no such thing"})
    world.converge()
    left = split_fragments(world.actual.text or "")[1]
    assert left == tuple(part for part in whole if part != bad.text)
    assert [line for line in world.notes() if "refuses" in line and "HAProxy" in line] == [f"{bad.key}: HAProxy refuses it: no such thing"]
    assert world.plan(Verb.START) == ()


@given(objects())
def test_a_bad_label_harms_only_its_listener(make_world, found) -> None:
    """A label that cannot be read removes nothing but what it belongs to."""
    whole = split_fragments(rendered(make_world(found)))[1]
    spoilt = {"aaa/svc/bad": {"labels": {"port": 70000}}, "aaa/svc/evil": {"labels": {"port": 1, "sni": "a\nglobal"}}, **found}
    world = make_world(spoilt)
    assert split_fragments(rendered(world))[1] == whole
    assert len([line for line in world.notes() if line.startswith("service aaa/svc/")]) == 2


@given(objects())
def test_the_file_holds_what_the_fragments_say(make_world, found) -> None:
    """Servers and ports read back from the text are those it was made from; its digest names it."""
    world = make_world(found)
    text = rendered(world)
    fragments = SYSTEM.desired(world.config, world.cluster, Verb.START).fragments
    assert [server[:4] for server in servers_in(text)] == [server[:4] for one in fragments for server in one.servers]
    assert binds_in(text) == {("*", one.port) for one in fragments if one.port}
    assert len(split_fragments(text)[1]) == len(fragments)
    assert len({server[:2] for server in servers_in(text)}) == len(list(servers_in(text)))
    assert loaded_digest(text) in text.split("\n")[2]


def test_the_header_says_who_wrote_it_and_from_what(make_world) -> None:
    """The first line of the file tells whom to ask and where to change it, on one line whatever the names are."""
    world = make_world({"prod/svc/web": {"labels": {"port": 80}}})
    first = rendered(world).split("\n")[0]
    assert first == "# Written by osvc_ha on node n1 from the labels of cluster lab: edits are lost; edit those."
    world.cluster = replace(world.cluster, name="lab\nglobal")
    assert rendered(world).split("\n")[1] == "global"
    assert "lab\\nglobal" in rendered(world).split("\n")[0]


def test_every_server_of_a_scope_is_listed_in_its_order(make_world) -> None:
    """A placement needs no new server, and the preference of OpenSVC is kept."""
    world = make_world({"prod/svc/web": {"labels": {"port": 80}, "scope": ["n3", "n1"], "up": ["n1"]}})
    assert [server.name for server in servers_in(rendered(world))] == ["n3", "n1"]


def test_names_with_dots_are_never_mixed_up(make_world) -> None:
    """prod/svc/a with group b.c and prod/svc/a.b with group c have votes of their own."""
    world = make_world(
        {
            "prod/svc/a": {"labels": {"port": 1, "check": "redis", "group": "b.c"}},
            "prod/svc/a.b": {"labels": {"port": 2, "check": "redis", "group": "c"}},
        }
    )
    fragments = SYSTEM.desired(world.config, world.cluster, Verb.START).fragments
    assert len({one.key for one in fragments}) == 4


@given(objects())
def test_whoever_pushes_knows_the_names_that_are_rendered(make_world, found) -> None:
    """The groups and backends that a push addresses are in the file."""
    world = make_world(found)
    servers = {server[:2] for server in servers_in(rendered(world))}
    for group in redis_groups(world.cluster):
        for node, _, _ in group.servers:
            assert (f"role:{group.id}:{node}", node) in servers
            assert all((backend, node) in servers for backend in group.backends)
        assert group.backends
        path = "/".join(group.id.split(":")[:3])
        assert group.id == group_id(path, group.master)


@pytest.mark.parametrize("limit", [300, 1000, 4096, 20000, 524288])
def test_h11_connections_files_and_checks_fit_the_limit(make_world, limit: int) -> None:
    """Two files a client, one a check and listener, and a reserve: never more than the process may open."""
    world = make_world({f"prod/svc/s{port}": {"labels": {"port": port, "check": "redis"}} for port in range(1, 4)})
    world.actual = replace(world.actual, file_limit=limit)
    text = rendered(world)
    total, clients = (int(part.split("\n")[0]) for part in text.split("    maxconn ")[1:3])
    assert clients < total
    assert clients == 20000 if limit > 500000 else clients < limit / 2
    if limit > 1000:
        assert 2 * total + len(list(servers_in(text))) + 3 < limit


def test_a_fragment_refused_with_credentials_in_it_stays_out(make_world) -> None:
    """What was refused is recognised by the text that was tried, secrets included, so the next run does not try again."""
    name = "/etc/osvc_ha/credentials/x"
    world = make_world({"prod/svc/r": {"labels": {"port": 1, "check": "redis", "auth": name}}, "prod/svc/w": {"labels": {"port": 2}}})
    world.actual = replace(world.actual, credentials={name: "    tcp-check send-binary 00\n"})
    world.converge()
    tried = next(part for part in split_fragments(world.actual.text or "")[1] if part.startswith("# --- prod/svc/r:main"))
    assert "send-binary 00\n" in tried
    world.actual = replace(world.actual, rejected={Fragment("", tried).digest: "bad"})
    world.converge(Verb.FOLLOW)
    assert "prod/svc/r:main" not in (world.actual.text or "")
    assert world.plan(Verb.FOLLOW) == ()
