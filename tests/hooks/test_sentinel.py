"""hooks/sentinel-reconfig under a real Sentinel that fails over."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from osvc_ha.drill.processes import Run, reserve, wait_until
from osvc_ha.redis_link import Peer, links

pytestmark = pytest.mark.live
HOOK = Path(__file__).parents[2] / "hooks" / "sentinel-reconfig"
REDIS = "port {port}\nbind {ip}\ndir {dir}\nsave ''\nreplica-announce-ip {ip}\nrepl-diskless-sync-delay 0\n"
SENTINEL = """port {port}
bind {ip}
dir {dir}
logfile {dir}/sentinel.log
protected-mode no
sentinel monitor grp {ip} {master} 1
sentinel client-reconfig-script grp {script}
sentinel down-after-milliseconds grp 1000
sentinel failover-timeout grp 5000
"""


class Group:
    """A master, a replica and one Sentinel on a loopback address."""

    def __init__(self, run: Run, ip: str, ports: tuple[int, ...], script: Path) -> None:
        self.ip = ip
        self.master, self.replica, self.sentinel = ports[:3]
        self.file = run.directory / "sentinel.conf"
        for port, more in ((self.master, ""), (self.replica, f"replicaof {ip} {self.master}\n")):
            home = run.directory / str(port)
            home.mkdir()
            (home / "redis.conf").write_text(REDIS.format(port=port, ip=ip, dir=home) + more)
            run.start(f"redis {port}", ["redis-server", str(home / "redis.conf")])
        wait_until("the replica follows", lambda: self._is_linked(), 20)
        self.file.write_text(SENTINEL.format(port=self.sentinel, ip=ip, dir=run.directory, master=self.master, script=script))
        run.start("sentinel", ["redis-sentinel", str(self.file)])
        wait_until("Sentinel knows the replica", lambda: self._field("num-slaves") == "1", 20)

    def ask(self, port: int, *command: str) -> object:
        """One command; None when nobody answers."""
        found = links().ask({Peer(self.ip, port): [command]}, 1.0)[Peer(self.ip, port)]
        return found[0] if isinstance(found, list) else None

    def master_port(self) -> str:
        """Whom the Sentinel names."""
        named = self.ask(self.sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "grp")
        return str(named[1]) if isinstance(named, list) else ""

    def _is_linked(self) -> bool:
        role = self.ask(self.replica, "ROLE")
        return isinstance(role, list) and role[:1] == ["slave"] and role[3] == "connected"

    def _field(self, name: str) -> str:
        reply = self.ask(self.sentinel, "SENTINEL", "MASTER", "grp")
        return str(dict(zip(reply[::2], reply[1::2])).get(name)) if isinstance(reply, list) else ""


@pytest.fixture
def group(node) -> Iterator[Group]:
    """Sentinel runs the hook about the watchers of ``node``, and writes down what it called it with."""
    script = node.directory / "reconfig"
    script.write_text(f'#!/bin/sh\necho "$*" >>{node.directory}/called\nexec {HOOK} --directory {node.directory} "$@"\n')
    script.chmod(0o755)
    with Run("osvc_ha-reconfig-") as run, reserve(1, 3) as reserved:
        yield Group(run, reserved.addresses[0], reserved.ports, script)
        links().close()


def test_a_failover_wakes_the_watchers(node, ear, group: Group) -> None:
    """Sentinel promotes, calls the hook with its seven words, and keeps its line when it writes its file again."""
    assert not ear.heard(0), "nobody was promoted yet"
    # Not at once: it has not heard yet what the replica says of itself.
    wait_until("it fails over", lambda: group.ask(group.sentinel, "SENTINEL", "FAILOVER", "grp") == "OK", 15)
    assert ear.heard(15)
    assert (node.directory / "called").read_text().splitlines()[0].split()[:3] == ["grp", "leader", "start"]
    wait_until("Sentinel names the replica", lambda: group.master_port() == str(group.replica), 15)
    assert f"sentinel client-reconfig-script grp {node.directory}/reconfig" in group.file.read_text().replace('"', "")


def test_sentinel_refuses_scripts_at_run_time(group: Group) -> None:
    """Unless its file says otherwise: this is why the line is to be written there, and not by a command."""
    answer = group.ask(group.sentinel, "SENTINEL", "SET", "grp", "client-reconfig-script", str(HOOK))
    assert "deny" in str(answer).lower()


@pytest.mark.parametrize("words", [[], ["grp", "leader", "start", "10.0.0.1", "6379", "10.0.0.2", "6379"], ["--bogus"], ["--seconds", "x"]])
def test_it_never_fails(words: list[str]) -> None:
    """Sentinel would call it again, and again."""
    assert subprocess.run([HOOK, *words], timeout=10, env={}).returncode == 0
