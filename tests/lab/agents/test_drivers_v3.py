"""`osvc-ha resource` under agent 3's app.forking: what its operators see (docs/drivers.md)."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from driver_services import ALONE, Services
from ha_lab import HaLab

pytestmark = [pytest.mark.agent, pytest.mark.timeout(300), pytest.mark.parametrize("agent", ["3"], indirect=True)]

PROGRAM = "/usr/share/osvc-ha/bin/osvc-ha"
SECONDS = 30.0


@pytest.fixture
def services(installed: HaLab) -> Iterator[Services]:
    """None yet."""
    found = Services(installed)
    yield found
    found.clear()


def section(number: int, system: str, environment: str, more: str = "") -> str:
    """A resource as docs/drivers.md has it."""
    return f"""[app#{number}]
type = forking
start = {PROGRAM} resource {system} start
stop = {PROGRAM} resource {system} stop
check = /bin/sh -c 'exec {PROGRAM} resource {system} status'
info = {PROGRAM} resource {system} info
environment = {environment}
retcodes = 0:up 1:down 2:warn 3:n/a 5:undef 126:undef 127:undef
status_log = true
start_timeout = 2m
stop_timeout = 2m
check_timeout = 30s
info_timeout = 30s
{more}
"""


def haproxy(name: str, number: int = 1, more: str = "") -> str:
    """HAProxy, with a keyword whose value has spaces."""
    environment = f"OSVC_HA_RUNTIME_DIR=/run/osvc_ha/{name} OSVC_HA_CONFIG_FILE=/etc/osvc_ha/{name}.cfg OSVC_HA_BIND="
    return section(number, "haproxy", f'{environment} "OSVC_HA_LOG=stderr format raw local0 warning"', more)


def follow(name: str, number: int = 1) -> str:
    """A follower of that HAProxy: keywords within a keyword, with quotes within quotes."""
    places = f"haproxy.runtime_dir=/run/osvc_ha/{name} haproxy.config_file=/etc/osvc_ha/{name}.cfg"
    pairs = f'{places} "haproxy.log=stderr format raw local0 warning"'
    return section(number, "follow", f"'OSVC_HA_KEYWORDS={pairs}' OSVC_HA_RUNTIME_DIR=/run/osvc_ha/{name}.follow")


def redis(number: int, port: int, more: str = "") -> str:
    """A group of one."""
    return section(number, "redis", f"OSVC_HA_PORT={port} OSVC_HA_SENTINEL_PORT=2{port}", more)


def seen(services: Services, name: str) -> dict[str, Any]:
    """The instance, evaluated now."""
    done = services.om(name, "instance status -r -o json")
    return json.loads(done.out)[0]["status"]  # type: ignore[no-any-return]


def statuses(services: Services, name: str) -> dict[str, str]:
    """Resource -> status."""
    return {rid: str(told["status"]) for rid, told in seen(services, name)["resources"].items()}


def test_a_service_of_ours_from_provision_to_drain(services: Services) -> None:
    """Provisioned it runs; a killed HAProxy is started again; a drained node has stopped all of it."""
    # Nothing that runs on may hold the agent's pipes: its action would not end.
    services.create("life", haproxy("life", 1, "restart = 2") + follow("life", 2) + redis(3, 6401))
    # Refused until the daemon has taken notice of the new service.
    services.lab.wait("provisioned", lambda: services.om("life", "provision --wait --time 60s").code == 0)
    assert statuses(services, "life") == {"app#1": "up", "app#2": "up", "app#3": "up"}
    services.sh("kill -9 $(cat /run/osvc_ha/life/haproxy.pid)")
    services.lab.wait("HAProxy runs again", lambda: statuses(services, "life")["app#1"] == "up")
    services.lab.order(ALONE, "drain", seconds=90)
    services.lab.wait("all of it is down", lambda: set(statuses(services, "life").values()) == {"down"})
    assert services.sh("pgrep -a 'haproxy|redis' || echo none") == "none\n"
    services.lab.order(ALONE, "thaw_node")


def test_what_a_start_does_is_in_the_agents_log(services: Services) -> None:
    """Each step with its reason; the log keyword's value arrived with its spaces."""
    services.create("told", haproxy("told"))
    done = services.om("told", "instance start")
    assert done.code == 0 and "stdout: start haproxy: OpenSVC starts HAProxy on this node" in done.out + done.err
    assert "log stderr format raw local0 warning\n" in services.sh("cat /etc/osvc_ha/told.cfg")
    assert services.om("told", "instance stop").code == 0 and statuses(services, "told") == {"app#1": "down"}


def test_keywords_within_a_keyword_keep_their_quotes(services: Services) -> None:
    """The follower finds the configuration as the haproxy resource wrote it, and so has nothing to do."""
    services.create("quoted", haproxy("quoted") + follow("quoted", 2))
    assert services.om("quoted", "instance start").code == 0
    told = seen(services, "quoted")["resources"]["app#2"]
    assert (told["status"], [line["message"] for line in told["log"] if line["message"].startswith("haproxy")]) == ("up", ["haproxy: up"])
    assert "write config" not in services.sh("cat /run/osvc_ha/quoted.follow/watch.log")


def test_a_keyword_from_the_future_is_a_warning(services: Services) -> None:
    """In the status and in the log; the resource does its work."""
    services.create("future", section(1, "follow", "OSVC_HA_COLOUR=blue OSVC_HA_RUNTIME_DIR=/run/osvc_ha/future"))
    assert services.om("future", "instance start").code == 0
    told = seen(services, "future")
    line = {"level": "warn", "message": "OSVC_HA_COLOUR: follow has no such keyword in this version; it is ignored"}
    assert told["avail"] == "up" and line in told["resources"]["app#1"]["log"]


def test_a_broken_value_is_refused_by_name(services: Services) -> None:
    """The start fails with the sentence, which the status has too, percent sign and all; another service of the node runs on."""
    services.create("good", follow("good"))
    assert services.om("good", "instance start").code == 0
    services.create("broken", section(1, "redis", "OSVC_HA_PORT=70%d"))
    told = seen(services, "broken")["resources"]["app#1"]
    sentence = "service prod/svc/broken: port='70%d' is not a number from 1 to 65535"
    assert (told["status"], told["log"]) == ("undef", [{"level": "warn", "message": sentence}])
    done = services.om("broken", "instance start")
    assert done.code != 0 and f"osvc-ha: {sentence}" in done.out + done.err
    assert statuses(services, "good") == {"app#1": "up"}


def test_facts_are_in_the_agents_resource_info(services: Services) -> None:
    """Names and values; the agent drops lines with more than one colon, and none of ours has."""
    services.create("facts", redis(1, 6402))
    assert services.om("facts", "instance start").code == 0
    services.om("facts", "instance resource info push")
    told = services.om("facts", "instance resource info list").out
    assert "master" in told and ALONE in told


def test_a_start_that_hangs_ends_with_our_words(services: Services) -> None:
    """By --within, before the agent's own time-out ends it without any."""
    services.create("hangs", section(1, "redis", "OSVC_HA_LAUNCH=false").replace("redis start", "redis start --within 3"))
    began = time.monotonic()
    done = services.om("hangs", "instance start")
    assert done.code != 0 and "no end after 3 s; what was done so far stays" in done.out + done.err
    assert time.monotonic() - began < SECONDS


def test_a_program_that_cannot_run_is_undef(services: Services) -> None:
    """Without the shell in `check` the agent takes one that is not there for down, and one without its interpreter for up."""
    services.create("gone", follow("gone"))
    assert services.om("gone", "instance start").code == 0
    services.sh(f"mv {PROGRAM} /tmp/program")
    try:
        for text in ("", "#!/nowhere/python3\n"):
            services.sh(f"rm -f {PROGRAM}")
            if text:
                services.write(ALONE, PROGRAM, text)
                services.sh(f"chmod +x {PROGRAM}")
            told = seen(services, "gone")["resources"]["app#1"]
            assert told["status"] == "undef" and "not found" in str(told["log"])
            assert services.om("gone", "instance start").code != 0
            assert services.om("gone", "instance stop").code != 0
    finally:
        services.sh(f"mv /tmp/program {PROGRAM}")
    assert statuses(services, "gone") == {"app#1": "up"}
