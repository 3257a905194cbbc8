"""Nodes that come back: empty, stale, all at once, or with a Sentinel that forgot everything."""

import re
import shutil

import pytest

from osvc_ha.planner.types import Status, Verb
from osvc_ha.systems.redis.state.replies import parse_info

pytestmark = pytest.mark.live


def test_r15_a_master_reborn_empty_never_wins(running):
    """The master dies and loses its disk; started again before Sentinel has noticed, it comes back as a replica with all the data."""
    running.server("n1", "MSET", "a", "1", "b", "2")
    running.eventually(lambda: running.look().servers["n2"].keys == 3, 5)
    running.kill("n1")
    shutil.rmtree(running.directory / "n1" / "server")
    steps = [step.do for step in running.reconcile("n1", Verb.START).steps]
    assert "wait-deposed" in steps
    assert running.master() in ("n2", "n3")
    assert {server.keys for server in running.look().servers.values()} == {3}


def test_a_master_that_was_replaced_comes_back_as_a_replica(running):
    """The old master's own configuration still says master: it is started as a replica of nobody, then follows the new one."""
    running.kill("n1")
    running.eventually(lambda: running.master() == "n2", 15)
    running.eventually(lambda: running.server("n2", "SET", "later", "1") == "OK", 5)
    running.start("n1")
    assert running.look().servers["n1"].master == "n2"
    running.eventually(lambda: running.server("n1", "GET", "later") == "1", 5)


def test_all_nodes_lost_power(running):
    """Every process is killed and every node started again: the same master, the same data, every node up."""
    running.eventually(lambda: running.server("n1", "SET", "kept", "1") == "OK")
    running.eventually(lambda: all(written(running, node) for node in running.nodes))
    for node in running.nodes:
        running.kill(node, "sentinel")
        running.kill(node)
    running.start_fast()
    assert running.server(running.master(), "GET", "kept") == "1"
    assert {running.status(node).status for node in running.nodes} == {Status.UP}


def written(group, node):
    """Has the kernel all that was acknowledged? While an fsync runs, Redis keeps writes back for up to 2 s (appendfsync everysec)."""
    held_back = parse_info(group.server(node, "INFO", "persistence"))["aof_buffer_length"]
    return group.look().servers[node].keys == 2 and held_back == "0"


def test_r1_sentinels_file_is_its_database(running):
    """Stopped and started again, a Sentinel keeps its id and its epoch: its file is not written a second time."""
    file = running.directory / "n2" / "sentinel" / "sentinel.conf"
    before = re.findall("myid .*", file.read_text())
    running.reconcile("n2", Verb.STOP)
    running.reconcile("n2", Verb.START)
    assert re.findall("myid .*", file.read_text()) == before != []


def test_r2_sentinel_has_a_directory_of_its_own_that_it_can_write(running):
    """Sentinel replaces its file by rename, which a read-only folder or a bind-mounted file would forbid."""
    folder = running.directory / "n1" / "sentinel"
    before = (folder / "sentinel.conf").stat().st_ino
    running.sentinel("n1", "SENTINEL", "FLUSHCONFIG")
    assert (folder / "sentinel.conf").stat().st_ino != before


def test_a_sentinel_restarted_with_an_empty_file_is_repaired(running):
    """Its database is gone: START writes a first one and makes it watch the group again."""
    running.kill("n2", "sentinel")
    (running.directory / "n2" / "sentinel" / "sentinel.conf").write_text("")
    running.reconcile("n2", Verb.START)
    actual = running.look()
    assert actual.sentinels["n2"].master == "n1"
    assert actual.sentinels["n2"].quorum == 2
    assert running.status("n2").status is Status.UP


def test_a_sentinel_that_forgot_the_group_is_repaired_by_the_watcher(running):
    """Running, but monitoring nothing: FOLLOW on the first node makes it watch again, with every setting."""
    running.sentinel("n3", "SENTINEL", "REMOVE", "grp")
    done = running.reconcile("n1", Verb.FOLLOW).steps
    assert [(step.do, step.on) for step in done] == [("monitor", "n3")]
    seen = running.look().sentinels["n3"]
    assert (seen.master, seen.quorum, seen.down_after, seen.failover_timeout) == ("n1", 2, 1500, 5000)
