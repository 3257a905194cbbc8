"""app.hapostgres of agent 2.1: the postgres system as a resource."""

from osvc_ha.agents.v2 import HaDriver, register

DRIVER_GROUP = "app"
DRIVER_BASENAME = "hapostgres"
KEYWORDS = register(DRIVER_BASENAME, "postgres", __name__)


class AppHapostgres(HaDriver):
    """See docs/systems/postgres.md."""

    system_name = "postgres"
    keywords = KEYWORDS
