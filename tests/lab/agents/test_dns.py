"""DNS records under the real agents, in a real Knot outside the cluster: they follow placement, and so does who writes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Optional

import pytest
from dns_servers import KEY, ZONE, DnsServer, fresh_key, why_not
from ha_lab import INGRESS, TEMPLATES, HaLab
from namespaces import OUTSIDER, Machines
from node_looks import follower_of, look_now
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
type = forking
start = /usr/bin/touch /run/web
check = /usr/bin/test -e /run/web
stop = /usr/bin/rm -f /run/web

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

    def told_by(self) -> list[str]:
        """The nodes' addresses, one for each update that Knot has let in so far."""
        assert self.process is not None and self.process.log is not None
        return re.findall(r"action update, remote ([0-9.]+)@", self.process.log.read_text(encoding="utf-8"))

    def _knot(self) -> str:
        # So that its log tells of whom an update came.
        return super()._knot().replace("any: info\n", "any: info\n    zone: debug\n")

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

    switched = lab.others(first)[0]
    lab.order(first, "switch", seconds=90.0, path=DNS, to=switched)
    lab.wait("it has moved", lambda: writers(lab) == [switched])
    before = len(knot.told_by())
    move_web(lab, "n3", *lab.names)
    answers(lab, knot, "web", "n3")
    assert set(knot.told_by()[before:]) == {lab.machines.addresses[switched]}, "whom OpenSVC has moved it to writes, and nobody else"

    lab.cut_power(switched)
    left = lab.others(switched)
    lab.missed(switched)
    lab.wait("another writer", partial(is_one_of, lab, left))
    answers(lab, knot, "anything", *left)
    target = next(name for name in left if lab.avail(name, WEB) != "up")
    move_web(lab, target, *left)
    answers(lab, knot, "web", target)


def sets(lab: HaLab) -> list[str]:
    """The keywords of the service, for the command line."""
    pairs = [word for word in shlex.split(VALUES) if word != "--env"]
    return [word for pair in [f"path={DNS}", "runtime_dir=/run/osvc_ha/prod.dns.dns", *pairs] for word in ("--set", pair)]


def is_one_of(lab: HaLab, nodes: tuple[str, ...]) -> bool:
    """Is exactly one of these nodes the writer?"""
    found = writers(lab)
    return len(found) == 1 and found[0] in nodes


def test_a_daemon_killed_alone_leaves_one_writer(published: HaLab, knot: OutsideKnot) -> None:
    """kill -9 of the writer's agent: another node writes, and the follower that was left alive does not; with the agent back, one does."""
    lab = published
    lab.wait("one writer", lambda: len(writers(lab)) == 1)
    first = writers(lab)[0]
    left = lab.others(first)
    alive = follower_of(lab, first, DNS)
    lab.kill_daemon(first)
    lab.missed(first)
    second = other_writer(lab, *left)
    before = len(knot.told_by())
    third = next(name for name in left if name != second)
    move_web(lab, third, *left)
    answers(lab, knot, "web", third)
    assert look_now(lab, first, DNS).problem, "without its agent it cannot tell what there is"
    assert set(knot.told_by()[before:]) == {lab.machines.addresses[second]}

    lab.order(first, "run")
    lab.wait_complete()
    await_both(lab, first, second)
    before = len(knot.told_by())
    move_web(lab, second, *lab.names)
    answers(lab, knot, "web", second)
    for name in (first, second):
        look_now(lab, name, DNS)
    assert set(knot.told_by()[before:]) == {lab.machines.addresses[min(first, second)]}, "of two the first in scope order writes"
    assert follower_of(lab, first, DNS) == alive


def test_a_writer_that_is_cut_off_writes_nothing(published: HaLab, knot: OutsideKnot) -> None:
    """It still reaches the provider, and none of its peers: it says that it has no majority, and the side that has one writes.

    Healed, both run it, and neither writes before it knows what the others run.
    """
    lab = published
    lab.wait("one writer", lambda: len(writers(lab)) == 1)
    first = writers(lab)[0]
    left = lab.others(first)
    answers(lab, knot, "anything", *lab.names)
    lab.machines.part(first, *left)
    lab.missed(first)
    lab.wait(f"{first} misses the others", lambda: lab.cluster(first).alive() == (first,))
    before = len(knot.told_by())
    refusal = look_now(lab, first, DNS).systems["dns"].lines
    assert any("only 1 of 3 present, no majority" in line for line in refusal), refusal
    second = other_writer(lab, *left)
    answers(lab, knot, "anything", *left)
    look_now(lab, first, DNS)
    assert set(knot.told_by()[before:]) == {lab.machines.addresses[second]}
    assert "WITHOUT a majority" in lab.osvc_ha(first, "status").out

    before = len(knot.told_by())
    lab.machines.heal(first)
    lab.wait_complete()
    await_both(lab, first, second)
    answers(lab, knot, "anything", *lab.names)
    assert set(knot.told_by()[before:]) == {lab.machines.addresses[min(first, second)]}, "the other one does not take it for gone"


def move_web(lab: HaLab, target: str, *nodes: str) -> None:
    """Of these nodes only the target runs it."""
    for name in nodes:
        if name != target and lab.avail(name, WEB) == "up":
            lab.order(name, "stop", seconds=90.0, path=WEB)
    lab.order(target, "start", seconds=90.0, path=WEB)


def other_writer(lab: HaLab, *left: str) -> str:
    """The one of these nodes on which the dns service comes up, by its own word."""
    lab.wait("another writer", lambda: sum(lab.avail(name, DNS) == "up" for name in left) == 1)
    return next(name for name in left if lab.avail(name, DNS) == "up")


def await_both(lab: HaLab, *nodes: str) -> None:
    """Until every node knows that the dns service is up on these, a double run, with nothing under way, and their followers have looked."""

    def known(name: str) -> bool:
        found = lab.cluster(name).objects.get(DNS)
        idle = found is not None and all(one.state == "idle" for one in found.instances.values())
        return found is not None and idle and found.placed() == tuple(sorted(nodes))

    lab.wait(f"{DNS} on {nodes}", lambda: all(known(name) for name in lab.names))
    for name in nodes:
        look_now(lab, name, DNS)
