"""The addresses of this machine on the interface of its default route."""

from __future__ import annotations

from ipaddress import IPv6Address
from pathlib import Path
from typing import Tuple

from osvc_ha.host import Host
from osvc_ha.planner.errors import ObserveError

ROUTES_4 = Path("/proc/net/route")
ROUTES_6 = Path("/proc/net/ipv6_route")
ADDRESSES_6 = Path("/proc/net/if_inet6")
# linux/if_addr.h: IFA_F_TEMPORARY, which changes by the day, and IFA_F_DEPRECATED, IFA_F_TENTATIVE, IFA_F_DADFAILED.
UNSTABLE = 0x01 | 0x20 | 0x40 | 0x08
ANY_6 = "0" * 32
REJECT = 0x0200


def local_addresses(host: Host) -> Tuple[str, ...]:
    """In the order the kernel lists them, IPv4 first; () when there is no default route, or psutil is not there to ask."""
    try:
        import psutil
    except ImportError:
        return ()
    names = default_interfaces(_text(ROUTES_4, host), _text(ROUTES_6, host))
    unstable = unstable_addresses(_text(ADDRESSES_6, host))
    found = psutil.net_if_addrs()
    return tuple(
        address
        for family in (2, 10)
        for name in names
        for address in (one.address.partition("%")[0] for one in found.get(name, ()) if int(one.family) == family)
        if address not in unstable
    )


def default_interfaces(routes_4: str, routes_6: str) -> Tuple[str, ...]:
    """Interfaces with a default route in the tables of /proc/net, the lowest metric first."""
    found = []
    for words in (line.split() for line in routes_4.splitlines()[1:]):
        if len(words) > 7 and words[1] == words[7] == "00000000":
            found.append((int(words[6]), words[0]))
    for words in (line.split() for line in routes_6.splitlines()):
        # `lo` has a default route that rejects, on every machine.
        if len(words) > 9 and words[0] == ANY_6 and words[1] == "00" and not int(words[8], 16) & REJECT:
            found.append((int(words[5], 16), words[9]))
    return tuple(dict.fromkeys(name for _, name in sorted(found)))


def unstable_addresses(table: str) -> frozenset[str]:
    """The IPv6 addresses of /proc/net/if_inet6 that are not to be published."""
    rows = [line.split() for line in table.splitlines()]
    return frozenset(str(IPv6Address(int(row[0], 16))) for row in rows if len(row) > 5 and int(row[4], 16) & UNSTABLE)


def _text(path: Path, host: Host) -> str:
    try:
        return host.read(path, lossy=True) or ""
    except ObserveError:
        return ""
