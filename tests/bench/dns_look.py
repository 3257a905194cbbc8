"""One process that keeps a zone at Cloudflare right: ``python dns_look.py follow|measure snapshot settings``. Prints JSON.

follow: one reconcile. measure: look, observe and plan with nothing to do; list, the same pages by Cloudflare's SDK alone, read
as JSON; both in seconds, the best of several turns, because the machine does other things too. memory: in MB, by looks alone.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from osvc_ha.discovery import load_cluster
from osvc_ha.host import Host
from osvc_ha.planner.reconcile import reconcile
from osvc_ha.planner.types import Step, Verb
from osvc_ha.systems.dns import SYSTEM

TURNS = 15
PAGE = 5000


def seconds(act: Callable[[], Any]) -> float:
    """How long it takes, beginning without the rubbish of what went before."""
    gc.collect()
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def peak() -> float:
    """Most memory this program ever held, in MB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def lister(config: Any, pages: int) -> Callable[[], int]:
    """All pages, by Cloudflare's SDK and as quickly as it can: without its models, which take twenty times as long."""
    import cloudflare

    client = cloudflare.Cloudflare(api_token=Path(config.token_file).read_text().strip(), base_url=config.api_url, max_retries=0)
    (zone,) = client.zones.list(name=config.zone)

    def listed() -> int:
        raw = client.dns.records.with_raw_response
        answers = [raw.list(zone_id=zone.id, page=page, per_page=PAGE).http_response.json() for page in range(1, pages + 1)]
        return sum(len(answer["result"]) for answer in answers)

    return listed


def main(argv: list[str]) -> int:
    """See the module."""
    what, snapshot, settings = argv
    host = Host()
    config = SYSTEM.parse(yaml.safe_load(Path(settings).read_text()))
    cluster, _ = load_cluster(Path(snapshot), host)
    done: list[Step] = []
    reconcile(SYSTEM, config, cluster, Verb.FOLLOW, host, done.append)
    found: dict[str, float] = {"steps": len([step for step in done if step.do != "remember"])}
    if what == "measure":
        records = 0

        def look() -> None:
            nonlocal records
            actual = SYSTEM.observe(config, cluster, host)
            assert SYSTEM.plan(actual, SYSTEM.desired(config, cluster, Verb.FOLLOW)) == (), "there was something to do"
            records = len(actual.listing.ours) + len(actual.listing.others)

        look()
        found["memory"] = peak()
        listed = lister(config, -(-records // PAGE))
        assert listed() == records
        times = [(seconds(look), seconds(listed)) for _ in range(TURNS)]
        found.update(look=min(one for one, _ in times), list=min(two for _, two in times))
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
