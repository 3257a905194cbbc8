"""A replica set as a model: mongods with their configurations, elections, and what each step does to them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any, Dict, List, Optional, Set, Tuple

from osvc_ha.cluster.seedlist import Seedlist
from osvc_ha.planner.types import Plan, Step, Verb
from osvc_ha.systems.mongo.config import Config
from osvc_ha.systems.mongo.plan import plan, seedlist
from osvc_ha.systems.mongo.state import Actual, Desired, Disk, Health, MemberView, Peer
from osvc_ha.systems.mongo.state.documents import Change, changed, first_config, parse_config
from osvc_ha.systems.mongo.state.setconfig import MARK, Member, SetConfig

START_OF_TIME = 1_000_000.0


class Refused(Exception):
    """The model's mongod said no, as the real one would."""


@dataclass
class Mongod:
    """One process and its directory. ``document``: the configuration it has, None before it is in a set."""

    running: bool = True
    document: Optional[Dict[str, Any]] = None
    synced: bool = False
    stale: bool = False
    data: bool = False
    config_file: bool = True
    gone_at: float = 0.0


class World:
    """Nodes n1, n2 … of a cluster whose scope they are; a set of the placed ones unless ``fresh``."""

    def __init__(self, nodes: int = 3, placed: Tuple[str, ...] = (), fresh: bool = False, **config: Any) -> None:
        self.scope = tuple(f"n{number}" for number in range(1, nodes + 1))
        self.placed: Set[str] = set(placed or self.scope)
        self.majority = True
        self.config = Config(path="prod/svc/db", replica_set="db", directory="/d", **config)
        self.time = START_OF_TIME
        self.mongods = {node: Mongod(running=node in self.placed) for node in self.scope}
        self.outside: Dict[str, str] = {}
        self.head, self.term, self.begun = "", 0, 0
        self.document: Optional[Dict[str, Any]] = None
        self.reconfigs: List[Tuple[SetConfig, SetConfig]] = []
        self.spoils: Dict[str, Dict[str, Any]] = {}
        self.peer_spoils: Dict[str, Dict[str, Any]] = {}
        self.unreached: Dict[str, str] = {}
        self.disk_spoil: Dict[str, Any] = {}
        # What this node told of the members, where that is not what it would tell now.
        self.told: Dict[str, Optional[Seedlist]] = {}
        if not fresh:
            self._grown()

    def _grown(self) -> None:
        members = [node for node in self.scope if node in self.placed]
        votes = min(7, len(members) if len(members) < 3 else len(members) - 1 + len(members) % 2)
        entries = []
        for number, node in enumerate(members):
            voter = number < votes
            priority = self.desired(node, Verb.START).priority(node) if voter else 0
            entry = {"_id": number, "host": self.host(node), "votes": int(voter), "priority": priority, "tags": {MARK: "member"}}
            entries.append(entry)
            self.mongods[node].synced = True
        self.document = {"_id": "db", "version": 3, "term": 1, "members": entries, "settings": {"replicaSetId": "id1"}}
        self.begun, self.term = 1, 1
        for node in members:
            self.mongods[node].document = copy.deepcopy(self.document)
        self.settle()

    @staticmethod
    def host(node: str) -> str:
        """host:port of a node's member."""
        return f"{node}.db:27017"

    @property
    def now_config(self) -> SetConfig:
        """The set's configuration."""
        assert self.document is not None
        return parse_config(self.document)

    def place_of(self, member: Member) -> str:
        """Its node, or its host:port."""
        return next((node for node in self.scope if self.host(node) == member.host), member.host)

    def at(self, place: str) -> str:
        """The other way round."""
        return self.host(place) if place in self.mongods else place

    def takes_part(self, member: Member) -> bool:
        """Does it run, and has it the data?"""
        place = self.place_of(member)
        if place in self.mongods:
            mongod = self.mongods[place]
            return mongod.running and mongod.document is not None and (mongod.synced and not mongod.stale or member.arbiter)
        return self.outside.get(place, "") in ("PRIMARY", "SECONDARY", "ARBITER")

    def settle(self) -> None:
        """Members elect a primary where they can, and hear of its configuration. One that has lost its data knows nothing of the set."""
        if self.document is None:
            return
        config = self.now_config
        well = [member for member in config.voters if self.takes_part(member)]
        if len(well) < config.majority:
            self.head = ""
            return
        places = [self.place_of(member) for member in sorted(well, key=lambda one: -one.priority) if member.electable]
        # A person's own member elsewhere is primary while the test says so.
        self.head = next((place for place, state in self.outside.items() if state == "PRIMARY"), self.head)
        if self.head not in places:
            self.head = next((place for place in places if place in self.mongods), "")
            if not self.head:
                return
            self.term += 1
            self.document["term"] = self.term
        for member in config.members:
            mongod = self.mongods.get(self.place_of(member))
            if mongod is not None and mongod.running:
                mongod.document = copy.deepcopy(self.document)

    def happen(self, event: str, *rest: Any) -> None:
        """One event, as a case file names it."""
        if event in ("place", "unplace"):
            (self.placed.add if event == "place" else self.placed.discard)(rest[0])
        elif event in ("add", "remove"):
            self._reconfig(Change(event, self.host(rest[0])))
        elif event == "wait":
            self.time += rest[0]
        elif event == "empty":
            self._remove_directory(rest[0])
        else:
            getattr(self, event)(rest[0])
        self.settle()

    def stale(self, node: str) -> None:
        """It was away for too long."""
        self.mongods[node].stale = True

    def kill(self, node: str) -> None:
        """The process dies."""
        if self.mongods[node].running:
            self.mongods[node].running, self.mongods[node].gone_at = False, self.time
        self.settle()

    def revive(self, node: str) -> None:
        """It runs again, with what it had."""
        self.mongods[node].running = True
        self.settle()

    def sync(self, node: str) -> None:
        """A copy of the data is complete."""
        if self.mongods[node].document is not None and self.head:
            self.mongods[node].synced, self.mongods[node].data = True, True
        self.settle()

    def desired(self, local: str, verb: Verb) -> Desired:
        """As plan.desired makes it."""
        members = tuple(node for node in self.scope if node in self.placed or (node == local and verb is Verb.START))
        return Desired(
            verb=verb,
            config=self.config,
            local=local,
            scope=self.scope,
            members=members,
            staying=tuple(node for node in self.scope if node in self.placed and node != local),
            hosts={node: self.host(node).partition(":")[0] for node in self.scope},
            first=[node for node in self.scope if node in self.placed][:1] == [local],
            majority=self.majority,
        )

    def actual(self, local: str) -> Actual:
        """As observe would return it."""
        views = {node: self.view(node) for node in self.scope}
        for node, spoil in self.spoils.items():
            made: Dict[str, Any] = {key: Health(value) if key == "health" else value for key, value in spoil.items()}
            views[node] = replace(views[node], **made)
        mongod = self.mongods[local]
        disk = replace(Disk(config=mongod.config_file, has_data=mongod.data or mongod.document is not None), **self.disk_spoil)
        actual = Actual(local, self.time, views, disk, self.unreached)
        told = self.told[local] if local in self.told else seedlist(actual, self.desired(local, Verb.FOLLOW))
        return replace(actual, disk=replace(disk, told=told))

    def view(self, node: str) -> MemberView:
        """One mongod by its own words."""
        mongod = self.mongods[node]
        if not mongod.running:
            return MemberView(node, Health.ABSENT, "connection refused")
        if mongod.document is None:
            return MemberView(node, Health.ANSWERS, initiated=False, has_data=mongod.data, clock=self.time)
        config = parse_config(mongod.document)
        member = config.at(self.host(node))
        return MemberView(
            node,
            Health.ANSWERS,
            initiated=True,
            set_name="db",
            has_data=mongod.synced,
            me=self.host(node) if member is not None else "",
            primary=self.at(self.head) if self.head and member is not None else "",
            state=self.state(node, member),
            optime=self.time if mongod.synced and not mongod.stale else 1.0 if mongod.stale else 0.0,
            oldest=self.time - 1000,
            clock=self.time,
            term=self.term,
            config=config,
            committed=node == self.head,
            peers=tuple(self.peer(one) for one in config.members if self.place_of(one) != node) if member is not None else (),
            default_write_concern="implicit" if node == self.head else "",
        )

    def state(self, node: str, member: Optional[Member]) -> str:
        """stateStr."""
        mongod = self.mongods[node]
        if member is None:
            return "REMOVED"
        if mongod.stale or not mongod.synced:
            return "RECOVERING" if mongod.stale else "STARTUP2"
        return "PRIMARY" if node == self.head else "SECONDARY"

    def peer(self, member: Member) -> Peer:
        """How the others see it."""
        place = self.place_of(member)
        mongod = self.mongods.get(place)
        running = mongod.running if mongod is not None else bool(self.outside.get(place))
        state = self.state(place, member) if mongod is not None else self.outside.get(place, "")
        gone = self.time - mongod.gone_at if mongod is not None and not running else 0.0 if running else 1e6
        optime = self.time if state in ("PRIMARY", "SECONDARY") else 0.0
        seen = Peer(
            place,
            state if running else "(not reachable/healthy)",
            running,
            "",
            gone,
            optime,
            self.now_config.stamp,
        )
        return replace(seen, **self.peer_spoils.get(place, {}))

    def plan(self, local: str, verb: Verb) -> Plan:
        """What would be done now."""
        return plan(self.actual(local), self.desired(local, verb))

    def do(self, step: Step) -> None:
        """What apply does, when the set plays along. Refused where the real one would refuse."""
        if "change" in dict(step.args):
            self._reconfig(Change.parse(step.arg("change")))
        else:
            getattr(self, "_" + step.do.replace("-", "_"))(step)
        self.settle()

    def _reconfig(self, change: Change) -> None:
        if not self.head or self.document is None:
            raise Refused("there is no primary")
        made = changed(self.document, change)
        if made is None:
            return
        before, after = parse_config(self.document), parse_config(made)
        if after.at(self.at(self.head)) is None or sum(self.takes_part(one) for one in after.voters) < after.majority:
            raise Refused("Quorum check failed because not enough voting nodes responded")
        self.reconfigs.append((before, after))
        for member in before.members:
            if self.place_of(member) in self.mongods and after.at(member.host) is None:
                removed = self.mongods[self.place_of(member)]
                removed.document = copy.deepcopy(made) if removed.running else removed.document
        self.document = made

    def _write_config(self, step: Step) -> None:
        self.mongods[step.on].config_file = True

    def _launch(self, step: Step) -> None:
        self.mongods[step.on].running = True

    _wait = _launch

    def _initiate(self, step: Step) -> None:
        first = self.plan(step.arg("local"), Verb.START)
        if not first or first[0].do != "initiate":
            raise Refused("somebody else was quicker")
        self.begin(step)

    def begin(self, step: Step) -> None:
        """replSetInitiate, whatever anybody else has done meanwhile: the other set is forgotten here, and counted."""
        node = step.arg("local")
        self.begun += 1
        made = first_config("db", step.arg("host"), int(step.arg("priority")), self.config.election_timeout)
        self.document = {**made, "term": 1, "settings": {"replicaSetId": f"id{self.begun}"}}
        self.mongods[node].document, self.mongods[node].synced = copy.deepcopy(self.document), True

    def _create_users(self, step: Step) -> None:
        return

    def _step_down(self, step: Step) -> None:
        config = self.now_config
        others = [self.place_of(one) for one in config.voters if one.electable and self.takes_part(one)]
        heirs = [place for place in others if place != step.on and place in self.mongods]
        if self.head != step.on or not heirs:
            raise Refused("No electable secondaries caught up")
        self.head, self.term = heirs[0], self.term + 1

    def _wait_primary(self, step: Step) -> None:
        if not self.head or self.at(self.head) == step.arg("not"):
            raise Refused("no other primary")

    def _sync_from(self, step: Step) -> None:
        return

    _drain = _withdraw = _sync_from

    def _stop(self, step: Step) -> None:
        self.kill(step.on)

    def _remove_directory(self, step: Any) -> None:
        node = getattr(step, "on", step)
        self.mongods[node] = Mongod(running=False, config_file=False, gone_at=self.mongods[node].gone_at)
