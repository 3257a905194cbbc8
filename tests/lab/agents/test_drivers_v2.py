"""The drivers inside agent 2.1: what its operators see, and each of its traps (docs/drivers.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from driver_services import ALONE, Services
from ha_lab import HaLab

pytestmark = [pytest.mark.agent, pytest.mark.timeout(300), pytest.mark.parametrize("agent", ["2.1"], indirect=True)]

FOLLOW = "type = hafollow\nruntime_dir = /run/osvc_ha/{0}\nsystems = haproxy\nkeywords = haproxy.runtime_dir=/run/osvc_ha/none\n"
HAPROXY = "type = hahaproxy\nruntime_dir = /run/osvc_ha/{0}\nconfig_file = /etc/osvc_ha/{0}.cfg\n"
REDIS = "type = haredis\nport = {1}\nsentinel_port = 2{1}\n"
TOUCHED = "type = forking\nstart = /usr/bin/touch /run/touched\ncheck = /usr/bin/test -e /run/touched\nstop = /bin/rm -f /run/touched\n"


@pytest.fixture
def services(installed: HaLab) -> Iterator[Services]:
    """None yet."""
    found = Services(installed)
    yield found
    found.clear()


def status_of(services: Services, name: str) -> dict[str, str]:
    """Resource -> status."""
    return {rid: str(told["status"]) for rid, told in services.seen(name)["resources"].items() if rid != "sync#i0"}


def order_of(words: str) -> list[str]:
    """The resources that an action named, in their order."""
    return list(dict.fromkeys(re.findall(r" r:(app#\w+)", words)))


def test_a_keyword_from_the_future_is_a_warning(services: Services) -> None:
    """The service is made all the same, and the validation names the keyword."""
    done = services.create("future", f"[app#1]\n{FOLLOW.format('future')}colour = blue\n")
    assert (done.code, "ignored option app#1.colour, driver hafollow" in done.err) == (0, True)
    assert "ignored option app#1.colour" in services.om("future", "validate config").err


def test_known_keywords_pass_the_validation(services: Services) -> None:
    """Without a word, scoped ones too."""
    services.create("valid", f"[app#1]\n{REDIS.format('valid', 6401)}port@n1 = 6402\n[app#2]\n{HAPROXY.format('valid')}")
    done = services.om("valid", "validate config")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_broken_value_stops_a_start_before_anything_is_touched(services: Services) -> None:
    """By name, with rc 1; the status is undef with the sentence, and what else is on the node does its work."""
    services.create("good", f"[app#1]\n{FOLLOW.format('good')}")
    assert services.om("good", "start --local").code == 0
    services.create(
        "broken", f"[app#1]\n{TOUCHED}[app#2]\n{REDIS.format('broken', 6401)}port@{ALONE} = 70000\n[app#3]\n{FOLLOW.format('broken')}"
    )
    done = services.om("broken", "start --local")
    assert done.code == 1 and "port='70000' is not a number from 1 to 65535" in done.err and "Traceback" not in done.err
    assert "app#2 conflict" in done.err and services.sh("ls /run/touched 2>/dev/null || echo none") == "none\n"
    told = services.seen("broken")["resources"]["app#2"]
    assert told["status"] == "undef" and "port='70000'" in str(told["log"])
    assert status_of(services, "good") == {"app#1": "up"}


def test_a_value_scoped_to_another_node_does_not_count_here(services: Services) -> None:
    """The mistake is another node's."""
    services.create("scoped", f"[app#1]\n{REDIS.format('scoped', 6401)}port@n1 = 70000\n")
    assert status_of(services, "scoped") == {"app#1": "down"}


def test_an_optional_resource_does_not_keep_the_others_from_starting(services: Services) -> None:
    """Its refusal is a warning."""
    services.create("optional", f"[app#1]\noptional = true\n{REDIS.format('optional', 70000)}[app#2]\n{FOLLOW.format('optional')}")
    done = services.om("optional", "start --local")
    assert done.code == 0 and "it is optional" in done.err
    assert status_of(services, "optional") == {"app#1": "undef", "app#2": "up"}


def test_native_resources_and_ours_start_and_stop_in_one_order(services: Services) -> None:
    """By their names, whoever made them: the agent could not even compare a plain driver's with its own."""
    native = "type = simple\nstart = /bin/sleep 1000000\n"
    services.create("mixed", f"[app#1]\n{native}[app#2]\n{HAPROXY.format('mixed')}[app#3]\n{native}[app#4]\n{FOLLOW.format('mixed')}")
    done = services.om("mixed", "start --local")
    assert done.code == 0 and order_of(done.out + done.err) == ["app#1", "app#2", "app#3", "app#4"]
    assert set(status_of(services, "mixed").values()) == {"up"}
    done = services.om("mixed", "stop --local")
    assert done.code == 0 and order_of(done.out + done.err) == ["app#4", "app#3", "app#2", "app#1"]
    assert set(status_of(services, "mixed").values()) == {"down"}


def test_what_was_started_is_stopped_again_when_a_later_one_fails(services: Services) -> None:
    """The agent's rollback; what ran before the start runs on."""
    services.create("rollback", f"[app#1]\n{FOLLOW.format('rollback')}[app#2]\ntype = forking\nstart = /bin/false\ncheck = /bin/false\n")
    assert services.om("rollback", "start --local").code == 1
    assert status_of(services, "rollback")["app#1"] == "down"
    assert services.om("rollback", "start --local --rid app#1").code == 0
    before = services.sh("cat /run/osvc_ha/rollback/watch.json | grep pid")
    assert services.om("rollback", "start --local").code == 1
    assert services.sh("cat /run/osvc_ha/rollback/watch.json | grep pid") == before
    assert status_of(services, "rollback")["app#1"] == "up"


def test_a_standby_resource_runs_on_when_the_instance_stops(services: Services) -> None:
    """Only --force, or the node's shutdown, ends it."""
    services.create("standby", f"[app#1]\nstandby = true\n{FOLLOW.format('standby')}")
    assert services.om("standby", "startstandby --local").code == 0
    done = services.om("standby", "stop --local")
    assert done.code == 0 and "skip 'stop' on standby resource" in done.out + done.err
    assert status_of(services, "standby") == {"app#1": "stdby up"}
    assert services.om("standby", "shutdown --local").code == 0
    assert status_of(services, "standby") == {"app#1": "stdby down"}


def test_the_agent_tracks_what_is_provisioned(services: Services) -> None:
    """Provisioning starts it, unprovisioning leaves nothing behind; a follower has nothing to provision."""
    services.create("prov", f"[app#1]\n{HAPROXY.format('prov')}[app#2]\n{FOLLOW.format('prov')}")
    told = services.seen("prov")["resources"]
    assert told["app#1"]["provisioned"]["state"] is False and "state" not in told["app#2"].get("provisioned", {})
    assert services.om("prov", "provision --local --leader --disable-rollback").code == 0
    assert status_of(services, "prov") == {"app#1": "up", "app#2": "up"}
    assert services.seen("prov")["resources"]["app#1"]["provisioned"]["state"] is True
    assert services.om("prov", "unprovision --local --leader").code == 0
    told = services.seen("prov")["resources"]
    assert (told["app#1"]["provisioned"]["state"], told["app#1"]["status"]) == (False, "down")
    assert services.sh("ls /etc/osvc_ha/prov.cfg 2>/dev/null || echo none") == "none\n"


def test_a_dry_run_shows_the_steps(services: Services) -> None:
    """And takes none of them."""
    services.create("dry", f"[app#1]\n{HAPROXY.format('dry')}")
    done = services.om("dry", "start --local --dry-run")
    assert done.code == 0 and "would start haproxy: OpenSVC starts HAProxy on this node" in done.out + done.err
    assert status_of(services, "dry") == {"app#1": "down"}


def test_facts_are_in_the_status_and_in_resinfo(services: Services) -> None:
    """As text for people, as names and values for programs."""
    services.create("facts", f"[app#1]\n{FOLLOW.format('facts')}")
    assert services.om("facts", "start --local").code == 0
    told = services.seen("facts")["resources"]["app#1"]
    assert told["info"]["pid"].isdigit() and f"info: pid: {told['info']['pid']}" in told["log"]
    assert re.search(rf"pid +{told['info']['pid']}", services.om("facts", "print resinfo").out)


def test_two_services_with_our_drivers_share_a_node(services: Services) -> None:
    """One stops, the other runs on."""
    for name in ("one", "two"):
        services.create(name, f"[app#1]\n{HAPROXY.format(name)}[app#2]\n{FOLLOW.format(name)}")
        assert services.om(name, "start --local").code == 0
    assert services.om("one", "stop --local").code == 0
    assert (set(status_of(services, "one").values()), set(status_of(services, "two").values())) == ({"down"}, {"up"})


def test_what_needs_no_cluster_stops_while_the_daemon_is_down(services: Services) -> None:
    """HAProxy and the follower end like anything else of the node; Redis refuses, and says what to do."""
    services.create("ends", f"[app#1]\n{HAPROXY.format('ends')}[app#2]\n{FOLLOW.format('ends')}")
    services.create("keeps", f"[app#1]\n{REDIS.format('keeps', 6401)}")
    assert services.om("ends", "start --local").code == 0
    services.lab.kill_daemon(ALONE)
    try:
        done = services.om("ends", "stop --local")
        assert done.code == 0, done.words
        assert services.sh("pgrep -f /etc/osvc_ha/[e]nds.cfg || echo none") == "none\n"
        assert services.sh("pgrep -f /run/osvc_ha/[e]nds || echo none") == "none\n"
        done = services.om("keeps", "stop --local --force")
        assert done.code == 1 and "start the agent (om daemon start)" in done.out + done.err
    finally:
        services.lab.order(ALONE, "run")
        services.lab.wait("the daemon again", lambda: services.lab.serves(ALONE))
