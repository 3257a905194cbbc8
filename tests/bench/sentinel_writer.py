"""The client that HAProxy is compared with: redis-py, asking the Sentinels itself. Arguments: records key group rate host:port...

Ends when its standard input does, and records what the drill's own client records.
"""

from __future__ import annotations

import sys
import time

from redis.backoff import NoBackoff
from redis.exceptions import ReadOnlyError, RedisError, ResponseError, TimeoutError
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from osvc_ha.drill.client import follow
from osvc_ha.drill.ledger import Op, Outcome

TIMEOUT = 1.0


class SentinelWriter:
    """A connection is kept until an error, as redis-py's users keep it; after an error the Sentinels are asked again, at once."""

    def __init__(self, key: str, group: str, sentinels: list[tuple[str, int]]) -> None:
        never = Retry(NoBackoff(), 0)
        options = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "retry": never}
        self._key = key
        self._master = Sentinel(sentinels, sentinel_kwargs=options, **options).master_for(group)

    def operate(self, number: int) -> Op:
        """One write, timed from before it asks who the master is."""
        at, began = time.time(), time.perf_counter()
        outcome, unknown = Outcome.OK, False
        try:
            self._master.rpush(self._key, number)
        except RedisError as error:
            outcome, unknown = outcome_of(error)
        return Op(number, at, time.perf_counter() - began, outcome, unknown)


def outcome_of(error: RedisError) -> tuple[Outcome, bool]:
    """How it ended, and whether the write may have been done all the same."""
    if isinstance(error, ReadOnlyError):
        return Outcome.READONLY, False
    if isinstance(error, (ResponseError, MasterNotFoundError)):
        return Outcome.ERROR, False
    return (Outcome.TIMEOUT if isinstance(error, TimeoutError) else Outcome.RESET), True


def main(argv: list[str]) -> int:
    """See the module."""
    records, key, group, rate, *peers = argv
    sentinels = [(host, int(port)) for host, _, port in (peer.rpartition(":") for peer in peers)]
    with open(records, "a", buffering=1, encoding="ascii") as sink:
        follow(SentinelWriter(key, group, sentinels), float(rate), sink, sys.stdin.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
