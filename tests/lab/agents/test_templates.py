"""The service templates on the real agents: valid, as wide as the cluster, gone when they are purged; and in containers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import containers
import pytest
from agreement import agree
from ha_lab import INGRESS, REDIS, SERVICES, TEMPLATES, HaLab

pytestmark = [pytest.mark.agent, pytest.mark.timeout(420)]

TRIED = "prod/svc/tried"
SECOND = "prod/svc/second"
VALIDATE = {"2.1": "om {path} validate config", "3": "om {path} config validate"}
EVALUATE = {"2.1": "om {path} eval --kw DEFAULT.{key}", "3": "om {path} config eval --kw DEFAULT.{key}"}
DOCKER = "--env processes=false --kw container#1sentinel.type=docker --kw container#2server.type=docker"
# Service -> its template, what is changed in it, and on how many nodes it then is.
FORMS = {
    f"{TRIED}1": ("l4-ingress", "", 3),
    f"{TRIED}2": ("l4-ingress", "--env bind=10.77.0.1,127.0.0.1 --env log=global --env nodes='n1 n2'", 2),
    f"{TRIED}3": ("redis-sentinel", "", 3),
    f"{TRIED}4": ("redis-sentinel", "--env processes=false --env nodes='n1 n2'", 2),
    f"{TRIED}5": ("redis-sentinel", DOCKER, 3),
    f"{TRIED}6": ("redis-sentinel", "--env osvc.l4.auth=/etc/osvc_ha/credentials/redis --env quorum=2 --env follower_disabled=true", 3),
    f"{TRIED}7": ("mongodb-replicaset", "--env domain=db.lab --env bind=*", 3),
    f"{TRIED}8": ("mongodb-replicaset", "--env processes=false --env nodes='n1 n2'", 2),
    f"{TRIED}9": ("mongodb-replicaset", "--env processes=false --kw container#1server.type=docker", 3),
}


def create(lab: HaLab, path: str, name: str, values: str, width: int = 3) -> None:
    """A service from a template, known to its nodes."""
    lab.order("n1", "create", path=path, file=f"{TEMPLATES}/{lab.agent.version}/{name}.conf", values=values)
    lab.wait(f"{path} on {width} nodes", lambda: all(known(lab, node, path) == width for node in lab.names[:width]))


def known(lab: HaLab, name: str, path: str) -> int:
    """On how many nodes a service has an instance, as one node knows."""
    found = lab.cluster(name).objects.get(path)
    return len(found.instances) if found else 0


def gone(lab: HaLab, path: str) -> bool:
    """Has it no instance on any node? Agent 3 remembers its name for a while."""
    return not any(known(lab, node, path) for node in lab.names)


def settled(lab: HaLab, path: str) -> bool:
    """As the first node is told: no instance is starting, stopping or the like."""
    return not any(one.state.endswith("ing") for one in lab.cluster("n1").object(path).instances.values())


def purge(lab: HaLab, *paths: str) -> None:
    """Away with them, where they are."""
    for path in paths:
        if known(lab, "n1", path):
            # The daemon refuses while it believes that an instance elsewhere is still starting: its word comes with a heartbeat.
            lab.wait(f"nothing under way on {path}", partial(settled, lab, path))
            lab.order("n1", "purge", seconds=90.0, path=path)
            lab.wait(f"no {path}", partial(gone, lab, path))


def said(lab: HaLab, name: str, command: str) -> str:
    """What a command prints, on a node, in all."""
    done = lab.machines.run(name, command.split())
    assert done.code == 0, f"{name}: {command}: {done.words}"
    return done.out + done.err


@pytest.fixture
def tried(installed: HaLab) -> Iterator[HaLab]:
    """Every form of every template, created and not yet provisioned."""
    for path, (name, values, width) in FORMS.items():
        create(installed, path, name, values, width)
    yield installed
    said(installed, "n1", f"om {TRIED}* purge")
    for path in FORMS:
        installed.wait(f"no {path}", partial(gone, installed, path))


def test_templates_are_valid_and_as_wide_as_their_nodes(tried: HaLab) -> None:
    """The agent has nothing to say against any form of any template, and nobody has to count nodes."""
    for path, (name, values, width) in FORMS.items():
        told = said(tried, "n1", VALIDATE[tried.agent.version].format(path=path))
        # Agent 3 prints the head of a table that has no rows.
        complaints = [line for line in told.splitlines() if line.strip() and not line.startswith(("LEVEL", "@"))]
        assert complaints == [], f"{name} {values}"
        for key in ("flex_min", "flex_max"):
            width_told = said(tried, "n1", EVALUATE[tried.agent.version].format(path=path, key=key)).strip()
            assert width_told == str(width), f"{name} {values}: {key}"


def test_purged_services_leave_nothing_on_disk(serving: HaLab) -> None:
    """Unprovisioning takes processes, configurations and data away, on every node."""
    purge(serving, *SERVICES)
    for name in serving.names:
        left = serving.machines.run(name, ["find", "/var/lib/osvc_ha/redis", "/etc/osvc_ha", "-type", "f"]).out
        assert left == "", f"{name}: {left}"
        running = serving.machines.run(name, ["pgrep", "-fa", "^redis-|^haproxy|osvc-ha watch"]).out
        assert running == "", f"{name}: {running}"


@pytest.fixture
def second(serving: HaLab) -> Iterator[str]:
    """An ingress with the paths of the one that runs: created, and untouched."""
    create(serving, SECOND, "l4-ingress", "")
    yield SECOND
    purge(serving, SECOND)


def proxies(lab: HaLab) -> dict[str, str]:
    """Node -> its HAProxy processes."""
    return {name: said(lab, name, "pgrep -x haproxy") for name in lab.names}


def test_a_second_ingress_is_purged_and_the_first_does_not_notice(serving: HaLab, second: str) -> None:
    """An ingress that was made by mistake goes without a failure, and no HAProxy of the first is ended or started anew."""
    before = proxies(serving)
    purge(serving, second)
    assert proxies(serving) == before
    assert [serving.avail(name, INGRESS) for name in serving.names] == ["up"] * 3


def test_a_second_ingress_is_refused_and_can_be_purged_then(serving: HaLab, second: str) -> None:
    """Its start fails and names the first, whose HAProxy goes on; and it can be stopped and purged after that."""
    before = proxies(serving)
    told = serving.machines.run("n2", ["sh", "-c", f"{serving.agent.words['start'].format(path=second)} 2>&1"], seconds=90.0)
    assert told.code != 0, told.out
    assert f"/etc/osvc_ha/haproxy.cfg and /run/osvc_ha/haproxy belong to {INGRESS}" in told.out
    purge(serving, second)
    assert proxies(serving) == before
    assert [serving.avail(name, INGRESS) for name in serving.names] == ["up"] * 3


@pytest.fixture
def contained(installed: HaLab) -> Iterator[HaLab]:
    """Redis in containers behind the ingress, on all nodes."""
    if containers.why_not():
        pytest.skip(containers.why_not())
    purge(installed, *SERVICES)
    for name in installed.names:
        containers.prepare(installed.machines, name)
    for path, (template, values) in SERVICES.items():
        form = f" --env processes=false --env container_image={containers.IMAGE}" if path == REDIS else ""
        create(installed, path, template, values + form)
    installed.provision()
    yield installed
    purge(installed, *SERVICES)


def test_redis_in_containers_is_handed_over_and_comes_back(contained: HaLab) -> None:
    """Containers serve like processes: a stop hands the master over before they end, a start joins, a purge takes the data."""
    lab = contained
    agree(lab)
    old = lab.master()
    running = said(lab, old, "podman ps --format {{.Names}}").split()
    assert sorted(running) == ["prod..redis.container.1sentinel", "prod..redis.container.2server"]
    lab.order(old, "stop", seconds=90.0, path=REDIS)
    assert said(lab, old, "podman ps --all --quiet") == ""
    assert lab.master() != old
    lab.order(old, "start", seconds=90.0, path=REDIS)
    lab.order(old, "thaw", path=REDIS)
    agree(lab)
    assert lab.master() != old
    purge(lab, REDIS)
    for name in lab.names:
        assert said(lab, name, "podman ps --all --quiet") == ""
        assert lab.machines.run(name, ["find", "/var/lib/osvc_ha/redis", "-type", "f"]).out == "", name
