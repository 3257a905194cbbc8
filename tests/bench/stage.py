"""What the benches on real servers share: a cluster that is up, writers on every node, one disturbance and what it cost."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Optional

from osvc_ha.drill.lab import Lab
from osvc_ha.drill.ledger import Ledger, lost
from osvc_ha.drill.load import Client, collect, start_client, survivors, wait_flowing
from osvc_ha.drill.processes import Run, reserve, wait_until

Say = Callable[[str], None]

# Milliseconds; the figures to compare with were taken at 1 s.
DOWN_AFTER = 1000
RATE = 100.0
SETTLE_SECONDS = 30.0
CALM_SECONDS = 1.0


@contextlib.contextmanager
def cluster(say: Say, haproxy: Optional[Mapping[str, str]] = None, first: str = "") -> Iterator[Lab]:
    """Three nodes with redis-server, Sentinel, HAProxy and a watcher, past the readiness gate. Everything ends with the context.

    haproxy: keywords. first: the node to start alone, so that the master is there.
    """
    with Run("osvc_ha-bench-") as run, reserve() as reserved:
        lab = Lab(run, reserved, redis={"down_after": str(DOWN_AFTER)}, haproxy=haproxy)
        lab.bring_up(first)
        say(f"cluster up on {', '.join(reserved.addresses)}, master {lab.await_master()}")
        yield lab


def writers(lab: Lab, tag: str, rate: float = RATE, without: str = "") -> list[Client]:
    """A reconnecting and a persistent writer on every node's write port, except that of the node ``without``."""
    return [
        start_client(lab.run, f"{tag}-{node}-{sort}", address, lab.write_port, persistent=sort == "persistent", rate=rate)
        for node, address in lab.addresses.items()
        if node != without
        for sort in ("reconnecting", "persistent")
    ]


@dataclass(frozen=True)
class Seen:
    """What the clients of one run saw. missing: per client, the acknowledged writes that the final master does not hold."""

    ledgers: tuple[Ledger, ...]
    missing: tuple[frozenset[int], ...]

    @property
    def lost(self) -> int:
        """Acknowledged writes that the final master does not hold."""
        return sum(map(len, self.missing))

    @property
    def failed(self) -> int:
        """Failed operations of the client that had most."""
        return max(len(each.failed) for each in self.ledgers)

    def outage(self, persistent: Optional[bool] = None) -> float:
        """Longest time without a success, in seconds, of the worst client (of that sort)."""
        return max(each.outage for each in self.ledgers if persistent in (None, each.persistent))

    def words(self) -> str:
        """One line of progress: outages, and how the operations of the unluckiest client failed."""
        worst = max(self.ledgers, key=lambda each: len(each.failed))
        kinds = Counter(op.outcome.value for op in worst.failed)
        failures = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none"
        return f"outage {self.outage(False):.3f} / {self.outage(True):.3f} s, failed: {failures} ({worst.client}), lost: {self.lost}"


def settle(lab: Lab, clients: list[Client], calm: float = CALM_SECONDS) -> Seen:
    """Wait until every client works again and a while longer, stop them, and compare with what the final master holds.

    The calm afterwards is part of the run: a second outage that follows the first belongs to it. calm: its seconds.
    """
    acted = time.time()
    wait_flowing(clients, since=acted, seconds=SETTLE_SECONDS)
    sleep_until(time.time() + calm)
    ledgers = collect(clients)
    held = survivors(clients, lab.addresses[lab.await_master()], lab.redis_port)
    return Seen(tuple(ledgers), tuple(lost(each.acked, held[each.client]) for each in ledgers))


def make_ready(lab: Lab, node: str) -> None:
    """The driver's START on one node: what crashed there runs again, and it returns only when a failover would work."""
    lab.finish([lab.driver(node, "redis", "start")])


def sleep_until(moment: float) -> None:
    """Wait for a moment of the clock (seconds since the epoch)."""
    wait_until("the time to pass", lambda: time.time() >= moment, max(0.0, moment - time.time()) + 5.0, every=0.005)


def outages_over(ledger: Ledger, seconds: float) -> int:
    """How often one client had no success for longer than this."""
    good = [op for op in ledger.ops if op.ok]
    return sum(after.end - before.at > seconds for before, after in zip(good, good[1:]))
