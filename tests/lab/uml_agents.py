"""A cluster of one of OpenSVC's agents on nodes that have a kernel of their own, and so real DRBD.

The nodes are those of osvc_ha/drill/uml, with two differences: what is written to a node's root is on a disk, as is DRBD's data, and is
there again after a power cut; and the agent itself runs, with osvc_ha put there by ``osvc-ha install``. In place of sshd stands remote.py.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Optional

from agent_lab import OSVC_HA, Agent, Blueprint

import osvc_ha
from osvc_ha.cluster.snapshot import cluster_from_snapshot
from osvc_ha.cluster.types import Cluster, Instance
from osvc_ha.drill.uml import guest
from osvc_ha.drill.uml.lab import Lab
from osvc_ha.host import Completed
from osvc_ha.planner.errors import HaError

ROOT_MB = 512
BLUEPRINT = Blueprint(labelled=True)
# The time-out is the agents' own default: long enough for a node that waits for its turn on a busy machine (without a majority it
# crashes itself), and longer than DRBD's.
CLUSTER_CONF = """[cluster]
id = aaaaaaaa-0000-0000-0000-000000000001
name = lab
secret = 11111111111111111111111111111111
nodes = n1 n2 n3
quorum = true

[hb#1]
type = unicast
timeout = 15s
interval = 1s
"""
NODE_CONF = """[node]
env = TST
rejoin_grace_period = 120s
ready_period = 5s

[labels]
osvc_ha_address = {address}
"""
# Beside the .res of the service. The times are short, so that a lost link is noticed within 2 s, and a resync does not creep.
COMMON = """global { usage-count no; }
common {
  disk { c-min-rate 0; resync-rate 100M; c-plan-ahead 0; }
  net { timeout 15; ping-int 1; ping-timeout 5; connect-int 1; }
}
"""
SSH = """#!/bin/sh
while [ "$1" = -o ]; do shift 2; done
exec /usr/local/bin/remote "$@"
"""
# At the first boot the node's own files; at each boot the agent where it expects itself to be, on the overlay, so that the
# checkout stays as it is. hostfs has no owners to give: cp without -p. Agent 3 runs no app without control groups, of version 1.
FURNISH = """if [ ! -e /etc/furnished ]; then
    rm -f /etc/drbd.d/*
    cp -rP /ctl/disk/. /
    touch /etc/furnished
fi
for line in $(cat /ctl/etc/mounts); do
    mkdir -p "${line#*:}"
    mount --bind "${line%%:*}" "${line#*:}"
done
mount -t tmpfs tmpfs /sys/fs/cgroup
for group in $(sed -n 's/^\\([a-z_]*\\)\t.*1$/\\1/p' /proc/cgroups); do
    mkdir /sys/fs/cgroup/$group
    mount -t cgroup -o $group cgroup /sys/fs/cgroup/$group
done
"""


class AgentLab(Lab):
    """n1, n2 and n3 under one agent, all with osvc_ha installed. ``make`` first, once."""

    memory, disk = 512, 256

    def __init__(self, agent: Agent) -> None:
        super().__init__({}, "")
        self.agent = agent

    def files(self, name: str, tree: str) -> dict[str, str]:
        """As the lab's, without DRBD's; and the node's disk beside them."""
        contents = self.agent.contents(name, BLUEPRINT)
        root = self.directory / "ctl" / name / "disk"
        own = {
            "/etc/opensvc/cluster.conf": CLUSTER_CONF,
            "/etc/opensvc/node.conf": NODE_CONF.format(address=guest.addresses(self.names)[name]),
            "/etc/drbd.d/global_common.conf": COMMON,
            "/usr/bin/ssh": SSH,
        }
        for path, text in {**contents.files, **own}.items():
            _put(root, path).write_text(text)
        for path, target in contents.links.items():
            _put(root, path).symlink_to(target)
        known = guest.files(self.names, sys.executable, tree, {}, "")
        mounts = "".join(f"{source}:{target}\n" for target, source in contents.mounts.items())
        return {"hosts": known["hosts"], "remote": known["remote"], "furnish": FURNISH, "mounts": mounts}

    def more(self, name: str) -> list[str]:
        """The disk of its root."""
        disk = self.directory / f"{name}.root"
        with open(disk, "wb") as made:
            made.truncate(ROOT_MB * 1024 * 1024)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(disk)], check=True)
        return [f"ubd1={disk}", "root_disk=/dev/ubdb"]

    def start_daemons(self, name: str) -> None:
        """The stand-in for sshd, and the agent."""
        tree = Path(osvc_ha.__file__).resolve().parents[1]
        self.nodes[name].must(f"PYTHONPATH={tree} setsid {sys.executable} -m osvc_ha.drill.uml.remote >/run/remote.log 2>&1 &")
        self.order(name, "run")

    def make(self) -> None:
        """Boot all, and install osvc_ha; in the end every agent sees every other."""
        self.boot()
        for name in self.names:
            self.until(f"{name}: an agent", lambda name=name: self.told(name), bool, 120.0)  # type: ignore[misc]
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._install, self.names))
        self.await_whole()

    def _install(self, name: str) -> None:
        # Again where om took longer than osvc-ha gives it: three of them for each node are much for a busy machine.
        self.until(f"{name}: osvc-ha install", lambda: self.nodes[name].run(f"{OSVC_HA} install", 150).code, (0).__eq__, 400.0)

    def order(self, name: str, what: str, seconds: float = 60.0, **values: str) -> str:
        """Have a node's agent do something; its output."""
        return self.nodes[name].must(shlex.join(shlex.split(self.agent.words[what].format(**values))), seconds)

    def om(self, name: str, words: str, seconds: float = 120.0) -> Completed:
        """The agent's own command on a node."""
        return self.nodes[name].run(f"om {words}", seconds)

    def told(self, name: str) -> Optional[Cluster]:
        """The cluster as a node's agent tells it; None while it tells nothing."""
        done = self.nodes[name].run(f"{OSVC_HA} snapshot", 30)
        try:
            return cluster_from_snapshot(json.loads(done.out)) if done.code == 0 else None
        except HaError:
            return None

    def alive_to(self, name: str) -> list[str]:
        """The nodes that this one's agent takes for alive."""
        cluster = self.told(name)
        return sorted(cluster.alive()) if cluster else []

    def await_whole(self, seconds: float = 120.0) -> None:
        """Until every agent sees every other."""
        for name in self.names:
            self.await_alive(name, *self.names, seconds=seconds)

    def wipe(self, name: str, device: str) -> None:
        """Nothing of DRBD on a disk any more."""
        self.nodes[name].must(f"dd if=/dev/zero of={device} bs=1M 2>/dev/null; sync; blockdev --flushbufs {device}", 60)

    def instances(self, name: str, path: str) -> dict[str, Instance]:
        """The instances of a service as a node's agent tells them."""
        cluster = self.told(name)
        found = cluster.objects.get(path) if cluster else None
        return dict(found.instances) if found else {}


def _put(root: Path, path: str) -> Path:
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    return place
