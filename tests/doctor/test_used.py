"""What the services on this node ask of our systems, whatever settings.yaml says."""

from __future__ import annotations

from collections.abc import Mapping

from osvc_ha.cluster.types import Cluster, Object
from osvc_ha.doctor.used import Used, used_here
from osvc_ha.planner.errors import ObserveError

COMMAND = "/usr/share/osvc-ha/bin/osvc-ha resource {} start"
CONFIGS = {
    "prod/svc/door": {"app#1": {"type": "hahaproxy", "bind": "{env.bind}"}, "app#2": {"type": "simple", "start": "/bin/true"}},
    "prod/svc/other": {"app#1": {"type": "hahaproxy"}, "app#2": {"type": "hahaproxy", "disable": "{env.off}"}},
    "prod/svc/redis": {"app#member": {"type": "forking", "start": COMMAND.format("redis")}},
}
EVALUATED = {
    ("prod/svc/door", "app#1"): {"type": "hahaproxy", "bind": "10.0.0.1", "haproxy": "", "unheard_of": "x"},
    ("prod/svc/other", "app#1"): {"type": "hahaproxy", "credentials_dir": "/etc/other"},
    ("prod/svc/other", "app#2"): {"type": "hahaproxy", "disable": "true", "bind": "10.0.0.9"},
    ("prod/svc/redis", "app#member"): {
        "start": COMMAND.format("redis"),
        "environment": "OSVC_HA_REDIS_SERVER=/opt/redis OSVC_HA_PASSWORD_FILE=/etc/p OSVC_HA_USERNAME=",
    },
}
SETTINGS = {"haproxy": {"bind": "10.9.9.9"}, "redis": {"sentinel_password_file": "/etc/s"}, "mongo": {"keyfile": "/etc/k"}}
CLUSTER = Cluster("1", "c", "n1", {}, {path: Object(path, ("n1",), {}, config=config) for path, config in CONFIGS.items()})


def evaluated(path: str, rid: str) -> Mapping[str, str]:
    """As the agent does."""
    return EVALUATED[path, rid]


def test_the_keywords_are_those_of_the_resources_not_of_the_settings() -> None:
    """By section on 2.1, by environment on 3; what a section does not name has the default of its keyword; a disabled one is none."""
    used = used_here(CLUSTER, evaluated, SETTINGS)
    assert [(one["bind"], one["haproxy"], one["credentials_dir"]) for one in used.all_of("haproxy")] == [
        ("10.0.0.1", "haproxy", "/etc/osvc_ha/credentials"),
        ("*", "haproxy", "/etc/other"),
    ]
    assert [(one["redis_server"], one["redis_sentinel"], one["launch"]) for one in used.all_of("redis")] == [
        ("/opt/redis", "redis-sentinel", "true")
    ]
    assert sorted(used.secret_files()) == ["/etc/k", "/etc/p", "/etc/s"]
    assert used.untold == {}


def test_the_settings_count_where_no_service_has_such_a_resource() -> None:
    """As for the commands."""
    (only,) = Used(SETTINGS).all_of("haproxy")
    assert (only["bind"], only["haproxy"]) == ("10.9.9.9", "haproxy")


def test_a_resource_that_cannot_be_evaluated_is_named() -> None:
    """With the agent's words; the others are told all the same."""

    def refuse(path: str, rid: str) -> Mapping[str, str]:
        if path == "prod/svc/door":
            raise ObserveError("env.bind: no such key")
        return evaluated(path, rid)

    used = used_here(CLUSTER, refuse, SETTINGS)
    assert used.untold == {"haproxy": "app#1 of prod/svc/door: env.bind: no such key"}
    assert [one["credentials_dir"] for one in used.all_of("haproxy")] == ["/etc/other"]
