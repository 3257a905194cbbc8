"""What is refused, and servers that answer badly: one clear sentence each, before any deadline of an agent."""

import signal
import threading
import time

import pytest

from osvc_ha.planner.errors import ObserveError, UnsafePlan
from osvc_ha.planner.types import Status, Verb
from osvc_ha.redis_link import links
from osvc_ha.systems.redis.state import Health

pytestmark = pytest.mark.live


def test_a_master_is_not_stopped_when_no_replica_can_take_over(running):
    """OpenSVC still takes the others for up, but their servers are gone: STOP refuses, names them and the override, and changes nothing."""
    for node in ("n2", "n3"):
        running.kill(node)
    with pytest.raises(UnsafePlan, match=r"no replica can take over: n2 is absent; n3 is absent.*allow_stop_without_handover=true"):
        running.reconcile("n1", Verb.STOP)
    assert running.look().servers["n1"].min_replicas == 1
    assert running.look().servers["n1"].role == "master"
    running.reconcile("n1", Verb.STOP, allow_stop_without_handover="true")
    assert running.look().servers["n1"].health is Health.ABSENT


def test_r20_a_replica_that_sentinel_still_takes_for_out_of_sync_is_no_heir(running):
    """Sentinel promotes by what it read up to 10 s ago: without a fresh reading STOP refuses instead of aborting a failover."""
    for node in running.nodes:
        running.leave_unread(node)
    for node in running.nodes:
        running.sentinel(node, "SENTINEL", "RESET", "grp")
    with pytest.raises(UnsafePlan, match="not in sync as the Sentinels know it.*try again in 10 s"):
        running.reconcile("n1", Verb.STOP)


def test_r16_a_replica_of_priority_0_is_never_chosen(running):
    """An operator who took both replicas out by priority 0 gets a refusal instead of a failover without end."""
    for node in ("n2", "n3"):
        running.server(node, "CONFIG", "SET", "replica-priority", "0")
    with pytest.raises(UnsafePlan, match="n2 has priority 0; n3 has priority 0"):
        running.reconcile("n1", Verb.STOP)


def test_r13_another_clusters_master_under_the_same_name_is_refused(running):
    """A Sentinel of ours watches a stranger as our group: START refuses with both addresses and tells what to do."""
    running.sentinel("n2", "SENTINEL", "REMOVE", "grp")
    stranger = f"{running.addresses['n1']}:{running.spare[0]}"
    running.sentinel("n2", "SENTINEL", "MONITOR", "grp", *stranger.split(":"), "2")
    with pytest.raises(UnsafePlan, match="give one of the two groups another name") as refusal:
        running.reconcile("n2", Verb.START)
    assert stranger in str(refusal.value)
    assert f"{running.addresses['n2']}:{running.port}" in str(refusal.value)
    assert running.status("n2").status is Status.WARN


def test_a_server_that_hangs_after_accept_is_unknown_not_down(running):
    """A stopped process still accepts: status is undef within seconds, with the node's name and what to look at."""
    running.kill("n2", number=signal.SIGSTOP)
    before = time.monotonic()
    health = running.status("n2")
    running.kill("n2", number=signal.SIGCONT)
    assert health.status is Status.UNDEF
    assert "redis-server on n2: connected, but no answer in time" in health.lines[0]
    assert time.monotonic() - before < 4


def test_a_hung_peer_does_not_make_this_node_unknown(running):
    """Another node's server hangs: this node's status still comes, within the deadline."""
    running.kill("n3", number=signal.SIGSTOP)
    before = time.monotonic()
    health = running.status("n2")
    running.kill("n3", number=signal.SIGCONT)
    assert health.status is Status.UP
    assert time.monotonic() - before < 4


def test_noauth_names_the_keyword(running):
    """Somebody set a password that osvc_ha was not told: the sentence names the keyword."""
    running.server("n2", "CONFIG", "SET", "requirepass", "changed")
    links().close()
    health = running.status("n2")
    assert health.status is Status.UNDEF
    assert "NOAUTH" in health.lines[0] and "password_file" in health.lines[0]


def test_busy_tells_how_to_end_the_script(running):
    """A Lua loop blocks the server: undef, with Redis' words and the command that ends it."""
    running.server("n1", "CONFIG", "SET", "lua-time-limit", "1")
    endless = threading.Thread(target=_endless, args=(running,), daemon=True)
    endless.start()
    running.eventually(lambda: running.look().servers["n1"].health is Health.BUSY, 5)
    health = running.status("n1")
    running.server("n1", "SCRIPT", "KILL")
    endless.join(5)
    assert health.status is Status.UNDEF
    assert "BUSY" in health.lines[0] and "SCRIPT KILL" in health.lines[0]


def _endless(group):
    try:
        group.server("n1", "EVAL", "while true do end", "0")
    except ObserveError:
        return
    finally:
        links().close()


def test_masterdown_replicas_are_still_read(running):
    """Replicas that refuse stale reads answer -MASTERDOWN to clients; their state is read all the same."""
    for node in ("n2", "n3"):
        running.server(node, "CONFIG", "SET", "replica-serve-stale-data", "no")
        running.sentinel(node, "SENTINEL", "REMOVE", "grp")
    running.sentinel("n1", "SENTINEL", "REMOVE", "grp")
    running.kill("n1")
    running.eventually(lambda: not running.look().servers["n2"].link_up, 5)
    assert getattr(running.server("n2", "GET", "seed"), "code", "") == "MASTERDOWN"
    seen = running.look().servers["n2"]
    assert (seen.health, seen.role, seen.master) == (Health.ANSWERS, "slave", "n1")


def test_loading_is_waited_for(running):
    """A server that reads its data for a while is not up and not broken: START waits and ends with it in sync."""
    running.server("n1", "EVAL", "for i = 1, 4000 do redis.call('SET', 'key' .. i, 'x') end", "0")
    running.eventually(lambda: running.look().servers["n3"].keys >= 4001, 5)
    running.reconcile("n3", Verb.STOP)
    file = running.directory / "n3" / "server" / "redis.conf"
    file.write_text(file.read_text() + "key-load-delay 500\n")
    seen = []
    running.reconcile("n3", Verb.START, lambda step: seen.append((step.do, running.look().servers["n3"].health)))
    assert Health.LOADING in [health for _, health in seen]
    assert running.status("n3").status is Status.UP
