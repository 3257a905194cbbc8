"""Real DRBD under START and STOP of our own, as an agent runs them: by the program, on a node."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from osvc_ha.drill.uml.drbd import DrbdLab
from osvc_ha.drill.uml.lab import SNAPSHOT
from osvc_ha.host import Completed

pytestmark = [pytest.mark.drbd, pytest.mark.timeout(300)]

PROGRAM = "/usr/share/osvc-ha/bin/osvc-ha"
MARK = "/var/lib/osvc_ha/drbd/r0.split-brain"
# In place of DRBD's programs: each word that they are asked is noted.
WRAPPERS = r"""mkdir -p /tmp/w
for p in drbdadm drbdsetup; do
    printf '#!/bin/sh\necho "$1" >>/tmp/asked\nexec %s "$@"\n' $(command -v $p) >/tmp/w/$p
    chmod 755 /tmp/w/$p
done"""
WRAPPED = "--set drbdadm=/tmp/w/drbdadm --set drbdsetup=/tmp/w/drbdsetup"


@pytest.fixture
def resource(lab: DrbdLab) -> Callable[..., Completed]:
    """Run a verb of the drbd system on a node."""

    def run(node: str, verb: str, *more: str) -> Completed:
        words = f"{PROGRAM} resource drbd {verb} --path root/svc/data --snapshot {SNAPSHOT} --set res=r0 {' '.join(more)}"
        return lab.nodes[node].run(words, 120)

    return run


def test_a_start_at_rest_runs_one_program_besides_primary(lab: DrbdLab, resource: Callable[..., Completed]) -> None:
    """On a good pair, after a status of a minute ago; the file of what drbdadm said is root's alone."""
    node = lab.nodes["n1"]
    node.must(WRAPPERS)
    assert resource("n1", "status", WRAPPED).code == 1
    assert node.must("cat /tmp/asked").split() == ["dump", "show"]
    node.must("rm /tmp/asked")
    assert (done := resource("n1", "start", WRAPPED)).code == 0, done.err
    assert node.must("cat /tmp/asked").split() == ["show", "primary"]
    assert lab.drbd("n1", "role") == "Primary/Secondary"
    assert node.must("stat -c '%a %u' /run/osvc_ha/drbd/drbdadm-dump") == "600 0"
    node.must("sed -i 's/crc32c/sha1/' /etc/drbd.d/global_common.conf; rm /tmp/asked")
    assert "the kernel runs verify-alg crc32c, the file says sha1" in resource("n1", "status", WRAPPED).err
    assert node.must("cat /tmp/asked").split() == ["dump", "show"]


def test_d8_a_cluster_that_is_quicker_than_drbd_waits_for_it(lab: DrbdLab, resource: Callable[..., Completed]) -> None:
    """The writer's node dies; DRBD takes half a minute more to notice than the cluster: the start waits, and is promoted."""
    for name in ("n1", "n2"):
        lab.nodes[name].must(
            "drbdsetup net-options 10.77.0.1:7788 10.77.0.2:7788 --timeout=250 --ping-timeout=100 --ping-int=30 || "
            "drbdsetup net-options 10.77.0.2:7788 10.77.0.1:7788 --timeout=250 --ping-timeout=100 --ping-int=30"
        )
    assert lab.promote("n1").code == 0
    lab.start_writer("n1")
    lab.nodes["n1"].kill()
    lab.await_alive("n2", "n2", "n3")
    assert lab.drbd("n2", "role") == "Secondary/Primary"
    refused = resource("n2", "check", "--set connect_timeout=0")
    assert (refused.code, "DRBD has not noticed yet" in refused.err) == (4, True)
    done = resource("n2", "start", "--set connect_timeout=100")
    assert done.code == 0, done.err
    assert done.out.splitlines()[0].startswith("wait r0: n1 is Primary of r0, and dead to a majority of the cluster")
    lab.nodes["n2"].must("mount /dev/drbd0 /srv/data")
    assert lab.acknowledged("n1") - lab.held("n2") == frozenset()


def test_a_split_brain_is_known_when_the_log_is_gone_and_the_peer_is_dead(split: DrbdLab, resource: Callable[..., Completed]) -> None:
    """Neither a start nor a reboot forgets it; a person decides, and the start is done."""
    node = split.nodes["n2"]
    node.must("umount /srv/data; drbdadm secondary r0; drbdadm adjust r0; drbdadm disconnect r0; dmesg -C")
    split.until("the mark", lambda: node.run(f"cat {MARK}").code, lambda code: code == 0, 20)
    split.nodes["n1"].kill()
    split.await_alive("n2", "n2", "n3")
    for connect in ("true", "drbdadm connect r0"):
        node.must(connect)
        refused = resource("n2", "start")
        assert (refused.code, "is marked as a split brain since" in refused.err) == (4, True), refused.err
    decided = node.run(f"{PROGRAM} drbd resolve r0 --keep n2 --yes --remote 'remote {{address}}'", 120)
    assert decided.code == 0, decided.err
    assert node.run(f"cat {MARK}").code != 0
    done = resource("n2", "start")
    assert done.code == 0, done.err
    node.must("mount /dev/drbd0 /srv/data")
    assert node.must("cat /srv/data/who") == "n2"


def test_a_stop_needs_neither_drbdadm_nor_a_file(lab: DrbdLab, resource: Callable[..., Completed]) -> None:
    """drbdadm hangs, the .res is no text, drbd.conf is gone: the role goes."""
    node = lab.nodes["n1"]
    node.must("drbdadm primary r0; printf '# M\\374ller\\n' >>/etc/drbd.d/r0.res; rm /etc/drbd.conf")
    node.must("printf '#!/bin/sh\\nexec sleep 1000\\n' >/tmp/hangs; chmod 755 /tmp/hangs")
    done = resource("n1", "stop", "--set drbdadm=/tmp/hangs")
    assert done.code == 0, done.err
    assert "Secondary" in node.must("drbdsetup role 0")


def test_the_last_node_is_promoted_by_hand_and_then_started(lab: DrbdLab, resource: Callable[..., Completed]) -> None:
    """docs/operations.md, "One node is left": neither the start nor its override can, the commands that they name can."""
    for name in ("n1", "n3"):
        lab.nodes[name].kill()
    lab.await_alive("n2", "n2")
    lab.await_told("n2", "cstate", "WFConnection")
    assert "no majority" in resource("n2", "start").err
    refused = resource("n2", "start", "--set allow_promote_alone=true")
    assert "drbdadm disk-options --fencing=dont-care r0 && drbdadm primary r0" in refused.err
    lab.nodes["n2"].must("drbdadm disk-options --fencing=dont-care r0 && drbdadm primary r0")
    assert (done := resource("n2", "start")).code == 0, done.err
    assert "run drbdadm adjust r0" in resource("n2", "status").err
