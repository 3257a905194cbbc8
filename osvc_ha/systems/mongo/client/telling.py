"""What clients are to find: told to the dns system of this node, and asked of DNS."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from osvc_ha.cluster.seedlist import seedlist_file
from osvc_ha.host import Host
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import WITHDRAW_SECONDS, Config
from osvc_ha.wakers import poke

LOG = logging.getLogger("osvc_ha.mongo")
ASK_SECONDS = 3.0
POLL = 0.5


def tell(config: Config, step: Step, host: Host) -> None:
    """Write the file, and have the followers of this node look, of which one may follow the records."""
    file = seedlist_file(Path(config.seedlists), config.path)
    host.replace(file, step.payload, 0o644)
    beside = file.parent.parent
    for name in host.names(beside):
        poke(beside / name / "watch.sock")


def withdraw(config: Config, step: Step, host: Host) -> None:
    """Wait for the record to go. Whatever DNS says or not, the member leaves then: the drivers of clients bear it.

    A warning in the log when the record is still there: whoever writes it is to be looked at.
    """
    if not host.wait(lambda: not _found(step.on, step.arg("host")), WITHDRAW_SECONDS, POLL):
        words = "mongodb+srv://%s/ still leads to %s after %g s, or nobody answers for it; it is removed all the same: see the dns service"
        LOG.warning(words, step.on, step.arg("host"), WITHDRAW_SECONDS)


def _found(srv: str, at: str) -> bool:
    """Does DNS lead clients there? No when there is no such record, and yes when nobody answers."""
    # pymongo needs it too.
    import dns.exception
    import dns.resolver

    try:
        answer = dns.resolver.resolve(f"_mongodb._tcp.{srv}.", "SRV", lifetime=ASK_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return False
    except dns.exception.DNSException:
        return True
    targets = {f"{str(each.target).rstrip('.')}:{each.port}".lower() for each in answer}
    return at.lower() in targets


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {"tell": tell, "withdraw": withdraw}
