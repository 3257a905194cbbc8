"""Real DRBD under a real agent: the templates volume-drbd.conf and postgres-drbd.conf, from create to the loss of a node."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import opensvc2
import opensvc3
import pytest
from agent_lab import Agent
from uml_agents import AgentLab
from uml_contract import assert_kept
from uml_service import PASSIVE, Service

from osvc_ha.drill.uml.drbd import stand_down

pytestmark = [pytest.mark.agent, pytest.mark.drbd, pytest.mark.timeout(1800)]

AGENTS: dict[str, tuple[str, Callable[[str], Agent]]] = {"2.1": ("OSVC2_AGENT", opensvc2.agent), "3": ("OSVC3_OM", opensvc3.agent)}
SQL = "runuser -u postgres -- psql -qAtX -h /var/run/postgresql -c"
# By hand all of them: a node of this lab takes seconds for each call of om.
CONTRACT = ("start", "start_twice", "stop_twice", "status_while_stopped", "missing_program")
INSERT = f'i=1; while {SQL} "insert into t values ($i)" >/dev/null; do echo $i >>/ctl/committed; i=$((i+1)); done'


@pytest.fixture(scope="module", params=list(AGENTS))
def cluster(request: pytest.FixtureRequest) -> Iterator[AgentLab]:
    """n1, n2 and n3 under each agent that is here, with quorum; osvc_ha is installed and nothing made of it."""
    variable, make = AGENTS[request.param]
    if not os.environ.get(variable):
        pytest.skip(f"agent {request.param}: {variable} not set")
    if os.geteuid() != 0:
        pytest.skip("the nodes see root's files of this machine, as whoever starts them")
    with AgentLab(make(os.environ[variable])) as lab:
        lab.make()
        yield lab


@pytest.fixture(scope="module")
def files(cluster: AgentLab) -> Iterator[Service]:
    """volume-drbd.conf, made and provisioned."""
    service = Service(cluster, "prod/svc/files", "volume-drbd")
    service.create()
    service.provision()
    yield service


@pytest.fixture
def on_n1(files: Service) -> Service:
    """All nodes on, all well, and the volume on n1, whatever an earlier test did."""
    lab = files.lab
    lab.heal()
    off = [name for name in lab.names if not lab.nodes[name].alive]
    if off:
        lab.boot(*off)
    lab.await_whole()
    if files.told().get("n1", ("",))[0] != "up":
        files.await_placed("n2")
        files.await_good()
        files.order("switch")
    files.await_placed("n1")
    files.await_good()
    return files


def test_provisioned_it_is_mounted_on_one_node_and_stands_by_on_the_other(files: Service) -> None:
    """create and provision alone: Primary with a file system here, connected Secondary there, and all nodes are told the same."""
    files.await_good()
    assert (files.drbd("n1", "role"), files.drbd("n2", "role")) == ("Primary/Secondary", "Secondary/Primary")
    assert [files.mounted(name) for name in files.lab.names] == [True, False, False]
    for name in files.lab.names:
        told = {node: one.avail for node, one in files.lab.instances(name, files.path).items()}
        assert told == {"n1": "up", "n2": PASSIVE}, name
    assert files.lab.nodes["n3"].run("ls /etc/drbd.d/*.res").code != 0


def test_a_switch_takes_the_data_along(on_n1: Service) -> None:
    """Unmounted and demoted here, promoted and mounted there."""
    first, second = on_n1.lab.nodes["n1"], on_n1.lab.nodes["n2"]
    total = first.must(f"head -c 4M /dev/urandom >{on_n1.mount}/blob; sync; sha256sum <{on_n1.mount}/blob")
    on_n1.order("switch")
    on_n1.await_placed("n2")
    assert second.must(f"sha256sum <{on_n1.mount}/blob") == total
    assert (on_n1.drbd("n1", "role"), on_n1.mounted("n1")) == ("Secondary/Primary", False)


def test_a_dead_node_costs_no_acknowledged_write_and_comes_back_as_the_passive_side(on_n1: Service) -> None:
    """kill -9 of the writer's node: OpenSVC promotes the other by itself; the dead one returns, is resynced, and stands by."""
    lab = on_n1.lab
    on_n1.write("n1")
    lab.nodes["n1"].kill()
    on_n1.await_placed("n2", other="")
    assert on_n1.acknowledged("n1") - on_n1.held("n2") == frozenset()
    lab.boot("n1")
    on_n1.await_placed("n2")
    on_n1.await_good()
    assert (on_n1.drbd("n1", "role"), on_n1.drbd("n1", "cstate")) == ("Secondary/Primary", "Connected")


def test_a_writer_that_is_cut_off_stands_still_until_it_is_healed(on_n1: Service) -> None:
    """The cut-off Primary acknowledges nothing, the majority goes on; healed as docs/hooks.md says, nothing is lost."""
    lab, first = on_n1.lab, on_n1.lab.nodes["n1"]
    # A frozen node does not crash itself when it has lost its quorum: that would end the stand-still at once.
    lab.order("n1", "freeze_node")
    lab.until("frozen", lambda: (told := lab.told("n3")) is not None and told.nodes["n1"].frozen, bool, 60)
    on_n1.write("n1", first=1_000_000)
    lab.cut("n1")
    on_n1.await_placed("n2", other="")
    stuck = on_n1.acknowledged("n1")
    assert stuck - on_n1.held("n2") == frozenset()
    assert "suspended:fencing" in first.must(f"drbdsetup status {on_n1.res}")
    evidence = f"tail -1 /run/osvc_ha/drbd/{on_n1.res}.fence.log"
    lab.until("the handler gave up on n1", lambda: first.run(evidence).out, lambda found: '"code": 1' in str(found), 60)
    assert '"code": 7' in lab.nodes["n2"].must(evidence)
    assert on_n1.acknowledged("n1") == stuck
    on_n1.write("n2", first=2_000_000)
    on_n1.stop_writing("n2")
    lab.heal()
    res = on_n1.res
    stand_down(first, res, on_n1.mount)
    first.must(f"drbdadm up {res}")
    lab.nodes["n2"].must(f"[ $(drbdadm cstate {res}) != StandAlone ] || drbdadm connect {res}")
    on_n1.await_good()
    lab.await_whole()
    # The agent looks every ten minutes by itself, and holds its instance for up until then.
    lab.order("n1", "look", path=on_n1.path)
    lab.order("n1", "thaw_node")
    on_n1.await_placed("n2")
    assert (stuck | on_n1.acknowledged("n2")) - on_n1.held("n2") == frozenset()


def test_the_contract_of_the_driver_is_kept_inside_the_agent(cluster: AgentLab) -> None:
    """`osvc-ha conformance drbd --agent` on a node: a throwaway service of the agent's, and nothing of it is left."""
    assert_kept(cluster.nodes["n1"], CONTRACT, 1200, "--agent")


def test_postgres_keeps_what_was_committed(cluster: AgentLab) -> None:
    """Provisioning makes the database; a row is there after a switch, and each committed one after the node's death."""
    before = Service(cluster, "prod/svc/files", "volume-drbd")
    if before.told():
        before.purge()
    service = Service(cluster, "prod/svc/pg", "postgres-drbd")
    service.create()
    service.provision()
    service.await_good()
    first, second = cluster.nodes["n1"], cluster.nodes["n2"]
    first.must(f"{SQL} 'create table t (i int primary key)' && {SQL} 'insert into t values (0)'")
    service.order("switch")
    service.await_placed("n2")
    assert second.must(f"{SQL} 'select i from t'") == "0"
    committed = second.shared / "committed"
    (second.shared / "insert.sh").write_text(INSERT)
    second.must("setsid sh /ctl/insert.sh >/ctl/insert.log 2>&1 &")
    cluster.until("commits", lambda: committed.exists() and len(committed.read_text().split()) > 20, bool, 120)
    second.kill()
    service.await_placed("n1", other="")
    told = set(committed.read_text().split())
    assert told - set(first.must(f"{SQL} 'select i from t'").split()) == set()
    cluster.boot("n2")
    service.await_placed("n1")
    service.await_good()
