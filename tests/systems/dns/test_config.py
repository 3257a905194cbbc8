"""Keywords of the dns system as an operator writes them."""

from __future__ import annotations

import pytest

from osvc_ha.cluster.seedlist import Seedlist
from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.dns.config import KEYWORDS, Config, GlobalName, Mode

HERE = {"domain": "ha.example.com"}


def test_the_domain_is_all_that_must_be_said() -> None:
    """Everything else has a default that parses."""
    config = Config.parse(HERE)
    assert (config.zone, config.path, str(config.runtime_dir)) == ("ha.example.com", "", "/run/osvc_ha/dns")
    assert Config.parse({**HERE, **{one.name: "" for one in KEYWORDS if one.name != "domain"}}) == config


def test_every_default_that_is_shown_is_the_one_that_holds() -> None:
    """The table that the agents show is no second opinion."""
    shown = {one.name: one.default for one in KEYWORDS if one.default and one.default not in ("this one", "the domain", "the zone's")}
    shown.pop("runtime_dir")
    assert Config.parse({**HERE, **shown}) == Config.parse(HERE)


def test_names_are_absolute_once_and_for_all() -> None:
    """As written: relative, @ for the domain, or already below it; upper case and other alphabets too."""
    config = Config.parse({**HERE, "ingress": "prod/svc/l4", "global": "*=round-robin @=round-robin Bücher=round-robin"})
    names = ("*.ha.example.com", "ha.example.com", "xn--bcher-kva.ha.example.com")
    assert config.global_names == tuple(GlobalName(name, Mode.ROUND_ROBIN) for name in names)


def test_two_services_have_their_own_place() -> None:
    """Of the same name in two namespaces, too."""
    places = {str(Config.parse({**HERE, "path": path}).runtime_dir) for path in ("prod/svc/dns", "test/svc/dns")}
    assert places == {"/run/osvc_ha/prod.dns.dns", "/run/osvc_ha/test.dns.dns"}


def test_a_seed_list_is_written_like_a_mongodb_uri() -> None:
    """Hosts, auth source and replica set; the usual port unless another is given."""
    config = Config.parse({**HERE, "mongo": "db=n1,n2:27018/admin?replicaSet=rs0 eu=n3?replicaSet=rs1"})
    assert config.mongo == (
        Seedlist("db", "rs0", "admin", (("n1", 27017), ("n2", 27018))),
        Seedlist("eu", "rs1", "", (("n3", 27017),)),
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"domain": ""}, "domain is missing; set it to the domain"),
        ({"domain": "a..b"}, "domain='a..b': a..b has an empty label"),
        ({"domain": "a" * 64 + ".com"}, "has 64 characters, 63 at most"),
        ({"domain": ".".join(["a" * 60] * 5)}, "has 304 characters, and a name 253 at most"),
        ({"domain": "*.example.com"}, "is a wildcard; name the domain itself"),
        ({"colour": "blue"}, "unknown keyword colour=blue; known: account,"),
        ({"zone": "example.net"}, "zone=example.net: domain=ha.example.com is not below it"),
        ({"provider": "bind"}, "provider='bind': is none of cloudflare, rfc2136"),
        ({"policy": "all"}, "policy='all': is none of upsert-only, sync"),
        ({"node_ttl": "3"}, "node_ttl='3': is not a whole number from 5 to 86400"),
        ({"node_names": "yes"}, "node_names='yes': is neither true nor false"),
        ({"global": "*=random"}, "is not <name>=<mode>, the mode one of round-robin, vip, load-balancer"),
        ({"global": "a=vip a=vip", "vip": "203.0.113.1"}, "a comes twice"),
        ({"global": "*=load-balancer", "ingress": "l4"}, "a load balancer has one host name; name the hosts"),
        ({"global": "a=round-robin"}, "set ingress to the l4 service"),
        ({"global": "a=vip"}, "set vip to the address"),
        ({"vip": "203.0.113.1, 203.0.113.2"}, "has two addresses of one family"),
        ({"vip": "www"}, "want an IPv4, an IPv6, or both separated by a comma"),
        ({"dead_node": "ingress"}, "dead_node=ingress: set ingress to the l4 service"),
        ({"global_proxied": "www"}, "global_proxied: www.ha.example.com is not in global"),
        ({"provider": "rfc2136"}, "provider=rfc2136: set server to <host>:<port>"),
        ({"provider": "rfc2136", "server": "192.0.2.1:x"}, "is not <host>:<port>, such as 192.0.2.1:53"),
        ({"provider": "rfc2136", "server": "192.0.2.1", "node_ttl": "auto"}, "a TTL of auto is Cloudflare's"),
        ({"provider": "rfc2136", "server": "192.0.2.1", "node_proxied": "true"}, "only Cloudflare has a proxy"),
        ({"provider": "rfc2136", "server": "192.0.2.1", "ingress": "l4", "global": "a=load-balancer"}, "load-balancer is Cloudflare's"),
        ({"mongo": "db"}, "'db' is not <name>=<host>[:<port>],…[/<authSource>]?replicaSet=<name>"),
        ({"mongo": "db=n1:0?replicaSet=rs0"}, "'0' is not a port"),
        ({"mongo": "db=n1,n1?replicaSet=rs0"}, "names a member twice"),
        ({"mongo": 'db=n1?replicaSet=r"0'}, "is no such name: letters, digits"),
        ({"origin_check": "udp:53"}, "is not tcp:<port>, http:<port>/<path> or https:<port>/<path>"),
        ({"token_file": "token"}, "is not an absolute path"),
        ({"timeout": "0"}, "timeout='0': is not a whole number from 1 to 300"),
        ({"ingress": "l4\nx"}, "holds a control character"),
    ],
)
def test_a_mistake_names_the_keyword_its_value_and_the_way_out(given, words) -> None:
    """Nothing is touched; the message is all that an operator needs."""
    with pytest.raises(ConfigError) as refused:
        Config.parse({**HERE, **given})
    assert words in str(refused.value)
    assert str(refused.value).startswith("dns: ")
