"""The handover that Valkey 9 has of its own, where it is asked for."""

import pytest

from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Status, Verb

pytestmark = pytest.mark.live


def test_a_coordinated_handover_loses_nothing_where_there_is_one(make_group, writer):
    """coordinated=true: Valkey moves the master by itself; a server that cannot says so, and stays the master."""
    group = make_group(coordinated="true")
    group.start_fast()
    refused = ""
    with writer(group) as load:
        try:
            group.reconcile("n1", Verb.STOP)
        except ApplyError as error:
            refused = str(error)
        load.progress()
    assert load.lost() == set()
    assert (group.master() == "n1") is ("SENTINEL FAILOVER" in refused) is bool(refused)
    group.eventually(lambda: group.status(group.master()).status is Status.UP, 20)
