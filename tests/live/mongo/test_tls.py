"""TLS between members, clients and osvc_ha, and through the L4 port."""

import os

import pytest

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


@pytest.fixture
def secret(make_group, certificates):
    """Three members that speak TLS, n1 the primary, and nobody heard without it."""
    group = make_group()
    group.keywords = certificates(group.addresses.values())
    group.client = {"tls": True, "tlsCAFile": group.keywords["tls_ca"]}
    group.start()
    group.eventually(group.settled)
    group.eventually(lambda: group.primary() == "n1")
    return group


def test_a_set_that_speaks_tls_starts_moves_and_stops(secret):
    """Members and osvc_ha speak TLS, who does not is not heard, and a planned move works as without."""
    from pymongo.errors import PyMongoError

    assert {secret.status(node).status for node in secret.nodes} == {Status.UP}
    client, secret.client = secret.client, {}
    with pytest.raises(PyMongoError):
        secret.ask("n1", "hello", seconds=1.0)
    secret.client = client
    with secret.writer("tls", more=f"&tls=true&tlsCAFile={secret.keywords['tls_ca']}") as load:
        secret.stop("n1")
        load.progress()
    assert load.lost() == set()
    secret.reconcile("n2", Verb.FOLLOW)


def test_the_port_to_the_primary_is_open_when_its_checks_speak_tls(secret, make_door):
    """With osvc.l4.check_tls a client with TLS writes through HAProxy's port, before and after a handover; the checks leave no line in a
    log."""
    door = make_door(secret, check_tls="true")
    with secret.writer("port", through=door, more=f"&tls=true&tlsCAFile={secret.keywords['tls_ca']}") as load:
        secret.stop("n1")
        load.progress()
    assert load.lost() == set()
    assert secret.primary() == "n2"
    assert not [log for log in secret.logs() if "No SSL certificate" in log.read_text()]


def test_a_key_that_others_can_read_is_refused_before_mongod_is(make_group, certificates):
    """The PEM file has the private key in it: the refusal names keyword and mode."""
    group = make_group(1)
    group.keywords = certificates(group.addresses.values())
    os.chmod(group.keywords["tls_cert_key"], 0o440)
    with pytest.raises(UnsafePlan, match=r"tls_cert_key=.*: others than its owner can use it \(mode 0440\)"):
        group.reconcile("n1", Verb.START)
    assert not (group.directory / "n1" / "data").exists()
