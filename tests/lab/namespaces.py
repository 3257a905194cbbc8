"""Cluster nodes as Linux namespaces on one network of their own. Needs root.

Nothing has a name outside: networks, mounts and processes belong to processes started here, and the kernel ends them
with the process that started them. So two labs run side by side, and a killed test run leaves nothing behind.

One process, the switch, outlives the nodes: it holds the network between them, from which an outsider can reach them,
and their disks, so that what a node wrote is there again after a power cut. The disks are in memory and end with it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from osvc_ha.host import Completed, Host

INIT = Path(__file__).resolve().with_name("node_init.py")
# Children die with the thread that started them (prctl PR_SET_PDEATHSIG), and a node with its process 1.
UNSHARE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--kill-child", "--fork", "--pid", "--net")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NETWORK = "10.77.0"
OUTSIDER = f"{NETWORK}.254"
# Where the switch sees the disks; nodes hide it behind their own.
DISKS = "/run"


@dataclass(frozen=True)
class Contents:
    """What a node has of its own: directories of this machine by where they appear, files with their text, links.

    A node sees such a directory and may write there; the directory itself stays as it is.
    """

    mounts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


def why_not() -> str:
    """The reason they cannot be made here; empty when they can."""
    return "" if os.geteuid() == 0 and shutil.which("unshare") else "namespaces need root and unshare"


def address_of(name: str) -> str:
    """n3 -> 10.77.0.3"""
    return f"{NETWORK}.{name[1:]}"


class Machines:
    """A network and the nodes on it, named n1, n2, ... with addresses 10.77.0.1, 10.77.0.2, ..."""

    def __init__(self, count: int = 3) -> None:
        self.names = tuple(f"n{number}" for number in range(1, count + 1))
        self.addresses = {name: address_of(name) for name in self.names}
        self._host = Host()
        self._parents: dict[str, subprocess.Popen[str]] = {}
        self._inits: dict[str, int] = {}
        ready = f"mount -t tmpfs -o mode=700 disks {DISKS} && echo ready && exec sleep infinity"
        self._switch = subprocess.Popen(
            [*UNSHARE, "--mount", "sh", "-c", ready], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self._await_ready("switch", self._switch)
        # Else it has the lowest address of its ports, another one when that node goes, and the others' ARP caches are wrong for 47 s.
        self._ip("link add bridge0 address 02:00:00:00:00:fe type bridge")
        for words in (f"addr add {OUTSIDER}/24 dev bridge0", "link set bridge0 up", "link set lo up"):
            self._ip(words)

    def boot(self, name: str, contents: Contents) -> None:
        """Start a node; its network is up, its agent is not. ``contents`` are for a new disk: one that it already has is kept."""
        hosts = "".join(f"{address} {node}\n" for node, address in self.addresses.items())
        wanted = {
            "name": name,
            "disk": f"{DISKS}/{name}",
            "mounts": contents.mounts,
            "links": contents.links,
            "files": {"/etc/hostname": f"{name}\n", "/etc/hosts": f"127.0.0.1 localhost\n{hosts}", **contents.files},
        }
        # From the switch's mounts: that is where the disks are.
        argv = [*UNSHARE[:3], *self._enter("switch", "-m"), *UNSHARE[3:], "--mount", "--uts", "--ipc", "/usr/bin/python3", str(INIT)]
        parent = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert parent.stdin is not None
        self._parents[name] = parent
        parent.stdin.write(json.dumps(wanted) + "\n")
        parent.stdin.close()
        self._await_ready(name, parent)
        self._connect(name)

    def run(self, name: str, argv: Sequence[str], seconds: float = 30.0, env: Optional[Mapping[str, str]] = None) -> Completed:
        """Run a program on a node to its end."""
        return self._host.run([*self._on(name, env or {}), *argv], seconds=seconds)

    def spawn(self, name: str, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start a program on a node; the caller waits for its end."""
        quiet = subprocess.DEVNULL
        return subprocess.Popen([*self._on(name, {}), *argv], stdin=quiet, stdout=quiet, stderr=quiet)

    def process(self, name: str) -> int:
        """The node's process 1, as this machine counts: its files are below /proc/<pid>/root."""
        return self._inits[name]

    def _on(self, name: str, env: Mapping[str, str]) -> tuple[str, ...]:
        variables = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **env}
        words = [f"{key}={value}" for key, value in variables.items()]
        return (*self._enter(name, "-m", "-u", "-i", "-n", "-p"), "env", "-i", *words)

    def outside(self, argv: Sequence[str]) -> list[str]:
        """How a program of this machine is run as a client on the nodes' network, at the address ``OUTSIDER``."""
        return [*self._enter("switch", "-n"), *argv]

    def cut(self, name: str) -> None:
        """Pull the network cable."""
        self._ip(f"link set port-{name} down")

    def part(self, name: str, *others: str) -> None:
        """Between a node and these nothing passes any more, in either direction; who is outside still reaches all of them."""
        for other in others:
            self._ip(f"route replace blackhole {self.addresses[other]}", name)

    def heal(self, name: str) -> None:
        """Put the cable back, and let pass what was kept from others."""
        self._ip(f"link set port-{name} up")
        if self.running(name):
            self._ip("route flush type blackhole", name)

    def kill(self, name: str) -> None:
        """Cut the power: process 1 is killed, and with it every process of the node. Its disk stays."""
        self._end(self._parents.pop(name), self._inits.pop(name))

    def wipe(self, name: str) -> None:
        """A new disk for a node without power."""
        assert not self.running(name), f"{name}: cut its power first"
        done = self._host.run([*self._enter("switch", "-m"), "rm", "-rf", f"{DISKS}/{name}"])
        assert done.code == 0, f"{name}: its disk: {done.words}"

    def running(self, name: str) -> bool:
        """Has it power?"""
        return name in self._parents and self._parents[name].poll() is None

    def close(self) -> None:
        """End every node, then the network."""
        for name in tuple(self._parents):
            self.kill(name)
        self._end(self._switch, self._inits.pop("switch"))

    def _end(self, parent: subprocess.Popen[str], init: int) -> None:
        parent.kill()
        parent.wait(timeout=10)
        assert self._host.wait(lambda: not self._host.alive(init), 10), f"process {init} outlived its parent"

    def _await_ready(self, name: str, parent: subprocess.Popen[str]) -> None:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n", f"{name}: its process 1 did not get ready"
        parent.stdout.close()
        self._inits[name] = self._child_of(parent.pid)

    def _connect(self, name: str) -> None:
        pid = self._inits[name]
        self._host.run([*self._enter("switch", "-n"), "ip", "link", "del", f"port-{name}"])
        self._ip(f"link add port-{name} type veth peer name eth0 netns {pid}")
        self._ip(f"link set port-{name} master bridge0 up")
        for words in ("link set lo up", f"addr add {self.addresses[name]}/24 dev eth0", "link set eth0 up"):
            self._ip(words, name)

    def _ip(self, words: str, name: str = "switch") -> None:
        done = self._host.run([*self._enter(name, "-n"), "ip", *words.split()])
        assert done.code == 0, f"ip {words}: {done.words}"

    def _enter(self, name: str, *namespaces: str) -> tuple[str, ...]:
        return ("nsenter", "-t", str(self._inits[name]), *namespaces, "--")

    def _child_of(self, pid: int) -> int:
        listing = Path(f"/proc/{pid}/task/{pid}/children")
        give_up = time.monotonic() + 10
        while not (words := listing.read_text().split()):
            assert time.monotonic() < give_up, "unshare started nothing; are namespaces allowed here?"
            time.sleep(0.01)
        return int(words[0])
