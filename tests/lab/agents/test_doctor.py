"""`osvc-ha doctor` in a running cluster: what an operator changes is what it finds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from agent_lab import OSVC_HA, Lab

pytestmark = [pytest.mark.agent, pytest.mark.timeout(300)]


# On a machine that others use too.
BUSY = 90.0
# A resource of ours, as either agent has it.
HAPROXY = {
    "2.1": "[app#1]\ntype = hahaproxy\nbind = {env.bind}\nhaproxy = {env.haproxy}\n",
    "3": "[app#1]\ntype = forking\nstart = /usr/share/osvc-ha/bin/osvc-ha resource haproxy start\n"
    "environment = OSVC_HA_BIND={env.bind} OSVC_HA_HAPROXY={env.haproxy}\n",
}


def examine(lab: Lab, name: str = "n1") -> dict[str, dict[str, Any]]:
    """The table, by check."""
    done = lab.osvc_ha(name, "doctor", "--format", "json", seconds=BUSY)
    assert done.code in (0, 1, 6), done.words
    told = json.loads(done.out)
    assert told["exit_code"] == done.code
    lab.seen = done.out
    return {row["name"]: row for row in told["checks"]}


def verdict(lab: Lab, check: str) -> str:
    """Of one check on n1."""
    found: str = examine(lab)[check]["verdict"]
    return found


def awaited(lab: Lab, check: str, wanted: str) -> dict[str, Any]:
    """Its row, once it is of this verdict."""
    rows: list[dict[str, Any]] = []

    def is_so() -> bool:
        rows.append(examine(lab)[check])
        return bool(rows[-1]["verdict"] == wanted)

    lab.wait(f"{check}: {wanted}", is_so)
    return rows[-1]


def write_probe(lab: Lab, sections: str) -> None:
    """A service on n1 alone, which nobody starts, as a file that its agent finds."""
    text = f"[DEFAULT]\nid = 11111111-0000-0000-0000-000000000009\nnodes = n1\n{sections}"
    done = lab.machines.run("n1", ["python3", "-c", f"open('/etc/opensvc/probe.conf', 'w').write({text!r})"])
    assert done.code == 0, done.words


def remove_probe(lab: Lab) -> None:
    """Whatever it was."""
    lab.machines.run("n1", ["om", "probe", "delete", "--local"] if lab.agent.version == "2.1" else ["om", "probe", "instance", "delete"])
    lab.machines.run("n1", ["rm", "-f", "/etc/opensvc/probe.conf"])
    lab.wait("probe gone", lambda: "root/svc/probe" not in lab.cluster("n1").objects)


@pytest.fixture
def doctored(lab: Lab) -> Iterator[Lab]:
    """The cluster, and afterwards without what a test set."""
    yield lab
    lab.order("n1", "quorum", value="false")
    lab.order("n2", "thaw_node")
    for name in lab.names:
        lab.osvc_ha(name, "install", "--uninstall", seconds=BUSY)
    lab.settle()


def test_quorum_off_and_then_on(doctored: Lab) -> None:
    """Off is a failure with the command that mends it; that command does, and then ready_period comes to matter."""
    lab = doctored
    table = examine(lab)
    assert table["quorum"]["verdict"] == "fail"
    assert table["ready period"]["verdict"] == "ok"
    done = lab.machines.run("n1", table["quorum"]["fix"].split())
    assert done.code == 0, done.words
    lab.wait("quorum on", lambda: verdict(lab, "quorum") == "ok")
    # 2 s, which is what agent 2.1 takes to crash itself.
    assert examine(lab)["ready period"]["verdict"] == ("fail" if lab.agent.version == "2.1" else "warn")


def test_a_node_without_osvc_ha_is_named(doctored: Lab) -> None:
    """Seen from another node, by its label."""
    lab = doctored
    for name in ("n1", "n2"):
        done = lab.osvc_ha(name, "install", seconds=BUSY)
        assert done.code == 0, done.words
    lab.wait("n3 is missing", lambda: examine(lab)["versions"]["found"] == "not installed on n3")
    table = examine(lab)
    assert [table[name]["verdict"] for name in ("agent", "installed", "drivers", "hook")] == ["ok"] * 4, table
    assert examine(lab, "n3")["installed"]["verdict"] == "fail"
    lab.osvc_ha("n3", "install", seconds=BUSY)
    lab.wait("all there", lambda: verdict(lab, "versions") == "ok")


def test_a_driver_that_vanished_on_another_node_is_named(doctored: Lab) -> None:
    """Agent 2.1 drops its resource there without a word; from here it is seen, and the fix brings it back."""
    lab = doctored
    if lab.agent.version == "3":
        pytest.skip("agent 3 runs commands, it imports nothing")
    for name in ("n1", "n2"):
        assert lab.osvc_ha(name, "install", seconds=BUSY).code == 0
    done = lab.machines.run(
        "n1", ["om", "probe", "create", "--kw", "nodes=n1 n2", "--kw", "app#1.type=hahaproxy", "--kw", "sync#i0.disable=true"]
    )
    assert done.code == 0, done.words
    try:
        lab.wait("n2 has it", lambda: "n2" in getattr(lab.cluster("n1").objects.get("root/svc/probe"), "instances", ()))
        assert verdict(lab, "drivers") == "ok"
        lab.machines.run("n2", ["rm", "/usr/share/opensvc/site_opensvc/drivers/resource/app/hahaproxy.py"])
        lab.machines.run("n2", ["om", "probe", "print", "status", "--refresh"])
        row = awaited(lab, "drivers", "fail")
        assert row["found"] == "app#1 of root/svc/probe is missing on n2: the agent there cannot load hahaproxy"
        fix, _, where = row["fix"].partition("  # ")
        assert where == "on n2"
        done = lab.machines.run("n2", ["sh", "-c", fix.replace("osvc-ha ", f"{OSVC_HA} ")], seconds=BUSY)
        assert done.code == 0, done.words
        awaited(lab, "drivers", "ok")
    finally:
        lab.order("n1", "purge", seconds=BUSY, path="probe")
        lab.wait("probe gone", lambda: "root/svc/probe" not in lab.cluster("n1").objects)


def test_what_agent_2_1_left_to_agent_3_is_named(doctored: Lab) -> None:
    """Its native section in a config that an upgrade took over: 3 runs the service without it, and says so nowhere."""
    lab = doctored
    if lab.agent.version != "3":
        pytest.skip("agent 2.1 loads them")
    assert verdict(lab, "drivers") == "ok"
    write_probe(lab, "[app#1]\ntype = simple\nstart = /bin/sleep 1000000\n[app#2member]\ntype = haredis\n")
    try:
        row = awaited(lab, "drivers", "fail")
        assert row["found"] == "agent 3 leaves out app#2member of root/svc/probe: its type is a driver of agent 2.1's"
        assert row["fix"].endswith("/usr/share/osvc-ha/service_templates/3")
        (told,) = json.loads(lab.machines.run("n1", ["om", "probe", "instance", "status", "-o", "json"]).out)
        assert list(told["status"]["resources"]) == ["app#1"], "the agent itself has it in the config only"
    finally:
        remove_probe(lab)


def test_a_frozen_node_is_named(doctored: Lab) -> None:
    """With the agent's own word to thaw it."""
    lab = doctored
    assert verdict(lab, "frozen nodes") == "ok"
    lab.order("n2", "freeze_node")
    lab.wait("n2 frozen", lambda: verdict(lab, "frozen nodes") == "warn")
    row = examine(lab)["frozen nodes"]
    assert "n2" in row["found"]
    done = lab.machines.run("n2", row["fix"].partition("#")[0].split())
    assert done.code == 0, done.words
    lab.wait("n2 thawed", lambda: verdict(lab, "frozen nodes") == "ok")


def test_what_the_agent_holds_is_read(doctored: Lab) -> None:
    """Its version, heartbeat, ports, the limits that its services inherit, and the peers' clocks as far as they can be told."""
    table = examine(doctored)
    assert table["agent"]["found"].startswith(f"agent {doctored.agent.version}, version ")
    assert table["heartbeat"]["found"] == "hb#1 6 s / 1 s"
    assert table["agent ports"]["verdict"] == "ok"
    assert "10000" in table["agent ports"]["found"]
    assert "open files at most" in table["open files"]["found"]
    assert table["clocks"] == {"name": "clocks", "verdict": "ok", "found": "n2, n3 within 5 s of ours", "fix": ""}, "one machine, one clock"


def test_a_program_on_a_listeners_port_is_named(doctored: Lab) -> None:
    """A service's port taken by somebody else on this node: HAProxy would not start."""
    lab = doctored
    assert verdict(lab, "listener ports") == "ok"
    code = 'import socket,time; s=socket.create_server(("", 8080)); time.sleep(600)'
    lab.machines.run("n1", ["sh", "-c", f"python3 -c '{code}' >/dev/null 2>&1 & echo $! >/run/thief"])
    lab.wait("port taken", lambda: verdict(lab, "listener ports") == "fail")
    assert "8080 of root/svc/web:main is held by python3" in examine(lab)["listener ports"]["found"]
    lab.machines.run("n1", ["sh", "-c", "kill $(cat /run/thief)"])
    lab.wait("port free", lambda: verdict(lab, "listener ports") == "ok")


def test_what_a_service_says_of_its_haproxy_counts(doctored: Lab) -> None:
    """Where it listens, and which program it is: not what a HAProxy without keywords would do."""
    lab = doctored
    assert lab.osvc_ha("n1", "install", seconds=BUSY).code == 0
    code = 'import socket,time; s=socket.create_server(("127.0.0.9", 8080)); time.sleep(600)'
    lab.machines.run("n1", ["sh", "-c", f"python3 -c '{code}' >/dev/null 2>&1 & echo $! >/run/thief"])
    awaited(lab, "listener ports", "fail")
    values = f"[env]\nbind = {lab.machines.addresses['n1']}\nhaproxy = /opt/no-haproxy\n"
    write_probe(lab, HAPROXY[lab.agent.version] + values)
    try:
        lab.wait("the service known", lambda: "root/svc/probe" in lab.cluster("n1").objects)
        table = examine(lab)
        assert table["listener ports"]["verdict"] == "ok", table["listener ports"]
        assert table["haproxy"]["found"] == "/opt/no-haproxy: not installed, and a service here runs it"
    finally:
        lab.machines.run("n1", ["sh", "-c", "kill $(cat /run/thief)"])
        remove_probe(lab)


def test_a_daemon_that_does_not_run_is_said(doctored: Lab) -> None:
    """What only it can tell is unknown, not wrong; and an install makes its links all the same."""
    lab = doctored
    lab.order("n3", "daemon_stop")
    lab.wait("n3 says so", lambda: examine(lab, "n3")["agent"]["verdict"] == "fail")
    table = examine(lab, "n3")
    assert {table[name]["verdict"] for name in ("quorum", "heartbeat", "clocks", "versions")} == {"unknown"}
    done = lab.osvc_ha("n3", "install", seconds=BUSY)
    assert done.code == (0 if lab.agent.version == "2.1" else 6), done.out
    assert lab.machines.run("n3", ["test", "-x", "/usr/share/osvc-ha/hooks/placement"]).code == 0
    lab.order("n3", "run")


def test_a_daemon_with_older_drivers_is_told_from_one_without(doctored: Lab) -> None:
    """Agent 2.1's daemon keeps the drivers that it imported: a package newer than a service that uses it asks for a restart."""
    lab = doctored
    if lab.agent.version == "3":
        pytest.skip("agent 3 runs commands, it imports nothing")
    assert lab.osvc_ha("n1", "install", seconds=BUSY).code == 0
    touch = ["touch", "--no-dereference", "/usr/share/opensvc/osvc_ha"]
    lab.machines.run("n1", touch)
    assert verdict(lab, "drivers") == "ok", "no service uses one yet"
    done = lab.machines.run("n1", ["om", "probe", "create", "--kw", "nodes=n1", "--kw", "app#1.type=hahaproxy"])
    assert done.code == 0, done.words
    try:
        lab.wait("the agent knows it", lambda: "root/svc/probe" in lab.cluster("n1").objects)
        assert verdict(lab, "drivers") == "ok", "it was made after the install, so the daemon has what was installed"
        lab.machines.run("n1", touch)
        row = examine(lab)["drivers"]
        assert row["verdict"] == "warn"
        assert "root/svc/probe" in row["found"]
        assert lab.machines.run("n1", row["fix"].split(), seconds=BUSY).code == 0
        lab.wait("restarted", lambda: verdict(lab, "drivers") == "ok")
    finally:
        lab.machines.run("n1", ["om", "probe", "delete", "--local"])
        lab.wait("probe gone", lambda: "root/svc/probe" not in lab.cluster("n1").objects)
