"""redis: a server and a Sentinel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from osvc_ha.conformance.subjects.bodies import Processes
from osvc_ha.conformance.subjects.held import held
from osvc_ha.conformance.subjects.subject import Keywords, Place, Subject


def _keywords(place: Place) -> Keywords:
    return {
        "group": "conformance",
        "port": str(place.ports[0]),
        "sentinel_port": str(place.ports[1]),
        "directory": str(place.home / "redis"),
    }


@contextlib.contextmanager
def _held(place: Place, keywords: Keywords) -> Iterator[Keywords]:
    yield {"redis_server": held(place.home / "held", keywords.get("redis_server", "redis-server"))}


REDIS = Subject(
    system="redis",
    keywords=_keywords,
    programs=("redis_server", "redis_sentinel"),
    wrong=("port", "http"),
    owned=("redis/server/redis.conf", "redis/server/redis.pid", "redis/sentinel/sentinel.conf", "redis/sentinel/sentinel.pid"),
    body=Processes(),
    restless=("*.log", "*.conf", "*.rdb", "*.aof", "*.manifest"),
    unready=_held,
    seconds=90.0,
)
