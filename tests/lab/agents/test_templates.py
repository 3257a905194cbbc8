"""The service templates on the real agents: valid, as wide as the cluster, kept alive, gone when they are purged; and in containers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import containers
import pytest
from agreement import agree
from ha_lab import INGRESS, REDIS, SERVICES, TEMPLATES, HaLab

from osvc_ha.host import Host
from osvc_ha.seen import Seen, parse_seen

pytestmark = [pytest.mark.agent, pytest.mark.timeout(420)]

TRIED = "prod/svc/tried"
SECOND = "prod/svc/second"
VALIDATE = {"2.1": "om {path} validate config", "3": "om {path} config validate"}
EVALUATE = {"2.1": "om {path} eval --kw DEFAULT.{key}", "3": "om {path} config eval --kw DEFAULT.{key}"}
# Node and service of the followers that are killed, and the seconds within which others follow in their place.
KILLED = {("n2", INGRESS), ("n3", REDIS)}
MISSED_WITHIN = 90.0
DOCKER = "--env processes=false --kw container#1sentinel.type=docker --kw container#2server.type=docker"
RFC2136 = "--env provider=rfc2136 --env server=192.0.2.53:53 --env tsig_key_file=/etc/osvc_ha/credentials/tsig --env vip=192.0.2.1"
DISK = "--env nodes='n1 n2' --env disk=/dev/vg0/pg"
# Agent 3 takes a node for one that has DRBD when this program finds the kernel's module, and validates no keyword of disk.drbd elsewhere.
MODINFO = "/usr/local/sbin/modinfo"
HAS_DRBD = f"printf '#!/bin/sh\\n' >{MODINFO}; chmod +x {MODINFO}; om node capabilities scan >/dev/null"
HAS_NO_DRBD = f"rm {MODINFO}; om node capabilities scan >/dev/null"
# Template -> what is changed in it, and on how many nodes the service then is.
FORMS = {
    "dns": (
        ("--env domain=ha.lab --env token_file=/etc/osvc_ha/credentials/cloudflare", 3),
        (f"--env domain=ha.lab {RFC2136} --env ingress=prod/svc/ingress --env 'global=*=round-robin redis=vip' --env nodes='n1 n2'", 2),
    ),
    "l4-ingress": (("", 3), ("--env bind=10.77.0.1,127.0.0.1 --env log=global --env nodes='n1 n2'", 2)),
    "mongodb-replicaset": (
        ("--env domain=db.lab --env bind=*", 3),
        ("--env processes=false --env nodes='n1 n2'", 2),
        ("--env processes=false --kw container#1server.type=docker", 3),
    ),
    "postgres-drbd": ((DISK, 2),),
    "redis-sentinel": (
        ("", 3),
        ("--env processes=false --env nodes='n1 n2'", 2),
        (DOCKER, 3),
        ("--env osvc.l4.auth=/etc/osvc_ha/credentials/redis --env quorum=2 --env follower_disabled=true", 3),
    ),
    "volume-cephfs": (
        ("--env device=10.0.0.1,10.0.0.2:/files --env key_file=/etc/ceph/files.keyring", 3),
        ("--env volume_kind=ceph --env nodes='n1 n2'", 2),
    ),
    "volume-drbd": ((DISK, 2),),
    "volume-glusterfs": (("--env device=n1:/v0 --env backup_servers='n2 n3'", 3),),
}
FAILOVER = {"dns", "postgres-drbd", "volume-drbd"}


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


def shell(lab: HaLab, name: str, line: str) -> None:
    """A line of shell on a node."""
    done = lab.machines.run(name, ["sh", "-c", line])
    assert done.code == 0, f"{name}: {line}: {done.words}"


@pytest.fixture(params=list(FORMS))
def tried(installed: HaLab, request: pytest.FixtureRequest) -> Iterator[tuple[HaLab, str]]:
    """Every form of one template, created and not yet provisioned, where the agent takes each driver for one that it can run."""
    if installed.agent.version == "3":
        shell(installed, "n1", HAS_DRBD)
    for name in installed.names if not containers.why_not() else ():
        # A purge asks Podman to remove what was never made.
        containers.configure(installed.machines, name)
    for number, (values, width) in enumerate(FORMS[request.param]):
        create(installed, f"{TRIED}{number}", request.param, values, width)
    yield installed, request.param
    if installed.agent.version == "3":
        shell(installed, "n1", HAS_NO_DRBD)
    purge(installed, *(f"{TRIED}{number}" for number in range(len(FORMS[request.param]))))


def test_a_template_is_valid_and_as_wide_as_its_nodes(tried: tuple[HaLab, str]) -> None:
    """The agent has nothing to say against any form of it, and nobody has to count nodes."""
    lab, name = tried
    for number, (values, width) in enumerate(FORMS[name]):
        path = f"{TRIED}{number}"
        told = said(lab, "n1", VALIDATE[lab.agent.version].format(path=path))
        # Agent 3 prints the head of a table that has no rows.
        complaints = [line for line in told.splitlines() if line.strip() and not line.startswith(("LEVEL", "@"))]
        assert complaints == [], f"{name} {values}"
        for key in ("flex_min", "flex_max") if name not in FAILOVER else ():
            width_told = said(lab, "n1", EVALUATE[lab.agent.version].format(path=path, key=key)).strip()
            assert width_told == str(width), f"{name} {values}: {key}"


def test_every_template_was_tried() -> None:
    """None is left out above."""
    trees = Path(__file__).parents[3] / "service_templates"
    assert set(FORMS) == {file.stem for file in trees.glob("*/*.conf")}


def seen(lab: HaLab, name: str, path: str) -> Seen:
    """What the follower of a service saw last on a node."""
    return parse_seen(lab.machines.run(name, ["cat", f"/run/osvc_ha/{path.replace('/svc/', '.')}/watch.json"]).out)


def test_a_killed_follower_is_started_again_within_a_minute_or_so(serving: HaLab) -> None:
    """Nobody is left to tell the agent that it is gone: the agent looks by itself, and another one follows."""
    before = {(name, path): seen(serving, name, path).pid for name, path in KILLED}
    died = time.time()
    for (name, _), pid in before.items():
        said(serving, name, f"kill -9 {pid}")

    def followed() -> bool:
        now = {where: seen(serving, *where) for where in KILLED}
        return all(one.pid != before[where] and one.looked_at > died for where, one in now.items())

    # A look costs two processes, and the agents need the processor more.
    assert Host().wait(followed, MISSED_WITHIN, every=1.0), {where: seen(serving, *where) for where in KILLED}
    print(f"agent {serving.agent.version}: followed again after {time.time() - died:.0f} s")
    agree(serving)


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
