"""Keywords and names: what is refused, and with which words."""

from __future__ import annotations

import pytest

from osvc_ha.cluster.types import Cluster, Instance, Node, Object
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.mongo.client.processes import write_config
from osvc_ha.systems.mongo.config import KEYWORDS, LONGEST_DIRECTORY, Config, parse
from osvc_ha.systems.mongo.plan import desired
from osvc_ha.systems.mongo.state.firstconfig import render_mongod

GOOD = {"path": "prod/svc/db"}
LOGIN = {"keyfile": "/k", "username": "ha", "password_file": "/p"}
TLS = {"tls": "true", "tls_ca": "/ca", "tls_cert_key": "/pem"}


def test_a_section_without_keywords_works():
    """The set is named after the service; the agent tells the path."""
    config = parse(GOOD)
    assert (config.replica_set, config.port, config.directory) == ("db", 27017, "/var/lib/osvc_ha/mongo/db")
    assert {keyword.name for keyword in KEYWORDS} == set(Config.__dataclass_fields__)
    assert parse({**GOOD, **{keyword.name: "" for keyword in KEYWORDS if keyword.name != "path"}}) == config


@pytest.mark.parametrize(
    ("given", "words"),
    (
        ({"port": "70000"}, "port='70000' is not a number from 1 to 65535"),
        ({"replica_set": "a b"}, "replica_set='a b' is not letters"),
        ({"replica_set": "a&authSource=x"}, "is not letters"),
        ({"domain": "-x"}, "domain='-x' is not a domain"),
        ({"bind": "a b"}, "bind='a b' is not addresses"),
        ({"launch": "maybe"}, "launch='maybe' is not true or false"),
        ({"keyfile": "key"}, "keyfile='key' is not an absolute path"),
        ({"cache_mb": "1"}, "cache_mb='1' is not a number from 256"),
        ({"oplog_mb": "100"}, "oplog_mb='100' is not a number from 990"),
        ({"username": "ha"}, "username=ha without password_file"),
        ({"username": "ha", "password_file": "/p"}, "username=ha without keyfile"),
        ({"keyfile": "/k"}, "keyfile=/k without username"),
        ({"tls": "true"}, "tls_ca is missing"),
        ({"catch_up": "60"}, "catch_up=60 is not below step_down=60"),
        ({"srv": "db.example.com", "grace": "89"}, "grace=89 is below 90 with srv=db.example.com"),
        ({"directory": "/" + "d" * LONGEST_DIRECTORY}, "too long for a socket in it"),
        ({"prot": "1"}, "unknown keyword prot; known are path, replica_set"),
    ),
)
def test_a_bad_keyword_is_named_with_its_value(given, words):
    """The operator reads the service, the keyword, the value and what would be right."""
    with pytest.raises(ConfigError) as error:
        parse({**GOOD, **given})
    assert words in str(error.value) and "service prod/svc/db" in str(error.value)


def cluster(labels, resolved=None):
    """A cluster of these nodes with their address labels ("" for none), all of them running the service."""
    nodes = {name: Node(name, True, labels={"osvc_ha_address": at} if at else {}) for name, at in labels.items()}
    service = Object("prod/svc/db", tuple(labels), {name: Instance(name, "up") for name in labels})
    return Cluster("id", "c", "n1", nodes, {"prod/svc/db": service}, resolved=resolved or {})


def hosts(given, labels, resolved=None):
    """node -> the name of its member."""
    return dict(desired(parse({**GOOD, **given}), cluster(labels, resolved), Verb.START).hosts)


def test_m9_members_are_named_by_domain_label_or_node():
    """In this order; an address that only resolves a node's name is not what its member is called."""
    assert hosts({"domain": "db.example.com"}, {"n1": "10.0.0.1"}) == {"n1": "n1.db.example.com"}
    assert hosts({"domain": "Example.com"}, {"n1": "", "n2.example.com": ""})["n2.example.com"] == "n2.example.com"
    assert hosts({}, {"n1": "n1.lan"}) == {"n1": "n1.lan"}
    assert hosts({}, {"n1": ""}, {"n1": "10.0.0.1"}) == {"n1": "n1"}


def test_m9_an_address_is_refused_unless_allowed():
    """The manual asks for names since 5.0, and a certificate, a horizon and an SRV record all need one."""
    with pytest.raises(ConfigError, match=r"n1 is known by the address 10.0.0.1.*set domain"):
        hosts({}, {"n1": "10.0.0.1"})
    assert hosts({"allow_addresses": "true"}, {"n1": "10.0.0.1"}) == {"n1": "10.0.0.1"}


def test_a_loopback_address_is_refused_unless_each_node_has_its_own():
    """It leads every other member to itself."""
    with pytest.raises(ConfigError, match="n2: 127.0.0.1 is a loopback address"):
        hosts({"allow_addresses": "true"}, {"n1": "10.0.0.1", "n2": "127.0.0.1"})
    assert len(hosts({"allow_addresses": "true"}, {"n1": "127.0.1.1", "n2": "127.0.1.2"})) == 2


def test_two_nodes_of_one_name_are_refused():
    """One member cannot be on two nodes."""
    with pytest.raises(ConfigError, match="n1 and n2 would both be DB.lan"):
        hosts({}, {"n1": "db.lan", "n2": "DB.lan"})


def test_a_node_outside_the_scope_is_refused():
    """The resource is n/a there."""
    made = cluster({"n2": "n2.lan"})
    with pytest.raises(ConfigError, match="n1 is not in its scope"):
        desired(parse(GOOD), Cluster("id", "c", "n1", made.nodes, made.objects), Verb.START)


def test_an_instance_that_failed_or_is_leaving_is_no_member():
    """The set waits for nobody that OpenSVC gave up, and hands over to nobody that it stops."""
    states = {
        "n1": Instance("n1", "down", state="starting"),
        "n2": Instance("n2", "down", state="start failed"),
        "n3": Instance("n3", "up", state="stopping"),
        "n4": Instance("n4", "up"),
    }
    made = cluster({node: f"{node}.lan" for node in states})
    service = Object("prod/svc/db", tuple(states), states)
    wanted = desired(parse(GOOD), Cluster("id", "c", "n1", made.nodes, {"prod/svc/db": service}), Verb.START)
    assert (wanted.members, wanted.staying) == (("n1", "n4"), ("n4",))


def test_priorities_follow_the_scope_and_a_new_node_changes_nobodys():
    """The first is preferred; 0 would mean "never primary"."""
    short, long = (desired(parse(GOOD), cluster({f"n{one}": f"n{one}.lan" for one in range(1, many)}), Verb.START) for many in (3, 130))
    assert [short.priority(node) for node in ("n1", "n2")] == [long.priority(node) for node in ("n1", "n2")] == [100, 99]
    assert min(long.priority(node) for node in long.scope) == 1


def test_mongod_conf_is_what_the_keywords_say():
    """The whole file, TLS and login included."""
    text = render_mongod(parse({**GOOD, **LOGIN, **TLS, "cache_mb": "512", "oplog_mb": "990"}), "n1.db.lan")
    for line in (
        'replSetName: "db"',
        "oplogSizeMB: 990",
        "port: 27017",
        'bindIp: "n1.db.lan,localhost"',
        'keyFile: "/k"',
        "cacheSizeGB: 0.5",
        "logAppend: true",
        'logRotate: "reopen"',
        "quiet: true",
        "suppressNoTLSPeerCertificateWarning: true",
    ):
        assert f"  {line}\n" in text
    for line in ('mode: "requireTLS"', 'CAFile: "/ca"', 'certificateKeyFile: "/pem"', "allowConnectionsWithoutCertificates: true"):
        assert f"    {line}\n" in text


def test_mongod_conf_holds_no_secret(tmp_path, host):
    """As it is written: the keyfile is named, what is in it is not, nor the password or where that is; and it is its owner's alone."""
    keyfile, password = tmp_path / "keyfile", tmp_path / "the-password"
    keyfile.write_text("c2VjcmV0a2V5")
    password.write_text("hunter2\n")
    given = {"keyfile": str(keyfile), "username": "ha", "password_file": str(password), "directory": str(tmp_path / "db")}
    step = Step("write-config", "n1", "", (("host", "n1.db.lan:27017"),))
    write_config(parse({**GOOD, **given}), step, host)
    made = tmp_path / "db" / "mongod.conf"
    text = made.read_text()
    assert str(keyfile) in text and not [word for word in ("c2VjcmV0a2V5", "hunter2", "the-password") if word in text]
    assert made.stat().st_mode & 0o777 == 0o600


def test_mongod_conf_without_login_and_tls_has_neither():
    """And on loopback nodes of a test, localhost is left to nobody; IPv6 is turned on where it is bound."""
    text = render_mongod(parse(GOOD), "127.0.1.1")
    assert "security" not in text and "tls" not in text and 'bindIp: "127.0.1.1"\n' in text and "ipv6: false" in text
    assert "ipv6: true" in render_mongod(parse({**GOOD, "bind": "::1"}), "n1")
