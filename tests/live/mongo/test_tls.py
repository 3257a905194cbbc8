"""TLS between members, clients and osvc_ha."""

import os

import pytest

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


def test_a_set_that_speaks_tls_starts_moves_and_stops(make_group, certificates):
    """Members and osvc_ha speak TLS, who does not is not heard, and a planned move works as without."""
    from pymongo.errors import PyMongoError

    group = make_group()
    group.keywords = certificates(group.addresses.values())
    group.client = {"tls": True, "tlsCAFile": group.keywords["tls_ca"]}
    group.start()
    group.eventually(group.settled)
    assert {group.status(node).status for node in group.nodes} == {Status.UP}
    client, group.client = group.client, {}
    with pytest.raises(PyMongoError):
        group.ask("n1", "hello", seconds=1.0)
    group.client = client
    with group.writer("tls", more=f"&tls=true&tlsCAFile={group.keywords['tls_ca']}") as load:
        group.stop("n1")
        load.progress()
    assert load.lost() == set()
    group.reconcile("n2", Verb.FOLLOW)


def test_a_key_that_others_can_read_is_refused_before_mongod_is(make_group, certificates):
    """The PEM file has the private key in it: the refusal names keyword and mode."""
    group = make_group(1)
    group.keywords = certificates(group.addresses.values())
    os.chmod(group.keywords["tls_cert_key"], 0o440)
    with pytest.raises(UnsafePlan, match=r"tls_cert_key=.*: others than its owner can use it \(mode 0440\)"):
        group.reconcile("n1", Verb.START)
    assert not (group.directory / "n1" / "data").exists()
