"""Members on a network of their own, known by their names, of which one is cut off in the middle of a change."""

import itertools
import json
import os
import shutil
import sys
from pathlib import Path

import mongo_node
import pytest
from mongods import small_mongod
from namespaces import Contents, Machines, why_not

from osvc_ha.drill.mongo_program import why_no_mongod
from osvc_ha.drill.processes import wait_until

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]
SCRIPT = str(Path(mongo_node.__file__).resolve())
HOME = "/var/lib/osvc_ha/mongo/grp"


class Net:
    """Four nodes, and what is done and asked on them. They call each other n1 ... n4, by their own /etc/hosts."""

    def __init__(self, machines: Machines, program: str) -> None:
        self.machines, self.program = machines, program
        self.words = {"mongod": program, "election_timeout": "2000", "ready_timeout": "40", "seedlists": f"{program}.seeds"}

    @property
    def keywords(self) -> str:
        """As JSON."""
        return json.dumps(self.words)

    def argv(self, *words: str) -> list[str]:
        """The lab's own program."""
        return [sys.executable, SCRIPT, *words]

    def verb(self, verb: str, node: str, placed: str):
        """Begin it; the caller waits."""
        return self.machines.spawn(node, ["env", f"PYTHONPATH={os.pathsep.join(sys.path)}", *self.argv(verb, node, placed, self.keywords)])

    def ask(self, node: str, command: str):
        """A member's reply to the node itself, so that a cut does not matter; None when it has none."""
        return self.told(node, "ask", node, command)

    def status(self, node: str, placed: str) -> list[str]:
        """The status as the agent there shows it, and its lines."""
        return self.told(node, "status", node, placed, self.keywords)

    def told(self, node: str, *words: str):
        """What the lab's own program prints there."""
        done = self.machines.run(node, self.argv(*words), env={"PYTHONPATH": os.pathsep.join(sys.path)})
        assert done.code == 0, done.words
        return json.loads(done.out)

    def start(self, *nodes: str) -> None:
        """START of all of them together, which are then where OpenSVC runs the service."""
        starts = [self.verb("start", node, ",".join(nodes)) for node in nodes]
        assert [start.wait(60) for start in starts] == [0] * len(nodes)

    def sh(self, node: str, script: str) -> None:
        """A line of shell there."""
        done = self.machines.run(node, ["sh", "-c", script])
        assert done.code == 0, done.words

    def launch(self, node: str) -> None:
        """Its mongod, as START launches it, and nothing else."""
        self.machines.spawn(node, [self.program, "--config", f"{HOME}/mongod.conf"])
        wait_until(f"mongod on {node}", lambda: self.ask(node, "hello") is not None, 30)

    def stamp(self, node: str) -> tuple[int, int]:
        """(term, version) of the configuration that this member has."""
        config = self.ask(node, "replSetGetConfig")["config"]
        return config["term"], config["version"]

    def leads(self, *nodes: str) -> bool:
        """Is one of these the primary, by its own words?"""
        return any((self.ask(node, "hello") or {}).get("isWritablePrimary") for node in nodes)

    def votes(self, node: str) -> dict[str, int]:
        """name -> votes, by that member's configuration."""
        reply = self.ask(node, "replSetGetConfig")
        return {member["host"].partition(":")[0]: member["votes"] for member in reply["config"]["members"]} if reply else {}


@pytest.fixture
def net(tmp_path):
    """Four nodes with power, nothing started on them yet."""
    if why_no_mongod():
        pytest.skip(why_no_mongod())
    program = small_mongod(Path(os.getcwd()) / "build" / f"mongod-{os.getpid()}")
    machines = Machines(4)
    try:
        for node in machines.names:
            machines.boot(node, Contents())
        yield Net(machines, program)
    finally:
        machines.close()
        shutil.rmtree(Path(program).parent)


def test_m9_m1_the_primary_is_cut_off_while_a_fourth_enters(net):
    """n4 is a member without a vote when n1 loses its network: the others elect, n4's START ends well, and n1 follows when it is back."""
    net.start("n1", "n2", "n3")
    assert net.votes("n1") == {"n1": 1, "n2": 1, "n3": 1}
    entering = net.verb("start", "n4", "n1,n2,n3,n4")
    wait_until("n4 is a member", lambda: "n4" in net.votes("n1"), 30)
    net.machines.cut("n1")
    wait_until("another primary", lambda: net.leads("n2", "n3"), 30)
    assert entering.wait(60) == 0
    counted = net.votes("n2")
    assert sum(counted.values()) == 3
    net.machines.heal("n1")
    wait_until("n1 has the others' configuration", lambda: net.votes("n1") == counted, 30)
    assert set(counted) == {"n1", "n2", "n3", "n4"}


@pytest.mark.timeout(240)
def test_m1_a_configuration_that_reached_no_majority_is_rolled_back_and_the_start_goes_on(net):
    """n1 has n4 in its configuration and nobody else has: cut off, it loses that to the others' older one, in which n4 is entered again."""
    # Nobody stands for election by itself meanwhile.
    net.words.update(election_timeout="60000", ready_timeout="90")
    net.start("n1", "n2", "n3")
    assert net.verb("provision", "n4", "n1,n2,n3").wait(30) == 0
    net.launch("n4")
    before = net.stamp("n1")
    wait_until("all have that", lambda: net.stamp("n2") == net.stamp("n3") == before, 30)
    # Who is told of a newer configuration fetches it: n2 and n3 cannot, and answer n1 all the same.
    for node, other in itertools.product(("n2", "n3"), ("n1", "n4")):
        net.sh(node, f"ip rule add to {net.machines.addresses[other]} ipproto tcp dport 27017 blackhole")
    entering = net.verb("start", "n4", "n1,n2,n3,n4")
    wait_until("n1 has entered n4", lambda: "n4" in net.votes("n1"), 20, every=0.05)
    alone = net.stamp("n1")
    net.machines.cut("n1")
    assert alone > before == net.stamp("n2") == net.stamp("n3")
    wait_until("n2 to be elected", lambda: net.ask("n2", "replSetStepUp") is not None and net.leads("n2"), 40)
    for node in ("n2", "n3"):
        net.sh(node, "ip rule del blackhole && ip rule del blackhole")
    net.machines.heal("n1")
    assert entering.wait(100) == 0
    counted, after = net.votes("n2"), net.stamp("n2")
    assert set(counted) == {"n1", "n2", "n3", "n4"} and sum(counted.values()) == 3
    assert after[0] > alone[0]
    wait_until("n1 has the others' configuration", lambda: net.stamp("n1") == after and net.votes("n1") == counted, 30)


def test_m10_the_words_of_a_member_that_cannot_resolve_another_are_known(net):
    """n1's /etc/hosts lacks n3: what mongod there says of it is told as what it is, also where n3 can be resolved."""
    net.start("n1", "n2", "n3")
    net.sh("n3", f"kill -KILL $(cat {HOME}/mongod.pid)")
    net.sh("n1", "grep -v n3 /etc/hosts > /tmp/hosts && cat /tmp/hosts > /etc/hosts")
    net.launch("n3")
    said = "n1 cannot resolve n3:27017 ("
    wait_until("n1 to say so", lambda: any(said in line for line in net.status("n2", "n1,n2,n3")), 30)
    assert any(line.startswith("n1 cannot reach n3:27017: ") for line in net.status("n1", "n1,n2,n3"))
