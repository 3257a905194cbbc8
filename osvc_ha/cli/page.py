"""The page that `status` shows: nodes, services, listeners, Redis groups, replica sets, systems, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from osvc_ha.authority import View, named
from osvc_ha.cli import listing
from osvc_ha.cluster.seedlist import SEEDLISTS, seedlist_file, told_seedlist
from osvc_ha.cluster.types import Cluster
from osvc_ha.host import Host

if TYPE_CHECKING:
    from rich.console import Console

LOOK_SECONDS = 0.3


def cluster_rows(cluster: Cluster) -> dict[str, Any]:
    """Nodes and services, as `--format json` prints them."""
    nodes = {name: {"alive": one.alive, "frozen": one.frozen, "address": one.address} for name, one in cluster.nodes.items()}
    services = {
        path: {"topology": one.topology, "scope": list(one.scope), "instances": {where: it.avail for where, it in one.instances.items()}}
        for path, one in cluster.objects.items()
    }
    return {"node": cluster.local, "majority": cluster.has_majority(), "nodes": nodes, "services": services}


def group_rows(cluster: Cluster, credentials: Path, host: Host) -> list[dict[str, Any]]:
    """Each Redis group behind a listener, by the word of its own servers and Sentinels; master "" when no majority names one."""
    from osvc_ha.redis_groups import group_of, read_answers, view_of
    from osvc_ha.redis_link import links
    from osvc_ha.systems.haproxy.plan import redis_groups

    groups = [group_of(found, credentials, host) for found in redis_groups(cluster)]
    return [_group_row(group.id, view_of(group, read_answers(links(), group, LOOK_SECONDS))) for group in groups]


def _group_row(name: str, view: View) -> dict[str, Any]:
    return {
        "group": name,
        "master": named(view),
        "servers": {claim.node: claim.role or "silent" for claim in view.claims},
        "sentinels": {vote.sentinel: (vote.master or "nobody") if vote.answered else "silent" for vote in view.votes},
    }


def set_rows(cluster: Cluster, host: Host, directory: Path = SEEDLISTS) -> list[dict[str, Any]]:
    """Each MongoDB replica set that a follower on this node has told of, with the connection string for drivers."""
    there = set(host.names(directory))
    files = ((path, seedlist_file(directory, path)) for path in sorted(cluster.objects))
    told = ((path, told_seedlist(host.read(file))) for path, file in files if file.name in there)
    return [{"service": path, "replica_set": found.replica_set, "uri": found.uri} for path, found in told if found is not None]


def fill_page(console: Console, document: dict[str, Any]) -> None:
    """Print the document for people."""
    names = sorted(document["nodes"])
    console.print(f"seen from {document['node']}" + ("" if document["majority"] else ", WITHOUT a majority of the nodes"))
    table = listing.new_table(("service", *names))
    table.add_row("", *(_node(document["nodes"][name]) for name in names))
    for path, service in sorted(document["services"].items()):
        table.add_row(path, *(service["instances"].get(name, "?" if name in service["scope"] else "") for name in names))
    console.print(table)
    if document["listeners"]:
        console.print(listing.listener_table(document["listeners"]))
    if document["groups"]:
        _print_groups(console, document["groups"], names)
    for row in document["sets"]:
        console.print(f"{row['service']}: replica set {row['replica_set']}: {row['uri']}", soft_wrap=True)
    _print_systems(console, document)


def _print_groups(console: Console, groups: list[dict[str, Any]], names: list[str]) -> None:
    table = listing.new_table(("redis group", "master", *names))
    for row in groups:
        cells = (_member(row["servers"].get(name, ""), row["sentinels"].get(name, "")) for name in names)
        table.add_row(row["group"], row["master"] or "no majority", *cells)
    console.print(table)


def _member(role: str, vote: str) -> str:
    return f"{role}, Sentinel: {vote}" if role else ""


def _print_systems(console: Console, document: dict[str, Any]) -> None:
    said = set()
    for name, found in document["systems"].items():
        console.print(f"{name}: {found['status']}")
        for fact, value in found["facts"]:
            console.print(f"  {fact}: {value}", soft_wrap=True)
        for line in found["messages"]:
            console.print(f"  {line}", soft_wrap=True)
            said.add(line)
    for problem in document["problems"]:
        if problem["message"] not in said:
            console.print(f"! {problem['message']}", soft_wrap=True)


def _node(node: dict[str, Any]) -> str:
    return ("alive" if node["alive"] else "gone") + (", frozen" if node["frozen"] else "")
