"""hooks/ under the daemons of agent 2.1 and of agent 3, with the sections that docs/hooks.md has an operator paste."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_lab import FLEX, OSVC_HA, Lab

pytestmark = [pytest.mark.agent, pytest.mark.timeout(300)]
HOOKS = Path(__file__).parents[3] / "hooks"
STABLE = "/usr/share/osvc-ha"
# How docs/hooks.md has the sections made, by agent.
SECTION = {
    "2.1": "om cluster set --kw hook#osvc_ha.events=all --kw 'hook#osvc_ha.command={command}'",
    "3": "om cluster config update --set 'hook#osvc_ha.events=NodeStale NodeAlive ForgetPeer NodeFrozen HeartbeatStale HeartbeatAlive'"
    " --set 'hook#osvc_ha.command={command}'",
}
NO_SECTION = {"2.1": "om cluster delete --rid hook#osvc_ha", "3": "om cluster config update --delete hook#osvc_ha"}
TRIGGER = {"2.1": "om {path} set --kw 'app#1.{trigger}={command}'", "3": "om {path} config update --set 'app#1.{trigger}={command}'"}
NO_TRIGGER = {"2.1": "om {path} unset --kw app#1.{trigger}", "3": "om {path} config update --unset app#1.{trigger}"}
CLUSTER_CONF = "/etc/opensvc/cluster.conf"
SERVICE_CONF = "/etc/opensvc/namespaces/prod/svc/redis.conf"
EAR = """
import os, socket
os.makedirs("/run/osvc_ha/ear", exist_ok=True)
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind("/run/osvc_ha/ear/watch.sock")
while ear.recv(10):
    open("/run/heard", "a").write("x")
"""
# In osvc-ha's place: what it was called with and what it was told, then as slow and as obedient as a file says.
TELL = """#!/bin/sh
{ echo "$*"; env | sort; } >/run/told
echo $$ >>/run/told.pids
sleep $(cat /run/slow 2>/dev/null || echo 0)
exit $(cat /run/code 2>/dev/null || echo 0)
"""


class Hooks:
    """The hooks on every node of a lab, as `osvc-ha install` leaves them."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.version = lab.agent.version

    def install(self, name: str) -> None:
        """Put them on a node."""
        self.sh(name, f"mkdir -p {STABLE}/bin /run/osvc_ha; ln -sfn {OSVC_HA} {STABLE}/bin/osvc-ha")
        self.sh(name, f"cp -rT {HOOKS} {STABLE}/hooks; printf %s {shlex.quote(TELL)} >/usr/bin/tell; chmod +x /usr/bin/tell")

    def uninstall(self, name: str) -> None:
        """Take them away again: the next test has the same nodes."""
        self.sh(name, f"rm -rf {STABLE} /usr/bin/tell")

    def section(self, command: str) -> None:
        """Make the hook section, and wait until the daemons have it."""
        self.order("n1", SECTION[self.version].format(command=command))
        for name in self.lab.names:
            self.lab.wait(f"the section on {name}", lambda name=name: command in self.sh(name, f"cat {CLUSTER_CONF}"))
        # The file comes before the daemon's look at it: an event that it takes is the proof.
        for name in self.lab.names:
            self.fire(name)
            self.lab.wait(f"the hook on {name}", lambda name=name: self.ran(name) or self.fire(name))

    def fire(self, name: str) -> bool:
        """Something happens on a node that both daemons have an event for. Not the proof that it was taken."""
        self.lab.order(name, "freeze_node")
        self.lab.order(name, "thaw_node")
        return False

    def ran(self, name: str) -> bool:
        """Has the hook done anything there since the last ``forget``?"""
        return bool(self.sh(name, "ls /run/heard /run/told /run/osvc_ha/hooks 2>/dev/null || true"))

    def forget(self) -> None:
        """As if nothing had happened yet; no watcher, no reconcile runs."""
        for name in self.lab.names:
            self.sh(name, "cat /run/ear.pid 2>/dev/null | xargs -r kill; rm -f /run/slow /run/code")
            # Each leads a session, with whatever it started in it.
            self.sh(name, "for pid in $(cat /run/told.pids 2>/dev/null); do kill -9 -- -$pid 2>/dev/null; done; true")
            self.sh(name, "rm -rf /run/ear.pid /run/heard /run/told /run/told.pids /run/osvc_ha/*")

    def listen(self, name: str) -> None:
        """A watcher's socket on a node."""
        self.sh(name, f"setsid python3 -c {shlex.quote(EAR)} >/dev/null 2>&1 </dev/null & echo $! >/run/ear.pid")
        self.lab.wait("the ear", lambda: bool(self.sh(name, "ls /run/osvc_ha/*/watch.sock 2>/dev/null || true")))

    def heard(self, name: str) -> int:
        """How many pokes a node's watcher got."""
        return len(self.sh(name, "cat /run/heard 2>/dev/null || true"))

    def trigger(self, name: str, command: str) -> None:
        """Give the flex service's resource a trigger, and wait until n1 has it."""
        self.order("n1", TRIGGER[self.version].format(path=FLEX, trigger=name, command=command))
        self.lab.wait("the trigger", lambda: command in self.sh("n1", f"cat {SERVICE_CONF}"))

    def no_trigger(self, name: str) -> None:
        """Take it away again."""
        self.order("n1", NO_TRIGGER[self.version].format(path=FLEX, trigger=name))

    def start(self) -> None:
        """Start the flex service's instance on n1."""
        words = shlex.split(self.lab.agent.words["start"].format(path=FLEX))
        # Agent 3 looks before its own `om exec` has become the program, now and then, and then calls the start failed.
        self.lab.wait("n1 to start", lambda: self.lab.machines.run("n1", words).code == 0)

    def order(self, name: str, words: str) -> None:
        """A command that an operator would type."""
        done = self.lab.machines.run(name, shlex.split(words))
        assert done.code == 0, f"{name}: {words}: {done.words}"

    def sh(self, name: str, words: str) -> str:
        """A line of shell on a node."""
        done = self.lab.machines.run(name, ["sh", "-c", words])
        assert done.code == 0, f"{name}: {words}: {done.words}"
        return done.out


@pytest.fixture
def hooks(lab: Lab) -> Iterator[Hooks]:
    """Hooks on every node, no section yet, no watcher."""
    found = Hooks(lab)
    for name in lab.names:
        found.install(name)
    found.forget()
    yield found
    found.forget()
    lab.settle()
    for name in lab.names:
        found.uninstall(name)


@pytest.fixture
def sections(hooks: Hooks) -> Iterator[Hooks]:
    """For a test that makes the hook section, which is gone afterwards."""
    yield hooks
    hooks.order("n1", NO_SECTION[hooks.version])
    for name in hooks.lab.names:
        hooks.lab.wait(f"no section on {name}", lambda name=name: "hook#" not in hooks.sh(name, f"cat {CLUSTER_CONF}"))


@pytest.fixture
def stopped(hooks: Hooks) -> Iterator[Hooks]:
    """The flex service's instance on n1 stopped, to be started with triggers; afterwards it runs without any."""
    hooks.lab.order("n1", "stop", path=FLEX)
    yield hooks
    hooks.sh("n1", "rm -f /run/code /run/slow")
    for name in ("blocking_pre_start", "post_start", "blocking_pre_stop"):
        if f"{name} =" in hooks.sh("n1", f"cat {SERVICE_CONF}"):
            hooks.no_trigger(name)
    hooks.start()
    hooks.lab.order("n1", "thaw", path=FLEX)


def test_the_daemons_events_wake_the_watchers(sections: Hooks) -> None:
    """The pasted section is taken, and each node's watcher hears what happens on its node."""
    for name in sections.lab.names:
        sections.listen(name)
    sections.section(f"{STABLE}/hooks/placement")
    for name in sections.lab.names:
        assert sections.heard(name) >= 1
        assert sections.sh(name, "ls /run/osvc_ha") == "ear\n", "a watcher heard: nothing else was run"


def test_without_a_watcher_the_daemons_hook_reconciles(sections: Hooks) -> None:
    """Each node writes its own HAProxy configuration, with both services, and no osvc-ha process was there before."""
    sections.section(f"{STABLE}/hooks/placement haproxy --set bind=127.0.0.1")
    for name in sections.lab.names:
        sections.lab.wait(
            f"{name} to converge", lambda name=name: f"{FLEX}:main" in sections.sh(name, "cat /etc/osvc_ha/haproxy.cfg || true")
        )


def test_a_slow_reconcile_blocks_no_daemon(sections: Hooks) -> None:
    """While it runs for minutes the daemon goes on, and takes the next event, which leaves its mark."""
    for name in sections.lab.names:
        sections.sh(name, "echo 600 >/run/slow")
    sections.section(f"{STABLE}/hooks/placement --program /usr/bin/tell --seconds 900 haproxy")
    for name in sections.lab.names:
        sections.fire(name)
        sections.lab.wait(
            "the mark of a second event", lambda name=name: bool(sections.sh(name, "ls /run/osvc_ha/hooks | grep again || true"))
        )
    assert sections.lab.cluster("n1").alive() == sections.lab.names


def test_a_lost_node_wakes_the_survivors(sections: Hooks) -> None:
    """After a power cut the watchers of the others hear it from their daemons."""
    lab = sections.lab
    for name in lab.names:
        sections.listen(name)
    sections.section(f"{STABLE}/hooks/placement")
    before = {name: sections.heard(name) for name in ("n1", "n2")}
    lab.machines.kill("n3")
    for name in ("n1", "n2"):
        lab.wait(f"{name} hears", lambda name=name: sections.heard(name) > before[name])
    lab.wait("n3 is missed", lambda: lab.cluster("n1").alive() == ("n1", "n2"))
    lab.settle()


def test_triggers_tell_of_whom_they_are(stopped: Hooks) -> None:
    """Keywords from the line, the service's path from the agent; `osvc-ha resource` needs no more. Then the watchers are woken."""
    stopped.listen("n1")
    stopped.trigger("post_start", f"{STABLE}/hooks/post_start --program /usr/bin/tell redis port=6380")
    stopped.start()
    told = stopped.sh("n1", "cat /run/told").splitlines()
    assert told[0] == "resource redis start --set port=6380"
    assert {f"OPENSVC_SVCPATH={FLEX}", "OPENSVC_ACTION=start"} <= set(told)
    assert [line for line in told if line.startswith("OPENSVC_RID=")] == ([] if stopped.version == "2.1" else ["OPENSVC_RID=app#1"])
    assert stopped.heard("n1") >= 1


def test_a_trigger_prepares_with_the_real_command(stopped: Hooks) -> None:
    """osvc-ha finds the agent from within its action, and writes this node's HAProxy configuration before the start."""
    stopped.trigger("blocking_pre_start", f"{STABLE}/hooks/pre_start haproxy bind=127.0.0.1 config_file=/run/from_trigger.cfg")
    stopped.start()
    assert f"{FLEX}:main" in stopped.sh("n1", "cat /run/from_trigger.cfg")


def test_a_refused_start_does_not_begin(stopped: Hooks) -> None:
    """blocking_pre_start with the exit code of an unsafe plan: the agent starts nothing."""
    stopped.sh("n1", "echo 4 >/run/code")
    stopped.trigger("blocking_pre_start", f"{STABLE}/hooks/pre_start --program /usr/bin/tell redis")
    done = stopped.lab.machines.run("n1", shlex.split(stopped.lab.agent.words["start"].format(path=FLEX)))
    assert done.code != 0
    assert stopped.sh("n1", "head -1 /run/told") == "resource redis check\n", "and nothing was written"
    assert stopped.lab.cluster("n1").object(FLEX).instances["n1"].avail == "down"


def test_a_slow_trigger_is_ended(stopped: Hooks) -> None:
    """No agent would: after its --seconds the action goes on, and the instance is up."""
    stopped.sh("n1", "echo 600 >/run/slow")
    stopped.trigger("post_start", f"{STABLE}/hooks/post_start --seconds 1 --program /usr/bin/tell redis")
    stopped.start()
    stopped.lab.wait("n1 up", lambda: stopped.lab.cluster("n3").object(FLEX).instances["n1"].avail == "up")
    assert stopped.sh("n1", "pgrep -s $(paste -sd, /run/told.pids) || true") == "", "nothing of it is left"


def test_a_failed_handover_keeps_the_resource_running(stopped: Hooks) -> None:
    """blocking_pre_stop that cannot hand over stops the stop."""
    stopped.start()
    stopped.trigger("blocking_pre_stop", f"{STABLE}/hooks/pre_stop --program /usr/bin/tell redis")
    stopped.sh("n1", "echo 4 >/run/code")
    done = stopped.lab.machines.run("n1", shlex.split(stopped.lab.agent.words["stop"].format(path=FLEX)))
    assert done.code != 0
    assert stopped.sh("n1", "head -1 /run/told") == "resource redis stop\n"
    assert stopped.lab.cluster("n1").object(FLEX).instances["n1"].avail == "up"
