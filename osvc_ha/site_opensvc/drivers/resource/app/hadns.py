"""app.hadns of agent 2.1: the dns system as a resource."""

from osvc_ha.agents.v2 import HaDriver, register

DRIVER_GROUP = "app"
DRIVER_BASENAME = "hadns"
KEYWORDS = register(DRIVER_BASENAME, "dns", __name__)


class AppHadns(HaDriver):
    """See docs/systems/dns.md."""

    system_name = "dns"
    keywords = KEYWORDS
    provisions = False
