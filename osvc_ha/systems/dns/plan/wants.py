"""From the cluster to the names that are wanted, and whose addresses each shall have. Pure; ``plan`` has the theory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Dict, List, Tuple

from osvc_ha.cluster.alphabets import shown
from osvc_ha.cluster.dns_labels import INGRESS, PREFIX, Asked, names_asked, tcp_services
from osvc_ha.cluster.types import Cluster, Object
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.types import Verb
from osvc_ha.systems.dns.config import Config, Mode
from osvc_ha.systems.dns.state.names import absolute, is_below
from osvc_ha.systems.dns.state.wanted import Desired, Kind, Want

from .addresses import publics_of


def desired(config: Config, cluster: Cluster, verb: Verb) -> Desired:
    """Placement, labels and keywords -> names. Pure; what cannot be a name becomes a problem of its own."""
    problems: List[str] = []
    asked, wrong = names_asked(cluster)
    ingress, scope = _ingress(config, cluster, problems)
    services = list(_services(config, cluster, asked, problems))
    unsure = bool(wrong) or len(services) < len(asked)
    wants = _without_doubles([*_nodes(config, cluster, problems), *_globals(config), *services], problems)
    writer, aside = writer_of(config, cluster, verb)
    return Desired(
        verb=verb,
        config=config,
        cluster=cluster.id or cluster.name,
        local=cluster.local,
        writer=writer,
        aside=aside,
        present=len(cluster.alive()),
        total=len(cluster.nodes),
        majority=cluster.has_majority(),
        alive={name: node.alive for name, node in cluster.nodes.items()},
        publics=publics_of(cluster, config.allow_private),
        wants=_without_proxied_tcp(config, cluster, wants, problems),
        seeds=config.mongo,
        mute=_mute(config, cluster),
        ingress=ingress,
        ingress_scope=scope,
        problems=tuple([*(one.message for one in wrong), *problems]),
        unsure=unsure,
    )


def writer_of(config: Config, cluster: Cluster, verb: Verb) -> Tuple[bool, str]:
    """Is this the node to write, and what a person should know when it is not.

    START is OpenSVC's word that it is, also a moment after a peer's death, when that one is still heard and has no instance any
    more. While two instances are up (a double run), the first in scope order writes. A follower whose node was cut off, or its daemon
    restarted, hears its peers before it knows what they run: until then it writes nothing, for one of them may be the writer, and
    ingress nodes would be taken for gone.
    """
    if not config.path:
        return True, ""
    owner = cluster.objects.get(config.path)
    if owner is None:
        return verb is Verb.START, ""
    here = owner.instances.get(cluster.local)
    if verb is Verb.FOLLOW and (here is None or here.leaving or not (here.up or here.state.startswith("starting"))):
        return False, ""
    untold = sorted({node for path in (config.path, config.ingress) if path in cluster.objects for node in cluster.untold(path)})
    if untold and verb is Verb.FOLLOW:
        return False, f"{', '.join(untold)}: heard, but what runs there is not known yet; the records stay as they are until it is"
    for node in owner.scope:
        if node == cluster.local:
            return True, ""
        if node in owner.placed() and node in cluster.alive():
            return False, f"{config.path} is up on {node} too, which comes first in its scope and writes the records"
    return True, ""


def _ingress(config: Config, cluster: Cluster, problems: List[str]) -> Tuple[Tuple[str, ...], Tuple[str, ...]]:
    """The ingress nodes that clients may be sent to, and all that could be one."""
    if not config.ingress:
        return (), ()
    owner = cluster.objects.get(config.ingress)
    if owner is None:
        problems.append(f"ingress={config.ingress}: no such service in this cluster; the names that follow it stay as they are")
        return (), ()
    live = _serving(owner, cluster)
    frozen = [node for node in live if cluster.nodes[node].frozen or owner.instances[node].frozen]
    if live and len(frozen) == len(live):
        problems.append(f"every ingress node ({', '.join(live)}) is frozen; they stay, since nobody else is left")
        frozen = []
    return tuple(node for node in live if node not in frozen), tuple(node for node in owner.scope if node in cluster.nodes)


def _serving(owner: Object, cluster: Cluster) -> Tuple[str, ...]:
    """Where it is up on a node that is heard, and not about to stop."""
    alive = cluster.alive()
    return tuple(node for node in owner.placed() if node in alive and not owner.instances[node].leaving)


def _mute(config: Config, cluster: Cluster) -> Dict[str, str]:
    """A replica set is told of where its follower runs; a file that is left of one that ran here may be old."""
    found = {}
    for path in (seed.service for seed in config.mongo if seed.service):
        if path not in cluster.objects:
            found[path] = f"{path} is no service of this cluster"
        elif not cluster.runs(path, cluster.local):
            found[path] = f"{path} does not run on {cluster.local}, which writes the records, so nobody tells its members here"
    return found


def _nodes(config: Config, cluster: Cluster, problems: List[str]) -> Iterator[Want]:
    for node in sorted(cluster.nodes) if config.node_names else ():
        try:
            name = absolute(node, config.domain)
            absolute(f"*.{name}", config.domain)
        except ConfigError as error:
            problems.append(f"node {shown(node)}: no name for it: {error}")
            continue
        one = Want(
            name,
            Kind.NODE,
            config.node_ttl,
            f"{node} has other addresses",
            nodes=((node, f"node {node}"),),
            node=node,
            asker=f"node {node}",
        )
        yield one
        yield replace(one, name=f"*.{name}", proxied=config.node_proxied, wildcard_of=node)


def _globals(config: Config) -> Iterator[Want]:
    for one in config.global_names:
        want = Want(one.name, Kind.GLOBAL, config.global_ttl, "", proxied=one.name in config.global_proxied, asker="the keyword global")
        if one.mode is Mode.VIP:
            yield replace(want, fixed=config.vip, whole="the VIP is another")
        else:
            yield _following_ingress(replace(want, balanced=one.mode is Mode.LOAD_BALANCER), config)


def _following_ingress(want: Want, config: Config) -> Want:
    return replace(want, follows_ingress=True, empty=f"no ingress node is up ({config.ingress})")


def _services(config: Config, cluster: Cluster, asked: Tuple[Asked, ...], problems: List[str]) -> Iterator[Want]:
    for one in asked:
        label = f"service {shown(one.path)}: {PREFIX}name={shown(one.name)}"
        try:
            name = absolute(one.name, config.domain)
            if not is_below(name, config.domain):
                raise ConfigError(f"is not below {config.domain}, whose names these are; leave out the last dot, or ask for another")
            if one.target == INGRESS and not config.ingress:
                raise ConfigError(
                    "asks for the ingress nodes, and the keyword ingress names no service; set it, or osvc.dns.target=instance"
                )
        except ConfigError as error:
            problems.append(f"{label}: {error}")
            continue
        want = Want(name, Kind.SERVICE, one.ttl or config.service_ttl, "", proxied=one.proxied, asker=f"service {shown(one.path)}")
        if one.target == INGRESS:
            yield _following_ingress(want, config)
            continue
        nodes = _serving(cluster.objects[one.path], cluster)
        whole = f"{one.path} is up on {', '.join(nodes) or 'no node'}"
        yield replace(
            want, whole=whole, nodes=tuple((node, f"instance on {node} is up") for node in nodes), empty=f"no instance of {one.path} is up"
        )


def _without_doubles(wants: List[Want], problems: List[str]) -> List[Want]:
    """Nodes before globals before services, and these by path: the first keeps a name."""
    found: Dict[str, Want] = {}
    for want in wants:
        first = found.setdefault(want.name, want)
        if first is not want:
            problems.append(f"{want.asker} asks for {want.name}, which {first.asker} has already; choose another name")
    return list(found.values())


def _without_proxied_tcp(config: Config, cluster: Cluster, wants: List[Want], problems: List[str]) -> Tuple[Want, ...]:
    """An HTTP proxy in front of Redis answers nobody (pitfall C6): such names get the plain addresses, and a sentence."""
    if not any(want.proxied for want in wants):
        return tuple(wants)
    tcp = _tcp_names(config, cluster)
    found = []
    for want in wants:
        if want.proxied and (want.name in tcp or config.provider != "cloudflare"):
            why = f"{tcp[want.name]} speaks TCP, and the proxy only HTTP" if want.name in tcp else "only Cloudflare has a proxy"
            problems.append(f"{want.name} is not proxied: {why}; its plain addresses are published")
            want = replace(want, proxied=False)
        found.append(want)
    return tuple(found)


def _tcp_names(config: Config, cluster: Cluster) -> Dict[str, str]:
    """Names that clients reach by another protocol than HTTP, and who speaks it."""
    tcp = tcp_services(cluster)
    said = [(cluster.objects[path].name, path) for path in sorted(tcp)]
    said += [(one.name, one.path) for one in names_asked(cluster)[0] if one.path in tcp]
    said += [(host, "MongoDB") for seed in config.mongo for host in (seed.name, *(host for host, _ in seed.members))]
    found: Dict[str, str] = {}
    for name, who in said:
        try:
            found.setdefault(absolute(name, config.domain), who)
        except ConfigError:
            continue  # What is no name is said where it is asked for.
    return found
