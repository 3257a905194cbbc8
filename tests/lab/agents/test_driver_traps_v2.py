"""What agent 2.1 would do to a driver that is broken, missing or slow, and what ours make of it (docs/drivers.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driver_services import ALONE, Services
from ha_lab import HaLab

from osvc_ha.install.places import site_drivers

pytestmark = [pytest.mark.agent, pytest.mark.timeout(300), pytest.mark.parametrize("agent", ["2.1"], indirect=True)]

AGENT = "/usr/share/opensvc"
STUB = f"{AGENT}/site_opensvc/drivers/resource/app/hafollow.py"
FOLLOW = (
    "[app#member]\ntype = hafollow\nruntime_dir = /run/osvc_ha/{0}\nsystems = haproxy\nkeywords = haproxy.runtime_dir=/run/osvc_ha/none\n"
)
# As docs/drivers.md and the templates have it.
GUARD = next(
    text
    for text in re.findall(r"```ini\n(.*?)```", (Path(__file__).parents[3] / "docs" / "drivers.md").read_text(), re.S)
    if "app#0drivers" in text
).replace("haredis", "hafollow")
PACKAGE = Path(__file__).parents[3] / "osvc_ha"
# resource.app.haredis and the like: all that are installed.
DRIVERS = [name[:-3].replace("/", ".") for name in site_drivers(PACKAGE)]
# Its arguments are modules of drivers. driver_class is the agent's own way from there to the class.
MAKE = """
import importlib, json, sys, time
import opensvc
from utilities.drivers import driver_class
from osvc_ha.agents.v2 import BROKEN
kinds = [driver_class(importlib.import_module("site_opensvc.drivers." + name)) for name in sys.argv[1:]]
for kind in kinds:
    kind(rid=kind.group + "#1")
seen = []
WATCHED = ("open", "socket", "subprocess", "os", "import")
sys.addaudithook(lambda event, words: seen.append(event) if event.partition(".")[0] in WATCHED else None)
began = time.process_time()
for number in range(100):
    for kind in kinds:
        made = kind(rid="%s#%d" % (kind.group, number), port="70000", path="nonsense", tags=set(), optional=False, unheard_of=1)
        assert made.group != "app" or made.sort_key == (made.rid, made.rid)
each = (time.process_time() - began) / 100 / len(kinds)
print(json.dumps({"made": [kind.__name__ for kind in kinds], "broken": BROKEN, "events": seen, "each": each}))
"""
# All that osvc_ha could want, and what those import first.
WANTED = (
    *("redis", "requests", "click", "yaml", "rich", "psutil", "tenacity"),
    *("pymongo", "bson", "cloudflare", "httpx", "dns"),
)
# A folder of the node itself, shown at another place.
LOCAL = "[fs#1]\ntype = havolumes\nkind = local\ndevice = /var/{0}\nmount = /var/at/{0}\n"


def made(services: Services, path: str) -> dict[str, Any]:
    """What became of all our drivers when the agent's Python made them, with this PYTHONPATH."""
    services.write(ALONE, "/tmp/make.py", MAKE)
    done = services.lab.machines.run(ALONE, ["env", f"PYTHONPATH={path}", "/usr/bin/python3", "-B", "/tmp/make.py", *DRIVERS], seconds=90.0)
    assert done.code == 0, done.words
    told: dict[str, Any] = json.loads(done.out)
    return told


@pytest.fixture
def services(installed: HaLab) -> Iterator[Services]:
    """None yet."""
    found = Services(installed)
    yield found
    found.clear()


@pytest.fixture
def package(services: Services) -> Iterator[str]:
    """A copy of the package that a test may spoil, in place of the link to it."""
    place = f"{AGENT}/osvc_ha"
    services.sh(f"cp -rL {place} /tmp/copy; mv {place} /tmp/link; mv /tmp/copy {place}")
    yield place
    services.sh(f"rm -rf {place}; mv /tmp/link {place}")


@pytest.fixture
def restored(services: Services) -> Iterator[None]:
    """For a test that moves a driver away."""
    yield
    services.sh(f"[ -e {STUB} ] || mv /tmp/stub {STUB}")


def test_a_driver_is_made_in_no_time_and_without_a_look(services: Services) -> None:
    """The daemon makes them in its own process: no file, no socket, no program, no import, whatever the keywords are."""
    told = made(services, AGENT)
    assert len(told["made"]) == len(DRIVERS) >= 8 and told["broken"] == {}
    assert (told["events"], told["each"] < 0.001) == ([], True), told["each"]


def test_the_drivers_need_nothing_beside_python(services: Services) -> None:
    """Broken packages on the agent's path, of all those that osvc_ha could want, do no harm."""
    broken = "/root/broken"
    for name in WANTED:
        services.write(ALONE, f"{broken}/{name}.py", "raise RuntimeError('a broken package')")
    told = made(services, f"{broken}:{AGENT}")
    assert len(told["made"]) == len(DRIVERS) and told["broken"] == {}
    services.sh(f"cp /etc/default/opensvc /tmp/default; echo 'PYTHONPATH={broken}; export PYTHONPATH' >>/etc/default/opensvc")
    try:
        services.create(
            "alone", FOLLOW.format("alone").replace("systems = haproxy\nkeywords = haproxy.runtime_dir=/run/osvc_ha/none\n", "")
        )
        assert services.seen("alone")["resources"]["app#member"]["status"] == "down"
        done = services.om("alone", "start --local --dry-run")
        assert done.code == 0 and "would launch watch" in done.out + done.err
    finally:
        services.sh("cp /tmp/default /etc/default/opensvc")


def test_a_system_that_cannot_be_imported_is_a_resource_all_the_same(services: Services, package: str) -> None:
    """The agent would drop it, and its start would be rc 0: it is undef and says why, and neither start nor stop succeeds."""
    services.sh(f"echo 'import no_such_module' >{package}/systems/follow/plan.py")
    assert services.create("unloaded", FOLLOW.format("unloaded")).code == 0
    told = services.seen("unloaded")["resources"]["app#member"]
    assert told["status"] == "undef"
    assert "the driver of follow cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'" in str(told["log"])
    for action in ("start", "stop"):
        done = services.om("unloaded", f"{action} --local")
        assert done.code == 1 and "the driver of follow cannot be loaded" in done.err and "Traceback" not in done.err


def test_a_fault_of_ours_is_one_line(services: Services, package: str) -> None:
    """No trace on the terminal, an error in the status, and the instance is rolled back as after any error."""
    services.create(
        "fault", "[app#1]\ntype = forking\nstart = /usr/bin/touch /run/fault\nstop = /bin/rm /run/fault\n" + FOLLOW.format("fault")
    )
    services.sh(
        f"echo 'def _launch(*words: object) -> None:\n    1 / 0\nDO = {{**DO, \"launch\": _launch}}' >>{package}/systems/follow/client.py"
    )
    done = services.om("fault", "start --local")
    assert done.code == 1 and "follow start: ZeroDivisionError: division by zero; this is a fault of osvc_ha" in done.err
    assert "Traceback" not in done.out + done.err and services.sh("ls /run/fault 2>/dev/null || echo none") == "none\n"
    services.sh(f"echo 'def observe(*words: object) -> None:\n    1 / 0' >>{package}/systems/follow/client.py")
    told = services.seen("fault")["resources"]["app#member"]
    assert told["status"] == "undef" and "error: follow status: ZeroDivisionError" in str(told["log"])


def test_without_the_guard_a_missing_driver_is_silent(services: Services, restored: None) -> None:
    """The reason for the guard: the agent starts nothing, and says that it went well."""
    services.create("silent", FOLLOW.format("silent"))
    services.sh(f"mv {STUB} /tmp/stub")
    done = services.om("silent", "start --local")
    assert (done.code, services.om("silent", "print status --refresh").out.count("member")) == (0, 0)


def test_the_guard_makes_a_missing_driver_loud(services: Services, restored: None) -> None:
    """Instance down, the sentence in its status, rc 1; once the driver is there again, the start works and the guard is n/a."""
    services.create("guarded", GUARD + FOLLOW.format("guarded"))
    services.sh(f"mv {STUB} /tmp/stub")
    told = services.seen("guarded")
    assert told["avail"] == "down" and f"not on {ALONE}: run osvc-ha install there" in str(told["resources"]["app#0drivers"]["log"])
    done = services.om("guarded", "start --local")
    assert done.code == 1 and f"the drivers of osvc_ha cannot be imported on {ALONE}: run osvc-ha install there" in done.err
    services.sh(f"mv /tmp/stub {STUB}")
    assert services.om("guarded", "start --local").code == 0
    told = services.seen("guarded")
    assert (told["avail"], told["resources"]["app#0drivers"]["status"]) == ("up", "n/a")
    assert services.om("guarded", "stop --local").code == 0 and services.seen("guarded")["avail"] == "down"


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [("def (", "SyntaxError: invalid syntax"), ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'")],
)
def test_the_guard_makes_a_broken_driver_loud(services: Services, package: str, spoiled: str, words: str) -> None:
    """All files are there and none can be imported: the start that would do nothing ends with 1, and says what the import said."""
    services.create("guarded", GUARD + FOLLOW.format("guarded"))
    services.sh(f"echo '{spoiled}' >>{package}/agents/v2.py")
    assert list(services.seen("guarded")["resources"]) == ["app#0drivers"], "the agent has dropped the other without a word"
    done = services.om("guarded", "start --local")
    assert done.code == 1 and f"the drivers of osvc_ha cannot be imported on {ALONE}" in done.err
    assert words in done.err and "Traceback" not in done.err


def test_a_volume_is_mounted_stays_and_is_unmounted(services: Services) -> None:
    """A driver of the group fs in the real agent: what is in the folder is seen at the mount while the instance is up, and not after."""
    services.sh("mkdir -p /var/goods; echo apples >/var/goods/list")
    assert services.create("goods", LOCAL.format("goods")).code == 0
    assert services.seen("goods")["avail"] == "down"
    assert services.om("goods", "start --local").code == 0
    assert services.sh("cat /var/at/goods/list") == "apples\n"
    told = services.seen("goods")
    assert (told["avail"], told["resources"]["fs#1"]["status"]) == ("up", "up")
    assert services.om("goods", "stop --local").code == 0
    assert services.seen("goods")["avail"] == "down" and services.sh("ls /var/at/goods") == ""
