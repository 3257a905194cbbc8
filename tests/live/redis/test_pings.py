"""How often a Sentinel asks its servers."""

import pytest

from osvc_ha.systems.redis.config import Config
from osvc_ha.systems.redis.state.replies import parse_pairs

pytestmark = pytest.mark.live


@pytest.mark.parametrize(("down_after", "ping_period"), [(500, 400), (1000, 500), (1999, 999), (2000, 1000), (5000, 1000)])
def test_two_pings_fit_into_down_after(down_after, ping_period):
    """Up to the usual one per second, and never so often that Sentinel would find its replicas' INFO too old."""
    assert Config(path="prod/svc/redis", group="grp", down_after=down_after).ping_period == ping_period


def test_a_sentinel_with_a_short_patience_pings_more_often(group):
    """Started by START, it is told so, where the server has the command (Redis 7)."""
    group.start()
    for node in group.nodes:
        told = group.sentinel(node, "SENTINEL", "DEBUG")
        if not isinstance(told, list):
            pytest.skip("this Sentinel has no SENTINEL DEBUG (before Redis 7)")
        assert int(parse_pairs(told)["PING-PERIOD"]) == group.config(node).ping_period < 1000
