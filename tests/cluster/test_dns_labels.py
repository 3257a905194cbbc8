"""The labels osvc.dns.*, as operators write them."""

from __future__ import annotations

import pytest

from osvc_ha.cluster.dns_labels import Asked, names_asked, tcp_services
from osvc_ha.cluster.label_sources import sources_of
from osvc_ha.cluster.seedlist import Seedlist, parent_of
from osvc_ha.cluster.snapshot import public_config
from osvc_ha.cluster.types import Cluster, Instance, Node, Object

WEB = "prod/svc/web"


def asked(**config):
    """What one service with that config asks for, and what is wrong with it."""
    owner = Object(WEB, ("n1",), {"n1": Instance("n1", "up")}, config=config)
    names, problems = names_asked(Cluster("c1", "lab", "n1", {"n1": Node("n1", True)}, {WEB: owner}))
    return names, [problem.message for problem in problems]


def test_a_name_is_all_that_must_be_said() -> None:
    """It follows the instance, with the usual TTL, and is not proxied."""
    assert asked(env={"osvc.dns.name": "web"}) == ((Asked(WEB, "web"),), [])


def test_several_names_share_the_other_labels() -> None:
    """Separated by commas or spaces; one that comes twice is one."""
    env = {"osvc.dns.name": "web, www api www", "osvc.dns.target": "ingress", "osvc.dns.ttl": "120", "osvc.dns.proxied": "True"}
    names, problems = asked(env=env)
    assert names == tuple(Asked(WEB, name, "ingress", 120, True) for name in ("web", "www", "api"))
    assert problems == []


def test_labels_in_run_args_count_like_those_in_env() -> None:
    """With references to the service filled in."""
    names, problems = asked(
        **{"container#1": {"run_args": "-p 80:80 --label osvc.dns.name={name}-{namespace} --label osvc.l4.enable=true"}}
    )
    assert (names, problems) == ((Asked(WEB, "web-prod"),), [])


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"osvc.dns.ttl": "60"}, "osvc.dns.name is not set, so its other osvc.dns.* labels do nothing"),
        ({"osvc.dns.name": " "}, "is empty; name one, or remove the label"),
        ({"osvc.dns.name": "web", "osvc.dns.target": "node"}, "osvc.dns.target=node is neither instance nor ingress"),
        ({"osvc.dns.name": "web", "osvc.dns.ttl": "1"}, "osvc.dns.ttl=1 is not a whole number of seconds (5-86400)"),
        ({"osvc.dns.name": "web", "osvc.dns.proxied": "yes"}, "osvc.dns.proxied=yes is neither true nor false"),
        ({"osvc.dns.name": "web", "osvc.dns.tll": "60"}, "osvc.dns.tll=60 is not an option (name, target, ttl, proxied)"),
        ({"osvc.dns.name": "web\nevil"}, "holds a control character; remove it"),
        ({"osvc.dns.name": "web", "osvc.dns.ttl@n1": "60"}, "is not an option"),
    ],
)
def test_a_label_that_cannot_be_read_takes_the_name_out_and_is_said(env, words) -> None:
    """With the service, the label, its value, and what would do."""
    names, problems = asked(env=env)
    assert names == ()
    assert len(problems) == 1
    assert problems[0].startswith("service prod/svc/web: ")
    assert words in problems[0]


def test_labels_of_one_kind_do_not_meet_those_of_the_other() -> None:
    """osvc.l4 labels are no dns labels, nor the other way round."""
    owner = Object(WEB, ("n1",), {}, config={"env": {"osvc.l4.enable": "true", "osvc.dns.name": "web"}})
    assert [list(source.labels) for source in sources_of(owner)[0]] == [["osvc.l4.enable"]]
    assert [list(source.labels) for source in sources_of(owner, "osvc.dns.")[0]] == [["osvc.dns.name"]]


def test_a_snapshot_holds_the_labels() -> None:
    """So that the same records are planned from it."""
    config = {"container#1": {"type": "podman", "run_args": "-e PASSWORD=x --label osvc.dns.name=web --label osvc.l4.port=80"}}
    kept = public_config(config)["container#1"]["run_args"]
    assert kept == "--label=osvc.dns.name=web --label=osvc.l4.port=80"


def test_services_that_speak_tcp_are_known() -> None:
    """By the check of their listener."""
    env = {"osvc.l4.enable": "true", "osvc.l4.port": "80"}
    found = {
        path: Object(path, ("n1",), {"n1": Instance("n1", "up")}, config={"env": {**env, "osvc.l4.port": port, "osvc.l4.check": check}})
        for path, port, check in (("a/svc/redis", "6379", "redis"), ("a/svc/web", "80", "http:/"))
    }
    assert tcp_services(Cluster("c1", "lab", "n1", {"n1": Node("n1", True)}, found)) == {"a/svc/redis"}


def test_m13_members_have_to_be_below_the_hosts_parent() -> None:
    """As MongoDB's drivers count labels."""
    assert parent_of("db.ha.example.com") == "ha.example.com"
    assert parent_of("db.example.com") == "example.com"
    assert parent_of("db.lab") == "db.lab"


def test_m14_the_txt_holds_options_that_drivers_know() -> None:
    """authSource and replicaSet, nothing else."""
    assert Seedlist("db", "rs0", "admin").options == "authSource=admin&replicaSet=rs0"
    assert Seedlist("db", "rs0").options == "replicaSet=rs0"
