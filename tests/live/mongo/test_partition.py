"""Members on a network of their own, known by their names, of which one is cut off in the middle of a change."""

import json
import os
import shutil
import sys
from pathlib import Path

import mongo_node
import pytest
from mongods import small_mongod
from namespaces import Contents, Machines

from osvc_ha.drill.mongo_program import why_no_mongod
from osvc_ha.drill.processes import wait_until

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="namespaces need root and unshare"),
]
SCRIPT = str(Path(mongo_node.__file__).resolve())


class Net:
    """Four nodes, and what is done and asked on them."""

    def __init__(self, machines: Machines, program: str) -> None:
        self.machines = machines
        self.keywords = json.dumps({"mongod": program, "election_timeout": "2000", "ready_timeout": "40", "seedlists": f"{program}.seeds"})

    def argv(self, *words: str) -> list[str]:
        """The lab's own program."""
        return [sys.executable, SCRIPT, *words]

    def verb(self, verb: str, node: str, placed: str):
        """Begin it; the caller waits."""
        return self.machines.spawn(node, ["env", f"PYTHONPATH={os.pathsep.join(sys.path)}", *self.argv(verb, node, placed, self.keywords)])

    def ask(self, node: str, command: str):
        """A member's reply to the node itself, so that a cut does not matter; None when it has none."""
        done = self.machines.run(node, self.argv("ask", node, command), env={"PYTHONPATH": os.pathsep.join(sys.path)})
        assert done.code == 0, done.words
        return json.loads(done.out)

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
    placed = "n1,n2,n3"
    starts = [net.verb("start", node, placed) for node in ("n1", "n2", "n3")]
    assert [start.wait(60) for start in starts] == [0, 0, 0]
    assert net.votes("n1") == {"n1": 1, "n2": 1, "n3": 1}
    entering = net.verb("start", "n4", "n1,n2,n3,n4")
    wait_until("n4 is a member", lambda: "n4" in net.votes("n1"), 30)
    net.machines.cut("n1")
    wait_until("another primary", lambda: any((net.ask(node, "hello") or {}).get("isWritablePrimary") for node in ("n2", "n3")), 30)
    assert entering.wait(60) == 0
    counted = net.votes("n2")
    assert sum(counted.values()) == 3
    net.machines.heal("n1")
    wait_until("n1 has the others' configuration", lambda: net.votes("n1") == counted, 30)
    assert set(counted) == {"n1", "n2", "n3", "n4"}
