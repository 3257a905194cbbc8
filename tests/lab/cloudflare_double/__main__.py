"""``python -m cloudflare_double``: the double as a process of its own, until its standard input ends.

The first line it prints is JSON: url, token, zone (its id). ``--foreign N``: records that are nobody's of ours.
"""

from __future__ import annotations

import argparse
import json
import sys

from .double import Double


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zone", default="example.com")
    parser.add_argument("--plan", default="enterprise")
    parser.add_argument("--foreign", type=int, default=0)
    given = parser.parse_args()
    with Double() as double:
        zone = double.add_zone(given.zone, given.plan, 1_000_000)
        for number in range(given.foreign):
            address = f"198.18.{number >> 8 & 255}.{number & 255}"
            zone.create({"name": f"host-{number}", "type": "A", "content": address, "ttl": 300, "comment": f"owned by team {number % 7}"})
        print(json.dumps({"url": double.url, "token": double.add_token().secret, "zone": zone.ident}), flush=True)
        for line in sys.stdin:
            # "calls": every call since the last time this was asked.
            if line.strip() == "calls":
                with double.lock:
                    print(json.dumps(double.calls), flush=True)
                    double.calls.clear()


if __name__ == "__main__":
    main()
