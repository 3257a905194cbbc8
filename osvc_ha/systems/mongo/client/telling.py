"""What clients are to find: told to the dns system of this node, and asked of DNS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from osvc_ha.cluster.seedlist import seedlist_file
from osvc_ha.host import Host
from osvc_ha.planner.types import Step
from osvc_ha.systems.mongo.config import Config
from osvc_ha.wakers import poke

# The TTL of the record, 60 s by default, and what the writer needs. A client that finds a member which has gone asks the others.
WITHDRAW_SECONDS = 90.0
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
    """Wait for the record to go. Whatever DNS says or not, the member leaves then: the drivers of clients bear it."""
    host.wait(lambda: not _found(step.on, step.arg("host")), WITHDRAW_SECONDS, POLL)


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
