"""Three real Gluster servers: mounted through any of them, and a status that says what the servers would."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.timeout(240)

_LET_IT_SPLIT = ("cluster.quorum-type none", "cluster.self-heal-daemon off", "cluster.data-self-heal off", "cluster.metadata-self-heal off")
# Not the pattern itself.
_FUSE = "glusterfs [-]-process-name fuse"


def test_a_volume_is_mounted_through_whichever_server_answers(gluster: Any) -> None:
    """The first server's daemon is gone: the backup is asked; status says how many bricks are up and what a write needs."""
    begun = gluster.do("start", name="n3", device="n9:/v0", backup_servers="n1 n2")
    assert begun.error == "", begun
    assert begun.steps == ["mount"] and begun.status == "up" and begun.lines == []
    assert begun.facts["mounted"] == "n9:/v0 at /var/shop, fuse.glusterfs, rw"
    assert begun.facts["bricks up"] == "3 of 3"
    assert begun.facts["quorum"] == "auto, 2 bricks of 3 needed to write"
    assert (begun.facts["to heal"], begun.facts["split-brain"]) == ("0", "0")
    assert gluster.do("start", name="n3", device="n1:/v0", backup_servers="n9 n2").steps == [], "the same volume by another server"
    other = gluster.do("start", name="n3", device="n1:/other")
    assert other.error == "UnsafePlan" and "n9:/v0, fuse.glusterfs, is mounted at /var/shop, not n1:/other" in other.words
    ended = gluster.do("stop", name="n3", device="n9:/v0")
    assert (ended.error, ended.steps, ended.status) == ("", ["unmount"], "down")


def test_a_volume_that_is_not_there_is_said_in_glusters_words(gluster: Any) -> None:
    """mount.glusterfs only says that it failed; its log knows more, and the sentence has it."""
    told = gluster.do("start", device="n1:/nothing")
    assert told.error == "ApplyError" and told.status == "down"
    assert "Mounting glusterfs on /var/shop failed" in told.words and "/var/log/glusterfs/var-shop.log" in told.words


def test_a_client_that_hangs_hangs_nobody_else(gluster: Any) -> None:
    """The FUSE process is stopped: status warns in bounded time again and again, a start waits, a stop refuses or does as told."""
    assert gluster.do("start").status == "up"
    gluster.sh("n1", f"pkill -STOP -f '{_FUSE}'")
    for _ in range(2):
        told = gluster.do("status", health="false")
        assert told.status == "warn" and told.seconds < 6
        assert "/var/shop has not answered within 1 s" in told.lines[0]
    assert int(gluster.sh("n1", "pgrep -fc '[t]ouch.py' || true")) <= 1, "looking again and again leaves one process behind, not one each"
    started = gluster.do("start", health="false")
    assert started.error == "UnsafePlan" and "START leaves it alone, for it may come back" in started.words
    stopped = gluster.do("stop", health="false")
    assert stopped.error == "UnsafePlan" and "or set stuck=abort" in stopped.words and stopped.status == "warn"
    gluster.sh("n1", f"pkill -CONT -f '{_FUSE}'")
    assert gluster.do("status").status == "up", "it came back by itself"
    gluster.sh("n1", f"pkill -STOP -f '{_FUSE}'")
    ended = gluster.do("stop", stuck="abort", health="false")
    assert (ended.error, ended.steps, ended.status) == ("", ["abort"], "down")
    assert gluster.try_("n1", f"pgrep -f '{_FUSE}'") == 1, "no client is left that could still write"
    gluster.do("start", health="false")
    gluster.sh("n1", f"pkill -STOP -f '{_FUSE}'")
    ended = gluster.do("stop", stuck="lazy", health="false")
    assert (ended.error, ended.steps, ended.status) == ("", ["detach"], "down")
    gluster.sh("n1", f"pkill -KILL -f '{_FUSE}'")


def test_a_client_that_died_is_replaced(gluster: Any) -> None:
    """Transport endpoint is not connected: status warns, and a start unmounts and mounts."""
    assert gluster.do("start").status == "up"
    gluster.sh("n1", f"pkill -KILL -f '{_FUSE}'; while pgrep -f '{_FUSE}'; do sleep 0.05; done")
    told = gluster.do("status")
    assert told.status == "warn" and "Transport endpoint is not connected" in told.lines[0]
    again = gluster.do("start")
    assert (again.error, again.steps, again.status) == ("", ["unmount", "mount"], "up")


def test_bricks_down_heals_and_quorum_are_warnings(gluster: Any) -> None:
    """A server without power: writes go on, and status names its brick and what waits; a second one, and there is no quorum."""
    gluster.do("start")
    gluster.machines.kill("n3")
    gluster.sh("n1", "echo 1 > /var/shop/order")
    told = gluster.do("status")
    assert told.status == "up" and "brick n3:/var/brick/v0 of v0 is down" in told.lines
    assert any("entries wait to be healed" in line for line in told.lines), told
    assert told.facts["bricks up"] == "2 of 3" and told.facts["split-brain"] == "unknown"
    assert told.seconds < 8
    gluster.sh("n2", "pkill -x glusterfsd")
    gluster.until("no quorum", lambda: any("v0 has no quorum: 1 of 3 bricks are up" in line for line in gluster.do("status").lines))
    lost = gluster.do("status")
    assert lost.status in ("up", "warn") and gluster.do("start").steps == [], "a client that lost its servers is left alone: it finds them"
    gluster.until("two started bricks", lambda: gluster.revived(2))
    gluster.until("two bricks", lambda: gluster.do("status").facts.get("bricks up") == "2 of 3")
    gluster.until("an answer", lambda: gluster.do("status").status == "up")
    assert gluster.do("stop").status == "down"


def test_files_in_split_brain_are_listed(gluster: Any) -> None:
    """Two servers each took a write that the other missed: the status names the file, whose readers get errors."""
    for name in ("n3",) * (not gluster.machines.running("n3")):
        gluster.reboot(name)
    gluster.sh("n1", "; ".join(f"gluster --mode=script volume set v0 {option}" for option in _LET_IT_SPLIT))
    gluster.until("all bricks", lambda: gluster.bricks_up() == 3)
    for name in ("n1", "n2"):
        assert gluster.do("start", name=name).status == "up"
    gluster.sh("n1", "echo 0 > /var/shop/torn")
    for name, others in (("n1", ("n2", "n3")), ("n2", ("n1", "n3"))):
        for other in others:
            gluster.sh(other, "pkill -KILL -x glusterfsd; while pgrep -x glusterfsd; do sleep 0.05; done")
        gluster.until("a write", lambda name=name: gluster.try_(name, f"echo {name} > /var/shop/torn") == 0)
        gluster.until("all bricks", lambda: gluster.revived(3))
    gluster.until("a torn file", lambda: "/torn" in " ".join(gluster.do("status").lines))
    told = gluster.do("status")
    assert told.status == "up" and told.facts["split-brain"] == "1"
    # Until every index has it by name, a server may list it by its gfid too.
    assert any("split-brain and cannot be read: /torn" in line and line.endswith("; choose a copy of each") for line in told.lines)
    for name in ("n1", "n2"):
        assert gluster.do("stop", name=name).status == "down"
