"""Keywords: what is refused, and with which words."""

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.types import Verb
from osvc_ha.systems.redis.config import KEYWORDS, parse
from osvc_ha.systems.redis.plan import desired

GOOD = {"path": "prod/svc/redis"}


def test_the_group_is_named_after_the_service():
    """Two services need no keyword to have two groups."""
    assert parse(GOOD).group == "redis"


@pytest.mark.parametrize(
    ("keyword", "value", "words"),
    (
        ("port", "70000", "port='70000' is not a number from 1 to 65535"),
        ("port", "²", "port='²' is not a number"),
        ("group", "a b", "group='a b' is not letters"),
        ("group", "a\nsentinel monitor", "group='a\\\\nsentinel monitor' is not letters"),
        ("launch", "maybe", "launch='maybe' is not true or false"),
        ("password_file", "secret", "password_file='secret' is not an absolute path"),
        ("directory", "/a b", "directory='/a b' is not an absolute path"),
        ("quorum", "0", "quorum='0' is not a number from 1"),
        ("sentinel_port", "6379", "port=6379 is also sentinel_port"),
        ("username", "ha", "username=ha without password_file"),
        ("tls", "true", "tls_ca is missing"),
        ("prot", "1", "unknown keyword prot; known are path, group, port"),
    ),
)
def test_a_bad_keyword_is_named_with_its_value(keyword, value, words):
    """The operator reads the service, the keyword, the value and what would be right."""
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")) as error:
        parse({**GOOD, keyword: value})
    assert "service prod/svc/redis" in str(error.value)


def test_every_keyword_is_explained():
    """The table in the docs and the agents' help come from these."""
    assert all(keyword.text.endswith(".") for keyword in KEYWORDS)


def cluster(addresses):
    """A cluster of these labelled nodes, all of them running the service."""
    nodes = {name: Node(name, True, labels={"osvc_ha_address": at}) for name, at in addresses.items()}
    service = Object("prod/svc/redis", tuple(addresses), {name: Instance(name, "up") for name in addresses})
    return Cluster("id", "c", "n1", nodes, {"prod/svc/redis": service})


def test_r14_a_loopback_address_is_refused():
    """A Sentinel told 127.0.0.1 watches whatever runs on its own node."""
    with pytest.raises(ConfigError, match="n2: 127.0.0.1 is a loopback address"):
        desired(parse(GOOD), cluster({"n1": "10.0.0.1", "n2": "127.0.0.1", "n3": "10.0.0.3"}), Verb.START)


def test_r14_loopback_is_right_where_every_node_has_its_own():
    """A demo on one machine."""
    addresses = {"n1": "127.0.9.1", "n2": "127.0.9.2", "n3": "127.0.9.3"}
    assert desired(parse(GOOD), cluster(addresses), Verb.START).addresses == addresses


def test_r12_min_replicas_follows_the_size_of_the_scope():
    """With three nodes a write needs a replica; with two it would stop whenever one restarts."""
    three = {"n1": "10.0.0.1", "n2": "10.0.0.2", "n3": "10.0.0.3"}
    assert desired(parse(GOOD), cluster(three), Verb.START).min_replicas == 1
    assert desired(parse(GOOD), cluster({"n1": "10.0.0.1", "n2": "10.0.0.2"}), Verb.START).min_replicas == 0
    assert desired(parse({**GOOD, "min_replicas_to_write": "2"}), cluster(three), Verb.START).min_replicas == 2


def test_an_instance_that_failed_to_start_is_no_member():
    """The group does not wait for a node that OpenSVC gave up."""
    made = cluster({"n1": "10.0.0.1", "n2": "10.0.0.2", "n3": "10.0.0.3"})
    states = {
        "n1": Instance("n1", "down", state="starting"),
        "n2": Instance("n2", "down", state="start failed"),
        "n3": Instance("n3", "down", state="starting"),
    }
    service = Object("prod/svc/redis", ("n1", "n2", "n3"), states)
    made = Cluster("id", "c", "n1", made.nodes, {"prod/svc/redis": service})
    assert desired(parse(GOOD), made, Verb.START).members == ("n1", "n3")
