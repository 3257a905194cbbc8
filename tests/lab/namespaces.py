"""Cluster nodes as Linux namespaces on one network of their own. Needs root.

Nothing has a name outside: networks, mounts and processes belong to processes started here, and the kernel ends them
with the process that started them. So two labs run side by side, and a killed test run leaves nothing behind.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from osvc_ha.host import Completed, Host

INIT = Path(__file__).with_name("node_init.py")
# Children die with the thread that started them (prctl PR_SET_PDEATHSIG), and a node with its process 1.
UNSHARE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--kill-child", "--fork", "--pid", "--net")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
NETWORK = "10.77.0"


@dataclass(frozen=True)
class Contents:
    """What a node has of its own: directories of this machine by where they appear, files with their text, links."""

    mounts: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)


class Machines:
    """A network and the nodes on it, named n1, n2, ... with addresses 10.77.0.1, 10.77.0.2, ..."""

    def __init__(self, count: int = 3) -> None:
        self.names = tuple(f"n{number}" for number in range(1, count + 1))
        self.addresses = {name: f"{NETWORK}.{number}" for number, name in enumerate(self.names, 1)}
        self._host = Host()
        self._parents: dict[str, subprocess.Popen[str]] = {}
        self._inits: dict[str, int] = {}
        self._switch = subprocess.Popen([*UNSHARE, "sleep", "infinity"], stdin=subprocess.DEVNULL, text=True)
        self._inits["switch"] = self._child_of(self._switch.pid)
        self._ip("link add bridge0 type bridge")
        self._ip("link set bridge0 up")

    def boot(self, name: str, contents: Contents) -> None:
        """Start a node; its network is up, its agent is not."""
        hosts = "".join(f"{address} {node}\n" for node, address in self.addresses.items())
        wanted = {
            "name": name,
            "mounts": contents.mounts,
            "links": contents.links,
            "files": {"/etc/hostname": f"{name}\n", "/etc/hosts": f"127.0.0.1 localhost\n{hosts}", **contents.files},
        }
        argv = [*UNSHARE, "--mount", "--uts", "--ipc", "/usr/bin/python3", str(INIT)]
        parent = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert parent.stdin is not None and parent.stdout is not None
        self._parents[name] = parent
        parent.stdin.write(json.dumps(wanted) + "\n")
        parent.stdin.close()
        assert parent.stdout.readline() == "ready\n", f"{name}: its process 1 did not get ready"
        parent.stdout.close()
        self._inits[name] = self._child_of(parent.pid)
        self._connect(name)

    def run(self, name: str, argv: Sequence[str], seconds: float = 30.0, env: Optional[Mapping[str, str]] = None) -> Completed:
        """Run a program on a node to its end."""
        variables = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", **(env or {})}
        words = [f"{key}={value}" for key, value in variables.items()]
        return self._host.run([*self._enter(name, "-m", "-u", "-i", "-n", "-p"), "env", "-i", *words, *argv], seconds=seconds)

    def cut(self, name: str) -> None:
        """Pull the network cable."""
        self._ip(f"link set port-{name} down")

    def heal(self, name: str) -> None:
        """Put it back."""
        self._ip(f"link set port-{name} up")

    def kill(self, name: str) -> None:
        """Cut the power: process 1 is killed, and with it every process of the node."""
        self._end(self._parents.pop(name), self._inits.pop(name))

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
