"""app.hafollow of agent 2.1: the follow system as a resource."""

from osvc_ha.agents.v2 import HaDriver, register

DRIVER_GROUP = "app"
DRIVER_BASENAME = "hafollow"
KEYWORDS = register(DRIVER_BASENAME, "follow", __name__)


class AppHafollow(HaDriver):
    """See docs/systems/follow.md."""

    system_name = "follow"
    keywords = KEYWORDS
    provisions = False
