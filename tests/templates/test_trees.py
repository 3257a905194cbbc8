"""The service templates: the two trees declare the same, every value is documented and used, and every keyword is right."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest

from osvc_ha import PROGRAM
from osvc_ha.agents import v3
from osvc_ha.cluster.label_reader import listeners_of
from osvc_ha.cluster.label_sources import sources_of
from osvc_ha.cluster.types import Object
from osvc_ha.registry import load_system

# Only 2.1 has the first, and wants ssh and rsync for it; only 2.1 has drivers that can be missing.
OF_21 = {"sync#i0", "app#0drivers"}
VALUES_OF_21 = {"agent"}
# Beside the native driver of 3 there is a guard, and 2.1 has a driver of ours in the place of both.
OF_3 = {"app#0guard": "disk#0"}
# Where resources are that we are told of: fs#1volume of 2.1 is app#1volume of 3.
OURS = ("app#", "fs#1volume")
# A volume of one kind has no use for the keywords of another.
OF_OTHERS = {
    "volume-glusterfs": {"fsck", "fsck_timeout", "format", "ceph_user", "key_file", "ceph_conf", "ceph_filesystem"},
    "volume-cephfs": {"fsck", "fsck_timeout", "format", "backup_servers"},
}
# What says which of the two it is, and is no value.
FIXED = {"mode", "passive"}
# How each agent is told of a system; compared by what reaches the system.
TOLD = {"type", "start", "stop", "check", "info", "environment", "retcodes", "status_log", "post_unprovision"} | {
    f"{what}_timeout" for what in ("start", "stop", "check", "info")
}
# Variables that are there by chance: agent 2.1 would take them for the value of that name.
USUAL = {
    "PATH",
    "HOME",
    "USER",
    "USERNAME",
    "LOGNAME",
    "SHELL",
    "LANG",
    "TERM",
    "PWD",
    "HOST",
    "HOSTNAME",
    "GROUPS",
    "EDITOR",
    "PYTHONPATH",
}
LABEL = "osvc.l4."
# Their defaults are said in words, or are of this service: a folder, a door.
DESCRIBED = (
    "group",
    "directory",
    "haproxy_socket",
    "zone",
    "account",
    "runtime_dir",
    "replica_set",
    "bind",
    "res",
    "nodes",
    "mount",
    "log",
    "role",
    "kind",
    "device",
)
# What the first configuration of a server in a container has to hold.
FIRST = {
    "redis-sentinel": "group sentinel_port username password_file sentinel_username sentinel_password_file tls tls_ca tls_cert tls_key",
    "mongodb-replicaset": "replica_set domain allow_addresses bind keyfile username password_file tls tls_ca tls_cert_key oplog_mb",
}
# The door that a service has as it is created: its port, the server's, the check, the group, and where Sentinel is.
DOORS = {
    "redis-sentinel": (16379, 6380, "redis", "cache", 26380),
    "mongodb-replicaset": (17017, 6380, "mongo-primary", "cache", 26379),
    "postgres-drbd": (15432, 6380, "postgres", "cache", 26379),
}
# What nobody can guess: an operator gives it when the service is made.
GIVEN = {"dns": {"domain": "ha.example.com"}, "volumes": {"device": "n1:/v0"}}


def test_both_trees_hold_the_same_files(trees: dict[str, set[str]]) -> None:
    """Whoever moves from 2.1 to 3 finds every service again."""
    assert trees["2.1"] == trees["3"]


def test_both_agents_get_the_same_resources_and_values(pair: Any) -> None:
    """The same sections, the same [env] with the same defaults, and the same keywords beside those that say how to call us."""
    old, new = pair
    assert set(old.sections) - OF_21 == set(new.sections) - set(OF_3)
    for name, section in ((name, section) for name, section in new.sections.items() if name not in OF_3):
        drop = TOLD | {"blocking_pre_provision"} if name.startswith(OURS) else set()
        ours = set(old.given(name)) | set(new.given(name)) if drop else set()
        if name in OF_3.values():
            drop = {*old.sections[name], *section} - {"standby", "shared"}
        drop = drop | ours | (VALUES_OF_21 if name == "env" else set())
        kept = [{key: value for key, value in tree.items() if key not in drop} for tree in (old.sections[name], section)]
        assert kept[0] == kept[1], name


def test_the_same_keywords_reach_the_systems(pair: Any) -> None:
    """A section of 2.1 says what the environment of 3 says."""
    old, new = pair
    for rid in (name for name in new.sections if name.startswith(OURS)):
        other = OF_3.get(rid, rid)
        assert old.system_of(other) == new.system_of(rid) != ""
        given = [{key: value for key, value in tree.items() if key not in FIXED} for tree in (old.given(other), new.given(rid))]
        assert given[0] == given[1], rid


def test_agent_3_is_told_how_to_call_us(template: Any) -> None:
    """Each verb names the resource's own system; without exit codes and deadlines the agent would misread, or wait for ever.

    It is the very section that the conformance suite tries inside the agent.
    """
    for rid in (name for name in template.sections if name.startswith(OURS) and template.version == "3"):
        section, system = template.sections[rid], template.system_of(rid)
        told = v3.section(system, PROGRAM)
        assert {key: section.get(key) for key in told} == told
        assert section["post_unprovision"].startswith(f"{PROGRAM} resource {system} unprovision")
        # Where there is no such program, a shell says so; `om exec` would say up or down.
        assert section["check"] == f"/bin/sh -c 'exec /usr/share/osvc-ha/bin/osvc-ha resource {system} status'"
        assert section["retcodes"] == "0:up 1:down 2:warn 3:n/a 5:undef 126:undef 127:undef"
        assert {f"{verb}_timeout" for verb in ("start", "stop", "check", "info")} <= set(told)


def test_every_keyword_may_be_changed(template: Any) -> None:
    """Every keyword is a value of [env], whose default is the keyword's own."""
    for rid in (name for name in template.sections if template.system_of(name) not in ("", "follow")):
        given = template.given(rid)
        keywords = {keyword.name: keyword for keyword in load_system(template.system_of(rid)).keywords if keyword.name != "path"}
        assert set(given) - FIXED == set(keywords) - FIXED - OF_OTHERS.get(template.name, set())
        for name, value in ((name, value) for name, value in given.items() if name not in FIXED):
            found = re.fullmatch(r"\{env\.(\w+)\}", value)
            assert found, f"{rid}: {name} = {value}"
            default = template.env[found.group(1)]
            if name not in DESCRIBED:
                assert default == keywords[name].default, name


def test_the_defaults_are_accepted(template: Any) -> None:
    """What the agents hand over when nothing was changed can be parsed."""
    for rid in (name for name in template.sections if template.system_of(name)):
        system = load_system(template.system_of(rid))
        given = {key: template.evaluated(value) for key, value in template.given(rid).items()}
        given = {**GIVEN.get(system.name, {}), **{key: value for key, value in given.items() if value}}
        if any(keyword.name == "path" for keyword in system.keywords):
            given["path"] = "prod/svc/redis"
        system.parse(given)


def test_triggers_name_keywords_that_exist(template: Any) -> None:
    """First configurations are written, and data is removed, with the keywords that the member has."""
    for rid, section in template.sections.items():
        for trigger in (
            value for key, value in section.items() if key.endswith(("provision", "pre_start")) and "osvc-ha resource" in value
        ):
            words = shlex.split(trigger)
            system = load_system(words[2])
            pairs = dict(word.partition("=")[::2] for word in words if "=" in word)
            assert set(pairs) <= {keyword.name for keyword in system.keywords}, rid
            if rid.startswith("container#"):
                member = template.given("app#1member")
                assert pairs.pop("launch") == "false"
                assert pairs == {key: member[key] for key in pairs}
                assert {"port", "directory"} <= set(pairs)


def test_a_first_configuration_is_written_as_the_member_would(template: Any) -> None:
    """What only the first configuration can carry is in the trigger: names, passwords, TLS, what the server starts with."""
    first = {rid: section for rid, section in template.sections.items() if rid[:9] == "container" and "blocking_pre_provision" in section}
    assert len(first) == (1 if template.name in FIRST else 0)
    for section in first.values():
        named = {word.partition("=")[0] for word in shlex.split(section["blocking_pre_provision"]) if "=" in word}
        assert section["blocking_pre_start"] == "{blocking_pre_provision}", "a start writes it too"
        assert set(FIRST[template.name].split()) <= named


def test_every_value_is_used_and_documented(template: Any, documented: str) -> None:
    """Each key of [env] changes something, and docs/templates.md says its default and what it is."""
    page = documented.split(f"## {template.name}.conf")[1].split("\n## ")[0]
    used = "\n".join(value for section in template.sections.values() for value in section.values())
    for key, default in template.env.items():
        if not key.startswith(LABEL):
            assert f"{{env.{key}}}" in used, key
            assert re.search(rf"^\| `{key}` \| {re.escape(f'`{default}`') if default else ''} ?\| ", page, re.MULTILINE), key
    for key in set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) - VALUES_OF_21:
        assert key in template.env, f"{key} is documented, and not there"


def test_no_value_is_cut_or_taken_from_the_environment(template: Any) -> None:
    """Agent 3 cuts a value at a # or ; that follows a space; agent 2.1 prefers a variable of the value's name."""
    for section in template.sections.values():
        assert not [value for value in section.values() if " #" in value or " ;" in value]
    assert not {key.upper() for key in template.env} & USUAL


def test_the_labels_make_one_listener(template: Any) -> None:
    """A server gets a door as it is created, with its ports and its group in the labels, and nothing to complain about."""
    owner = Object("prod/svc/cache", (), {}, config={"env": {**template.env, "port": "6380", "sentinel_port": "26380"}})
    sources, problems = sources_of(owner)
    listeners = [one for source in sources for one in listeners_of(source, (), problems)]
    assert problems == []
    told = [(one.port, one.target_port, one.check.value, one.group, one.sentinel_port) for one in listeners]
    assert told == [DOORS[name] for name in DOORS if name == template.name]


@pytest.mark.parametrize("tls", (False, True))
def test_the_door_to_mongod_is_checked_as_mongod_speaks(template: Any, tls: bool) -> None:
    """With tls=true mongod hears nobody without TLS, and that goes for HAProxy's checks too."""
    owner = Object("prod/svc/db", (), {}, config={"env": {**template.env, "tls": str(tls).lower()}})
    told = [one.check_tls for source in sources_of(owner)[0] for one in listeners_of(source, (), [])]
    assert told == [tls and template.name == "mongodb-replicaset"] * (template.name in DOORS)


CONTAINERS = {
    "redis-sentinel": {"container#1sentinel": "/sentinel", "container#2server": "/server"},
    "mongodb-replicaset": {"container#1server": ""},
}


def test_containers_start_parked_and_one_form_excludes_the_other(template: Any) -> None:
    """Processes and containers never run both, and a container has its folder under the same path."""
    folders = CONTAINERS.get(template.name, {})
    assert {rid for rid in template.sections if rid.startswith("container#")} == set(folders)
    for rid, folder in folders.items():
        section = template.sections[rid]
        assert section["disable"] == template.given("app#1member")["launch"] == "{env.processes}"
        assert f"{{env.directory}}{folder}:{{env.directory}}{folder}:rw" in section["volume_mounts"]


def test_redis_in_a_container_starts_as_a_replica_of_nobody(template: Any) -> None:
    """Its configuration may say that it is the master, as it was in an earlier life; mongod asks its set."""
    told = {rid: "--replicaof 127.0.0.1 1" in section.get("command", "") for rid, section in template.sections.items()}
    assert [rid for rid, true in told.items() if true] == ["container#2server"] * (template.name == "redis-sentinel")


def test_a_missing_or_broken_driver_is_said_on_agent_21(template: Any) -> None:
    """The guard looks for every driver that the template uses, and for what they import first; a start imports them."""
    if template.version == "2.1":
        guard = template.sections["app#0drivers"]
        used = {section["type"] for section in template.sections.values() if section.get("type", "").startswith("ha")}
        assert set(re.findall(r"/(?:app|disk|fs)/(\w+)\.py", guard["check"])) == used
        assert "/osvc_ha/agents/v2.py" in guard["check"]
        imported = re.findall(r"from site_opensvc\.drivers\.resource\.(\w+) import (\w+(?:, \w+)*)", guard["start"])
        found = {f"{group}/{name}" for group, names in imported for name in names.split(", ")}
        assert found == set(re.findall(r"/((?:app|disk|fs)/\w+)\.py", guard["check"]))


def test_what_dies_is_missed_within_a_minute(template: Any) -> None:
    """The agents restart what they look at, by themselves every ten minutes; and `monitor` would have agent 3 give up the instance."""
    restarted = [rid for rid, section in template.sections.items() if section.get("restart", "0") != "0"]
    assert template.sections["DEFAULT"].get("status_schedule") == ("@1m" if restarted else None)
    assert not [rid for rid, section in template.sections.items() if "monitor" in section]
