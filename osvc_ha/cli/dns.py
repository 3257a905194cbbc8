"""osvc-ha dns: what the dns system would own, as a zone file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Optional

import click

from osvc_ha.cli import options
from osvc_ha.host import Host
from osvc_ha.planner.types import Verb
from osvc_ha.systems.dns.state import AUTOMATIC, LOAD_BALANCER, Actual, Listing, Record

AUTOMATIC_SECONDS = 300  # What Cloudflare's "automatic" is for a record that is not proxied.


@click.group()
def command() -> None:
    """Look at the dns system's records without asking the provider."""


@command.command()
@click.option("--whole", is_flag=True, help="With an SOA and NS of its own, so that a server can load it as a zone.")
@options.source
@options.keywords
@options.output
def export(whole: bool, snapshot: Optional[Path], node: str, settings: Optional[Path], pairs: tuple[str, ...], form: str) -> None:
    """Print every record that we would own, as BIND zone text. Neither the zone nor this node is changed.

    \b
    osvc-ha dns export --set domain=ha.example.com
    osvc-ha dns export --whole --snapshot bug.json --set domain=ha.example.com > ha.example.com.zone
    """
    from osvc_ha.systems.dns.client.addresses import local_addresses
    from osvc_ha.systems.dns.client.writer import recall
    from osvc_ha.systems.dns.plan import desired, outlook

    host = Host()
    [(_, config)] = options.systems_of(("dns",), settings, pairs, host)
    cluster = options.Source(snapshot, node, host).read()
    wanted = replace(desired(config, cluster, Verb.FOLLOW), writer=True)
    # A snapshot shows the same everywhere, so nothing of this machine goes in.
    here = Actual() if snapshot else Actual(addresses=local_addresses(host), memory=recall(config, host), now=host.now())
    found = outlook(replace(here, listing=Listing(())), wanted)
    notes = [*wanted.problems, *found.notes]
    records = [{"name": one.name, "type": one.type, "value": one.value, "ttl": one.ttl, "proxied": one.proxied} for one in found.records]
    text = zone_text(config.zone, found.records, whole)
    options.show(form, {"zone": config.zone, "records": records, "notes": notes}, [text])
    for note in notes if form == "text" else ():
        click.echo(f"! {note}", err=True)


def zone_text(zone: str, records: Iterable[Record], whole: bool = False) -> str:
    """Records in RFC 1035's master format. What has no place there, a load balancer or a proxy, is a comment."""
    lines = [f"$ORIGIN {zone}."]
    if whole:
        lines += [f"@ 300 IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 604800 60", f"@ 300 IN NS ns.{zone}.", "ns 300 IN A 192.0.2.1"]
    for record in sorted(records):
        ttl = AUTOMATIC_SECONDS if record.ttl == AUTOMATIC else record.ttl
        value = f"{record.value}." if record.type in ("SRV", "CNAME") else record.value
        line = f"{record.name}. {ttl} IN {record.type} {value}"
        lines.append(f"; {line}" if record.type == LOAD_BALANCER else f"{line} ; proxied" if record.proxied else line)
    return "\n".join(lines)
