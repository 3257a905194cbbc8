"""DNS records under the real agents, in a real Knot outside the cluster: they follow placement, and so does who writes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Optional

import pytest
from dns_servers import KEY, ZONE, DnsServer, fresh_key, why_not
from ha_lab import INGRESS, TEMPLATES, HaLab
from namespaces import OUTSIDER, Machines
from writers import OutsideRun

from osvc_ha.host import Host

pytestmark = [pytest.mark.agent, pytest.mark.timeout(420)]
DNS, WEB = "prod/svc/dns", "prod/svc/web"
DOMAIN = f"ha.{ZONE}"
KEY_FILE = "/etc/osvc_ha/credentials/tsig"
WEB_CONF = """[DEFAULT]
nodes = n1 n2 n3
orchestrate = no

[app#1]
type = simple
start = /bin/sleep 1000000

[sync#i0]
disable = true

[env]
osvc.dns.name = web
"""
VALUES = (
    f"--env domain={DOMAIN} --env zone={ZONE} --env provider=rfc2136 --env server={OUTSIDER}:5300 --env tsig_key_file={KEY_FILE}"
    f" --env allow_private=true --env ingress={INGRESS} --env global='*=round-robin' --env settle=1"
)


@dataclass
class OutsideKnot(DnsServer):
    """Knot on the nodes' network, on none of the nodes; asked from there."""

    machines: Optional[Machines] = None

    def ask(self, name: str, type: str, tcp: bool = False) -> list[str]:
        """What a client gets."""
        assert self.machines is not None
        words = ["kdig", f"@{self.address}", "-p", str(self.port), "+short", "+time=1", "+retry=1", name, type]
        return sorted(Host().run(self.machines.outside(words)).out.split("\n")[:-1])

    def addresses(self, name: str) -> list[str]:
        """Of a name below the domain."""
        return self.ask(f"{name}.{DOMAIN}", "A")

    def _answers(self) -> bool:
        return any(len(line.split()) == 7 for line in self.ask(ZONE, "SOA"))


@pytest.fixture
def knot(serving: HaLab) -> Iterator[OutsideKnot]:
    """A zone, and its key on every node."""
    if why_not("knot"):
        pytest.skip(why_not("knot"))
    algorithm, secret = fresh_key()
    with OutsideRun(serving.machines) as run:
        server = OutsideKnot("knot", run, 5300, OUTSIDER, keys={KEY: (algorithm, secret)}, machines=serving.machines)
        server.start()
        for name in serving.names:
            write(serving, name, KEY_FILE, f"{algorithm}:{KEY}:{secret}\n")
            serving.order(name, "label", key="osvc_ha_public_address", value=serving.machines.addresses[name])
        yield server
        for name in serving.names:
            serving.machines.run(name, ["rm", "-f", KEY_FILE])


@pytest.fixture
def published(serving: HaLab, knot: OutsideKnot) -> Iterator[HaLab]:
    """A service with a name of its own on n1, and the dns service, both made by an operator."""
    write(serving, "n1", "/tmp/web.conf", WEB_CONF)
    serving.order("n1", "create", path=WEB, file="/tmp/web.conf", values="")
    serving.order("n1", "create", path=DNS, file=f"{TEMPLATES}/{serving.agent.version}/dns.conf", values=VALUES)
    for path in (WEB, DNS):
        serving.wait(f"{path} on all nodes", lambda path=path: all(known(serving, name, path) == 3 for name in serving.names))
    serving.order("n1", "start", seconds=90.0, path=WEB)
    serving.order("n1", "provision", seconds=120.0, path=DNS)
    yield serving
    serving.restore()
    for path in (WEB, DNS):
        serving.order("n1", "purge", seconds=90.0, path=path)
        serving.wait(f"no {path}", lambda path=path: not any(known(serving, name, path) for name in serving.names))


def write(lab: HaLab, name: str, path: str, text: str) -> None:
    """A file of mode 0600 on a node."""
    words = f"umask 077; mkdir -p $(dirname {path}); printf %s {shlex.quote(text)} >{path}"
    assert lab.machines.run(name, ["sh", "-c", words]).code == 0


def known(lab: HaLab, name: str, path: str) -> int:
    """On how many nodes a service has an instance, as one node knows."""
    found = lab.cluster(name).objects.get(path)
    return len(found.instances) if found else 0


def writers(lab: HaLab) -> list[str]:
    """Where the dns service is up."""
    return [name for name in lab.alive() if lab.avail(name, DNS) == "up"]


def answers(lab: HaLab, knot: OutsideKnot, name: str, *nodes: str) -> None:
    """Wait until the server answers with the addresses of these nodes, and no others."""
    want = sorted(lab.machines.addresses[node] for node in nodes)
    lab.wait(f"{name} answers {want}", lambda: knot.addresses(name) == want)


def test_records_follow_placement_and_so_does_who_writes_them(published: HaLab, knot: OutsideKnot) -> None:
    """Nodes, the cluster and a service have their names; a service that moves takes its name along, and a dead writer is replaced."""
    lab = published
    for node in lab.names:
        answers(lab, knot, f"anything.{node}", node)
    answers(lab, knot, "anything", *lab.names)
    answers(lab, knot, "web", "n1")
    lab.wait("one writer", lambda: len(writers(lab)) == 1)

    lab.order("n1", "stop", seconds=90.0, path=WEB)
    lab.order("n2", "start", seconds=90.0, path=WEB)
    answers(lab, knot, "web", "n2")

    first = writers(lab)[0]
    serial = knot.serial()
    done = lab.osvc_ha(first, "resource", "dns", "status", "--path", DNS, *sets(lab))
    assert done.code == 0, done.words
    assert lab.osvc_ha(first, "apply", "dns", *sets(lab)).code == 0
    assert knot.serial() == serial, "a look that finds all as it should be writes nothing"

    lab.cut_power(first)
    left = lab.others(first)
    lab.missed(first)
    lab.wait("another writer", partial(is_one_of, lab, left))
    answers(lab, knot, "anything", *left)
    target = next(name for name in left if lab.avail(name, WEB) != "up")
    for name in left:
        if lab.avail(name, WEB) == "up":
            lab.order(name, "stop", seconds=90.0, path=WEB)
    lab.order(target, "start", seconds=90.0, path=WEB)
    answers(lab, knot, "web", target)


def sets(lab: HaLab) -> list[str]:
    """The keywords of the service, for the command line."""
    pairs = [word for word in shlex.split(VALUES) if word != "--env"]
    return [word for pair in [f"path={DNS}", "runtime_dir=/run/osvc_ha/prod.dns.dns", *pairs] for word in ("--set", pair)]


def is_one_of(lab: HaLab, nodes: tuple[str, ...]) -> bool:
    """Is exactly one of these nodes the writer?"""
    found = writers(lab)
    return len(found) == 1 and found[0] in nodes
