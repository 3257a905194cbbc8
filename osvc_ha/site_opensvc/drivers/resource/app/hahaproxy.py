"""app.hahaproxy of agent 2.1: the haproxy system as a resource."""

from osvc_ha.agents.v2 import HaDriver, register

DRIVER_GROUP = "app"
DRIVER_BASENAME = "hahaproxy"
KEYWORDS = register(DRIVER_BASENAME, "haproxy", __name__)


class AppHahaproxy(HaDriver):
    """See docs/systems/haproxy.md."""

    system_name = "haproxy"
    keywords = KEYWORDS
