"""disk.hadrbd of agent 2.1: the drbd system as a resource. With ``standby = true`` the other nodes have it up, as Secondary."""

from osvc_ha.agents.v2 import register
from osvc_ha.agents.v2_disk import HaDisk

DRIVER_GROUP = "disk"
DRIVER_BASENAME = "hadrbd"
KEYWORDS = register(DRIVER_BASENAME, "drbd", __name__, DRIVER_GROUP)


class DiskHadrbd(HaDisk):
    """See docs/systems/drbd.md."""

    system_name = "drbd"
    keywords = KEYWORDS
