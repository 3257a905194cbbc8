"""Three real Gluster servers, each a node of a network lab with a brick of its own; a replicated volume v0 over them."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from namespaces import Contents, Machines
from volume_node import Told

from osvc_ha.systems.volumes.state.gluster import parse_up

PROGRAMS = ("glusterd", "gluster", "mount.glusterfs")
NODE = Path(__file__).with_name("volume_node.py")
ROOT = NODE.parents[2]
BRICK, PLACE = "/var/brick/v0", "/var/shop"
# A client hangs that long for a server that does not answer; 42 is the default.
PING_TIMEOUT = 3
# At its start glusterd runs the geo-replication program, which takes 10 s to say that there is none.
NO_GEOREP = "rm -f /usr/lib/*/glusterfs/gsyncd"
START = f"{NO_GEOREP}; mkdir -p /run/gluster /var/brick {PLACE}; exec glusterd -p /run/glusterd.pid </dev/null >/dev/null 2>&1"


def why_not() -> str:
    """The reason they cannot run here; empty when they can."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    if absent:
        return f"Gluster: not installed: {', '.join(absent)}"
    return "" if os.geteuid() == 0 else "Gluster: namespaces need root"


class Gluster:
    """Servers n1, n2, n3. The service is on n1."""

    def __init__(self) -> None:
        self.machines = Machines(3)

    def start(self) -> None:
        """Until the volume is started."""
        for name in self.machines.names:
            self.machines.boot(name, Contents())
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.serve, self.machines.names))
        for peer in ("n2", "n3"):
            self.until(f"peer {peer}", lambda peer=peer: self.try_("n1", f"gluster peer probe {peer}") == 0)
        bricks = " ".join(f"{name}:{BRICK}" for name in self.machines.names)
        self.until("a volume", lambda: self.try_("n1", f"gluster --mode=script volume create v0 replica 3 {bricks} force") == 0)
        self.sh("n1", f"gluster volume set v0 network.ping-timeout {PING_TIMEOUT}; gluster volume start v0")

    def serve(self, name: str) -> None:
        """Start the server of a node that has power."""
        self.sh(name, START)

    def reboot(self, name: str) -> None:
        """Give power to a node that had its power cut; its disk is as it was."""
        self.machines.boot(name, Contents())
        self.serve(name)

    def bricks_up(self) -> int:
        """How many the servers say are up."""
        done = self.machines.run("n1", ["gluster", "volume", "status", "v0", "--xml"], 60.0)
        return len(parse_up(done.out)) if done.code == 0 else 0

    def revived(self, bricks: int) -> bool:
        """Start the bricks that died; are so many up? Ask until it is so: a server that has not noticed a brick's death yet starts none."""
        self.try_("n1", "gluster volume start v0 force")
        return self.bricks_up() == bricks

    def sh(self, name: str, command: str, seconds: float = 60.0) -> str:
        """A shell command that has to work."""
        done = self.machines.run(name, ["sh", "-c", command], seconds)
        assert done.code == 0, f"{name}: {command}: {done.words}"
        return done.out

    def try_(self, name: str, command: str) -> int:
        """The exit code of one that may fail."""
        return self.machines.run(name, ["sh", "-c", command], 60.0).code

    def do(self, word: str, name: str = "n1", **keywords: Any) -> Told:
        """A verb, or ``status``, of the volume on a node."""
        given = {"kind": "glusterfs", "device": "n1:/v0", "mount": PLACE, "backup_servers": "n2 n3", "probe_seconds": 1, **keywords}
        done = self.machines.run(name, [sys.executable, str(NODE), word, json.dumps(given)], 90.0, {"PYTHONPATH": str(ROOT)})
        assert done.code == 0, done.words
        return Told(**json.loads(done.out))

    def until(self, what: str, condition: Any, seconds: float = 30.0) -> None:
        """Wait for it."""
        give_up = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < give_up, f"no {what} within {seconds:g} s"
            time.sleep(0.1)

    def close(self) -> None:
        """End them all."""
        self.machines.close()
