"""Reading what surrounds the cluster: containers on this node, addresses of nodes, a snapshot file. I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Dict, List, Tuple

from osvc_ha.cluster.addresses import is_loopback
from osvc_ha.cluster.alphabets import shown
from osvc_ha.cluster.listeners import Problem
from osvc_ha.cluster.reading import parse_json
from osvc_ha.cluster.snapshot import cluster_from_snapshot, containers_from_snapshot
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ObserveError

SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")
# The API of Docker 20.10; Podman 3 and later speak it too.
LIST = "/v1.41/containers/json"
SECONDS = 2.0
MOST_RESOLVING_SECONDS = 5.0

Containers = Tuple[Mapping[str, Any], ...]


def containers_on(host: Host, sockets: Sequence[str] = SOCKETS, seconds: float = SECONDS) -> Tuple[Containers, Tuple[Problem, ...]]:
    """The running containers of this node, as the Docker API lists them, each once.

    A socket that is not there is no problem: no such engine. One that refuses, hangs or answers
    something else is a Problem with the socket as its path; the other sockets are still asked.
    """
    found: Dict[str, Mapping[str, Any]] = {}
    problems: List[Problem] = []
    for socket in sockets:
        if not Path(socket).exists():
            continue
        try:
            entries = _listed(host, socket, seconds)
        except ObserveError as error:
            problems.append(Problem(socket, "containers", str(error)))
            continue
        for entry in entries:
            # podman-docker makes one socket a link to the other.
            found.setdefault(str(entry.get("Id")), entry)
    return tuple(found[key] for key in sorted(found)), tuple(problems)


def _listed(host: Host, socket: str, seconds: float) -> List[Mapping[str, Any]]:
    what = f"container engine at {socket}"
    body = _answered(host, socket, seconds, what)
    # One parser for everything: the list becomes an object's only value.
    entries = parse_json(f'{{"containers": {body}}}', what)["containers"]
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) and entry.get("Id") for entry in entries):
        raise ObserveError(f"{what}: its container list is not a list of containers")
    return entries


def _answered(host: Host, socket: str, seconds: float, what: str) -> str:
    """By the standard library alone, for agent 2.1's own Python. HTTP/1.0: the answer is not chunked, and ends with the connection."""
    answer = host.exchange(socket, f"GET {LIST} HTTP/1.0\r\nHost: localhost\r\n\r\n", seconds)
    head, _, body = answer.partition("\r\n\r\n")
    words = head.partition("\r\n")[0].split()
    if len(words) < 2 or not words[0].startswith("HTTP/"):
        raise ObserveError(f"{what}: answers {shown(answer)!r}, which is not HTTP; is it an engine's socket?")
    if words[1] != "200":
        raise ObserveError(f"{what}: HTTP {words[1]}: {shown(body.strip())}")
    return body


def resolve_addresses(names: Iterable[str], host: Host) -> Dict[str, str]:
    """Node name -> address, for the names that can be resolved: Tailscale's view first, then the system's resolver."""
    wanted = sorted(set(names))
    if not wanted:
        return {}
    found = {name: address for name, address in _tailscale(host).items() if name in wanted}
    give_up = host.monotonic() + MOST_RESOLVING_SECONDS
    for name in wanted:
        left = give_up - host.monotonic()
        if name not in found and left > 0:
            address = _resolved(name, host, min(left, SECONDS))
            if address:
                found[name] = address
    return found


def _tailscale(host: Host) -> Dict[str, str]:
    try:
        done = host.run(("tailscale", "status", "--json"), seconds=SECONDS)
        document = parse_json(done.out, "tailscale status") if done.code == 0 else {}
    except (ApplyError, ObserveError):
        # No Tailscale here, or none that answers: the resolver is next.
        return {}
    peers = document.get("Peer")
    entries = [document.get("Self"), *(peers.values() if isinstance(peers, Mapping) else ())]
    found: Dict[str, str] = {}
    for entry in entries:
        if isinstance(entry, Mapping):
            name = str(entry.get("DNSName") or entry.get("HostName") or "").partition(".")[0].lower()
            address = _best(entry.get("TailscaleIPs") or ())
            if name and address:
                found.setdefault(name, address)
    return found


def _resolved(name: str, host: Host, seconds: float) -> str:
    """getent and not getaddrinfo: the same resolver, in a child that can be given a deadline."""
    try:
        done = host.run(("getent", "ahosts", "--", name), seconds=seconds)
    except ApplyError:
        return ""
    return _best(line.split()[0] for line in done.out.splitlines() if line.split())


def _best(addresses: Iterable[Any]) -> str:
    """The same one each time, whatever the order of the answer: no loopback if it can be helped (Debian's installer
    maps a machine's own name to 127.0.1.1), IPv4 first, then the lowest. Link-local addresses need an interface."""
    usable = []
    for text in addresses:
        try:
            parsed = ip_address(str(text))
        except ValueError:
            continue
        if not parsed.is_link_local:
            usable.append(parsed)
    usable.sort(key=lambda one: (is_loopback(str(one)), one.version, int(one)))
    return str(usable[0]) if usable else ""


def load_cluster(path: Path, host: Host, local: str = "") -> Tuple[Cluster, Containers]:
    """A snapshot file: the cluster, and the containers that were seen on the node where it was taken.

    ObserveError naming the file when it is missing or is no snapshot this version reads.
    """
    text = host.read(path)
    if text is None:
        raise ObserveError(f"{path}: no such file; `osvc-ha snapshot` writes one")
    document = parse_json(text, str(path))
    try:
        return cluster_from_snapshot(document, local), containers_from_snapshot(document)
    except ObserveError as error:
        raise ObserveError(f"{path}: {error}") from error
