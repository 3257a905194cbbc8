"""One record for each system that can be tried. A system that is to be tried too gets one more, and no case changes."""

from __future__ import annotations

from osvc_ha.conformance.subjects.bodies import Processes
from osvc_ha.conformance.subjects.dns import DNS
from osvc_ha.conformance.subjects.drbd import DRBD
from osvc_ha.conformance.subjects.haproxy import FOLLOW, HAPROXY
from osvc_ha.conformance.subjects.mongo import MONGO
from osvc_ha.conformance.subjects.postgres import POSTGRES
from osvc_ha.conformance.subjects.redis import REDIS
from osvc_ha.conformance.subjects.subject import Keywords, Place, Subject
from osvc_ha.conformance.subjects.volumes import DISK, FOLDER
from osvc_ha.planner.errors import ConfigError

__all__ = ["SUBJECTS", "Keywords", "Place", "Processes", "Subject", "find_subject"]

# By name: the system's, and behind a dash which sort of it.
SUBJECTS = {
    "haproxy": HAPROXY,
    "redis": REDIS,
    "mongo": MONGO,
    "dns": DNS,
    "postgres": POSTGRES,
    "volumes": FOLDER,
    "volumes-ext4": DISK,
    "follow": FOLLOW,
    "drbd": DRBD,
}


def find_subject(name: str) -> Subject:
    """The record of that name. ConfigError lists those there are."""
    if name not in SUBJECTS:
        raise ConfigError(f"{name}: no conformance record; there are {', '.join(SUBJECTS)}")
    return SUBJECTS[name]
