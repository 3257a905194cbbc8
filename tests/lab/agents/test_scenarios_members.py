"""A cluster that serves grows by a node, and shrinks again."""

from __future__ import annotations

import time

import pytest
from agreement import agree
from ha_lab import HaLab
from writers import Writers, unhurt

pytestmark = [pytest.mark.agent, pytest.mark.timeout(400)]


def test_a_fourth_node_joins_and_leaves_under_load(serving: HaLab) -> None:
    """It becomes a replica, a Sentinel and a door; after it left nobody knows it any more, and no client noticed."""
    three = serving.names
    with Writers(serving.machines, *three) as writers:
        serving.join("n4")
        agree(serving, *three, "n4", seconds=120)
        serving.leave("n4")
        agree(serving, *three)
        agree(serving, *three, forgotten=("n4",), seconds=150)
        writers.flowing(time.time())
    unhurt(writers, 1.0)
