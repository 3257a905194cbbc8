"""app.haredis of agent 2.1: the redis system as a resource."""

from osvc_ha.agents.v2 import HaDriver, register

DRIVER_GROUP = "app"
DRIVER_BASENAME = "haredis"
KEYWORDS = register(DRIVER_BASENAME, "redis", __name__)


class AppHaredis(HaDriver):
    """See docs/systems/redis.md."""

    system_name = "redis"
    keywords = KEYWORDS
