"""fs.havolumes of agent 2.1: the volumes system as a resource."""

from osvc_ha.agents.v2 import HaDriver, register

DRIVER_GROUP = "fs"
DRIVER_BASENAME = "havolumes"
KEYWORDS = register(DRIVER_BASENAME, "volumes", __name__, DRIVER_GROUP)


class FsHavolumes(HaDriver):
    """See docs/systems/volumes.md."""

    system_name = "volumes"
    keywords = KEYWORDS
    group = DRIVER_GROUP

    @property
    def mount_point(self) -> str:
        """As the agent's own have it: what else is in the service is placed by it (core/objects/svc.py, mount_point)."""
        return str(self.given.get("mount", ""))
