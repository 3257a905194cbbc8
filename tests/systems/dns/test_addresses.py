"""Which of this machine's addresses is the public one: tables of /proc/net as kernels print them."""

from __future__ import annotations

from osvc_ha.host import Host
from osvc_ha.systems.dns.client.addresses import default_interfaces, local_addresses, unstable_addresses

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
tun0\t00000000\t00000000\t0001\t0\t0\t0\t00000080\t0\t0\t0
"""
ZEROS = "0" * 32
ROUTES_6 = f"""20010db8000000000000000000000000 40 {ZEROS} 00 {ZEROS} 00000100 00000001 00000000 00000001     eth0
{ZEROS} 00 {ZEROS} 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth1
{ZEROS} 00 {ZEROS} 00 {ZEROS} ffffffff 00000001 00000000 00200200       lo
"""
ADDRESSES = """20010db8000000000000000000000001 02 40 00 80     eth0
20010db80000000012345678abcdef00 02 40 00 01     eth0
20010db8000000000000000000000002 02 40 00 20     eth0
"""


def test_the_default_route_with_the_lowest_metric_comes_first() -> None:
    """Not half a default route of a tunnel, and not the one by which every machine rejects what it cannot reach."""
    assert default_interfaces(ROUTES, ROUTES_6) == ("eth0", "wlan0", "eth1")
    assert default_interfaces("", "") == ()


def test_addresses_that_change_by_themselves_are_not_published() -> None:
    """Temporary ones of IPv6 privacy, and those that are being given up."""
    assert unstable_addresses(ADDRESSES) == {"2001:db8::1234:5678:abcd:ef00", "2001:db8::2"}


def test_this_machine_can_be_asked() -> None:
    """Whatever it has: addresses as text, IPv4 before IPv6, none with a scope."""
    found = local_addresses(Host())
    assert list(found) == sorted(found, key=lambda one: ":" in one)
    assert not [one for one in found if "%" in one]
