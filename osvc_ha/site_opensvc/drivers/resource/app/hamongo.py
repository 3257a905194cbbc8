"""app.hamongo of agent 2.1: the mongo system as a resource."""

from osvc_ha.agents.v2 import HaDriver, register

DRIVER_GROUP = "app"
DRIVER_BASENAME = "hamongo"
KEYWORDS = register(DRIVER_BASENAME, "mongo", __name__)


class AppHamongo(HaDriver):
    """See docs/systems/mongo.md."""

    system_name = "mongo"
    keywords = KEYWORDS
