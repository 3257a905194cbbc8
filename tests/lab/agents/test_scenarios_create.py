"""From the templates to a cluster that serves, as an operator does it."""

from __future__ import annotations

import pytest
from agreement import agree
from ha_lab import REDIS, SERVICES, HaLab

pytestmark = [pytest.mark.agent, pytest.mark.timeout(300)]


@pytest.fixture
def bare(installed: HaLab) -> HaLab:
    """Nodes with osvc_ha and without services."""
    for path in SERVICES:
        if path in installed.cluster("n1").objects:
            installed.order("n1", "purge", seconds=90, path=path)
    return installed


def test_services_made_from_the_templates_serve_once_provisioned(bare: HaLab) -> None:
    """`om create` and `om provision`, nothing else: then there is one master, and every door leads to it."""
    bare.create()
    bare.wait("every agent knows them", lambda: all(set(SERVICES) <= set(bare.cluster(name).objects) for name in bare.names))
    assert bare.cluster("n2").object(REDIS).placed() == (), "nothing runs before it is provisioned"
    bare.provision()
    agree(bare)
