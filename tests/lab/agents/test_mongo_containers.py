"""A replica set in containers, made from the template, under the real agents with real Podman, behind the real ingress."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import containers
import mongo_outsider
import pytest
from containers import MONGO as IMAGE
from ha_lab import INGRESS, TEMPLATES, HaLab

from osvc_ha.drill.mongo_program import why_no_mongod

pytestmark = [pytest.mark.agent, pytest.mark.timeout(900)]
MONGO, PORT, DOOR, DOMAIN = "prod/svc/mongo", 27017, 17017, "db.lab"
SMALL = "--env cache_mb=256 --env oplog_mb=990 --env grace=5 --env resync=5"
SECRETS = "/etc/osvc_ha/secrets"
LOGIN = f"--env keyfile={SECRETS}/key --env server_username=admin --env password_file={SECRETS}/password"
MOUNTS = f"--env container_mounts={SECRETS}:{SECRETS}:ro"
FORM = f"--env processes=false --env container_image={IMAGE.name} --env domain={DOMAIN} {LOGIN} {MOUNTS}"
MAKE_SECRETS = f"mkdir -p {SECRETS} && cd {SECRETS} && umask 077 && printf c2VjcmV0 >key && printf hunter2 >password"
OUTSIDER = str(Path(mongo_outsider.__file__).resolve())


class Contained:
    """The set of the service, as clients on the nodes see it: those resolve the members' names."""

    def __init__(self, lab: HaLab) -> None:
        self.lab = lab
        self.uri = f"mongodb://{','.join(f'{name}.{DOMAIN}:{PORT}' for name in lab.names)}/?replicaSet=mongo"

    def ask(self, *words: str) -> Any:
        """What mongo_outsider.py tells, on n1."""
        done = self.lab.machines.run("n1", [sys.executable, OUTSIDER, *words], seconds=60.0, env={"MONGO_LOGIN": "admin:hunter2"})
        assert done.code == 0, f"{words[0]}: {done.words}"
        return json.loads(done.out)

    def states(self) -> dict[str, int]:
        """node -> its own state as MongoDB numbers them."""
        found: dict[str, int] = self.ask("states", str(PORT), *(f"{name}={name}.{DOMAIN}" for name in self.lab.names))
        self.lab.seen = str(found)
        return found

    def leader(self) -> str:
        """The one node whose mongod is PRIMARY, or ""."""
        found = [name for name, state in self.states().items() if state == 1]
        return found[0] if len(found) == 1 else ""

    def voters(self) -> dict[str, float]:
        """node -> votes, by the primary's configuration."""
        found: dict[str, list[float]] = self.ask("votes", f"{self.leader()}.{DOMAIN}", str(PORT))
        return {host.partition(".")[0]: part[0] for host, part in found.items()}

    def await_well(self) -> None:
        """Wait until everybody is in the set, and its agent says up."""
        lab = self.lab
        # Each of them has its own patience: where the machine is busy, three containers and two copies take a minute together.
        lab.wait("mongods that are members", lambda: min(self.states().values()) > 0)
        lab.wait("a primary and secondaries", lambda: sorted(self.states().values()) == [1, 2, 2])
        lab.wait("up on all nodes", lambda: {lab.avail(name, MONGO) for name in lab.names} == {"up"})

    def write(self, first: int, last: int, uri: str = "") -> None:
        """All of these are acknowledged by a majority."""
        assert self.ask("write", uri or self.uri, "kept", str(first), str(last)) == list(range(first, last + 1))

    def kept(self) -> list[int]:
        """What a majority holds."""
        return sorted(self.ask("kept", self.uri, "kept"))


def known(lab: HaLab, name: str, path: str) -> int:
    """On how many nodes a service has an instance, as one node knows."""
    found = lab.cluster(name).objects.get(path)
    return len(found.instances) if found else 0


def create(lab: HaLab, path: str, template: str, values: str) -> None:
    """A service from a template, provisioned on all nodes."""
    lab.order("n1", "create", path=path, file=f"{TEMPLATES}/{lab.agent.version}/{template}.conf", values=values)
    lab.wait(f"{path} on all nodes", lambda: all(known(lab, name, path) == len(lab.names) for name in lab.names))
    lab.order("n1", "provision", seconds=180.0, path=path)


def podman(lab: HaLab, name: str, *words: str) -> list[str]:
    """What podman prints on a node, line by line."""
    done = lab.machines.run(name, ["podman", *words])
    assert done.code == 0, f"{name}: podman {words}: {done.words}"
    return done.out.split()


@pytest.fixture
def contained(installed: HaLab, bench: Any) -> Iterator[Contained]:
    """Made on n1, n2, n3, in a cluster that is not used again."""
    why = why_no_mongod() or containers.why_not(IMAGE)
    if why:
        pytest.skip(why)
    lab = installed
    hosts = "".join(f"{lab.machines.addresses[name]} {name}.{DOMAIN}\n" for name in lab.names)
    for name in lab.names:
        assert lab.machines.run(name, ["sh", "-c", f"printf %s '{hosts}' >>/etc/hosts && {MAKE_SECRETS}"]).code == 0
        containers.prepare(lab.machines, name, IMAGE)
    if INGRESS not in lab.cluster("n1").objects:
        create(lab, INGRESS, "l4-ingress", "")
    create(lab, MONGO, "mongodb-replicaset", f"{FORM} {SMALL}")
    yield Contained(lab)
    bench.clear()


def test_a_replica_set_in_containers_is_handed_over_comes_back_and_goes(contained: Contained) -> None:
    """With logins, as processes do: all vote, the door takes writes, a stop hands over, a start joins, a purge takes the data."""
    lab = contained.lab
    contained.await_well()
    lab.wait("n1 leads", lambda: contained.leader() == "n1")
    assert contained.voters() == dict.fromkeys(lab.names, 1)
    assert podman(lab, "n1", "ps", "--format", "{{.Names}}") == ["prod..mongo.container.1server"]
    contained.write(1, 20, f"mongodb://n2:{DOOR}/?directConnection=true")

    lab.order("n1", "stop", seconds=120.0, path=MONGO)
    assert podman(lab, "n1", "ps", "--all", "--quiet") == []
    assert contained.leader() not in ("", "n1")
    contained.write(21, 40)
    lab.order("n1", "start", seconds=120.0, path=MONGO)
    lab.order("n1", "thaw", path=MONGO)
    contained.await_well()
    assert contained.voters() == dict.fromkeys(lab.names, 1)
    assert contained.kept() == list(range(1, 41))

    # Not waited for by the agent, which gives three handovers and three containers 60 s.
    assert lab.machines.run("n1", ["om", MONGO, "purge"]).code == 0
    lab.wait("no mongod", lambda: not any(podman(lab, name, "ps", "--all", "--quiet") for name in lab.names))
    lab.wait("no service", lambda: not any(known(lab, name, MONGO) for name in lab.names))
    for name in lab.names:
        left = lab.machines.run(name, ["find", "/var/lib/osvc_ha/mongo", "-type", "f"]).out
        assert left == "", f"{name}: {left}"
