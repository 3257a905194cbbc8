"""Agent 3 takes the place of 2.1 on a node, under a follower that runs all the while."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import opensvc2
import opensvc3
import pytest
from agent_lab import OSVC_HA, Agent, Blueprint, Lab
from agreement import SHOW_STAT
from namespaces import Contents

from osvc_ha.cluster.snapshot import snapshot_of

AGENTS = [os.environ.get(name, "") for name in ("OSVC2_AGENT", "OSVC3_OM")]
pytestmark = [
    pytest.mark.agent,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not all(AGENTS) or os.geteuid() != 0, reason="an upgrade needs OSVC2_AGENT, OSVC3_OM and root"),
]
WEB = "prod/svc/web"
# Of a check: agent 3 knows a process by other variables than 2.1 gave it, and would start it once more.
CONF = """[DEFAULT]
id = 11111111-0000-0000-0000-000000000003
nodes = n1
orchestrate = ha

[app#1]
type = forking
start = /bin/touch /run/served
stop = /bin/rm -f /run/served
check = /usr/bin/test -e /run/served

[env]
osvc.l4.enable = true
osvc.l4.port = 8080
"""
BLUEPRINT = Blueprint(nodes=("n1",), objects={"/etc/opensvc/namespaces/prod/svc/web.conf": CONF}, placed={WEB: ("n1",)}, labelled=True)
OM3 = "/usr/bin/om3"
# What replaces the package: the name `om`, and no root that was 2.1's (agent 3 would look for its config below it).
INSTALL = f"mv {OM3} /usr/bin/om && rm /etc/default/opensvc"
LOG = "/var/log/watch.log"
WATCH = f"setsid {OSVC_HA} watch haproxy >{LOG} 2>&1 </dev/null &"


def with_both(old: Agent) -> Agent:
    """Agent 2.1 on a node where the binary of 3 lies ready."""

    def contents(name: str, blueprint: Blueprint) -> Contents:
        found = old.contents(name, blueprint)
        return replace(found, links={**found.links, OM3: AGENTS[1]})

    return replace(old, contents=contents)


@pytest.fixture
def node(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """One node under agent 2.1 with a service that is up, HAProxy, and a follower started by hand."""
    request.getfixturevalue("bench").clear()
    lab = Lab(with_both(opensvc2.agent(AGENTS[0])), BLUEPRINT)
    try:
        started = lab.osvc_ha("n1", "apply", "haproxy", "--verb", "start")
        assert started.code == 0, started.words
        assert lab.machines.run("n1", ["sh", "-c", WATCH]).code == 0
        yield lab
    finally:
        lab.close()


def said(lab: Lab) -> str:
    """The follower's log."""
    lab.seen = lab.machines.run("n1", ["cat", LOG]).out
    return lab.seen


def in_use(lab: Lab) -> bool:
    """May HAProxy send clients to this node's instance? Whether it answers a check is another matter."""
    done = lab.machines.run("n1", ["/usr/bin/python3", "-c", SHOW_STAT])
    header, *rows = [line.split(",") for line in done.out.strip().splitlines()]
    states = [row[header.index("status")] for row in rows if row[0].startswith("l4:prod:svc:web") and row[1] == "n1"]
    lab.seen = f"{states}; {said(lab)}"
    return bool(states) and not any(state.startswith("MAINT") for state in states)


def test_agent_3_takes_the_place_of_2_under_a_follower(node: Lab) -> None:
    """No client is sent away meanwhile; one line says that 3 is followed now; what 3 then does to the service is followed."""
    lab = node
    lab.wait("HAProxy uses the instance under 2.1", lambda: in_use(lab))
    before = snapshot_of(lab.cluster("n1"))
    lab.order("n1", "daemon_stop")
    lab.wait("2.1 is missed", lambda: "stays in force until the agent answers" in said(lab))
    assert in_use(lab)
    assert lab.machines.run("n1", ["sh", "-c", INSTALL]).code == 0
    lab.agent = opensvc3.agent(AGENTS[1])
    lab.order("n1", "run")
    lab.wait("agent 3 is followed", lambda: "agent 3 has taken the place of agent 2.1: following it" in said(lab))
    lab.wait("the service up under agent 3", lab.settled)
    assert in_use(lab)
    assert "maint" not in said(lab).lower()
    after = snapshot_of(lab.cluster("n1"))
    assert {name: after["objects"][WEB][name] for name in ("scope", "config")} == {
        name: before["objects"][WEB][name] for name in ("scope", "config")
    }
    lab.order("n1", "stop", path=WEB)
    lab.wait("the stop under agent 3 is followed", lambda: not in_use(lab))
    lab.order("n1", "start", path=WEB)
    lab.wait("the start under agent 3 is followed", lambda: in_use(lab))
