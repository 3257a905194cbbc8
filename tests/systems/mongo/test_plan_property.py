"""Whatever happens to nodes, processes, placement and osvc_ha's own runs: what holds for every reconfig, and where it ends.

Of a model (tests/lab/mongo_model.py) that has one configuration, of which every member that runs hears at once: what is planned is tried,
on documents, for its votes, its order and its end. Not in it, and so not shown here: a configuration that is not committed yet (C2), one
that is rolled back, members that hear some and not others, data and its write concerns. The server refuses the first two, and tests/live
has the others.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from osvc_ha.planner.errors import UnsafePlan
from osvc_ha.planner.guard import refuse_beyond
from osvc_ha.planner.types import Follows, Verb
from osvc_ha.systems.mongo.plan import guard
from osvc_ha.systems.mongo.plan.voting import candidates, wanted_votes
from osvc_ha.systems.mongo.state.setconfig import voting_changes

LOOKS_AGAIN = ("wait-ready", "settle")
ROUNDS = 40
WISHES = ({"hidden": True, "priority": 0}, {"tags": {}}, {"priority": 0})
OFTEN = ("copies", "starts", "starts", "starts", "follows", "follows", "unprovisions", "goes_on")
EVENTS = (
    *OFTEN,
    *("dies", "returns", "copies", "passes", "partition", "person", "person"),
    *("starts", "killed_start", "stops", "unprovisions", "node_dies", "follows"),
    *("decides_start", "decides_follow", "decides_unprovision", "goes_on"),
)


class Events:
    """Events, and runs of osvc_ha that are whole, cut short, or decided on a look that is old by now."""

    def __init__(self, world, refused):
        self.world, self.refused = world, refused
        self.decided, self.decider, self.judged, self.theirs = [], "", 0, {}

    def others_stay(self, node):
        """Does OpenSVC keep an instance elsewhere that has the data? Nobody can know of data on nodes where nothing is to run."""
        return any(self.world.mongods[one].synced for one in self.world.placed - {node})

    def dies(self, node):
        """A process is killed."""
        self.world.kill(node)

    def returns(self, node):
        """It comes back, where OpenSVC wants it."""
        if node in self.world.placed:
            self.world.revive(node)

    def copies(self, node):
        """A copy of the data is complete."""
        self.world.sync(node)

    def passes(self, node):
        """Time goes by, longer than the grace period."""
        self.world.time += 400

    def partition(self, node):
        """OpenSVC's majority goes, and comes back."""
        self.world.majority = not self.world.majority

    def node_dies(self, node):
        """A node goes down: OpenSVC does not count it any more."""
        if self.others_stay(node):
            self.world.placed.discard(node)
            self.world.kill(node)
            self.ends(node)

    def ends(self, node):
        """A held-up run of this node's is over: it died with the node, or the agent, which runs one action on an instance at a time, has
        begun another. A follower is no action."""
        if self.decider == node:
            self.decided, self.decider = [], ""

    def starts(self, node, cut=None):
        """OpenSVC starts an instance."""
        self.ends(node)
        self.world.placed.add(node)
        self.act(node, Verb.START, cut)

    def killed_start(self, node):
        """The run is killed after its first step."""
        self.starts(node, 1)

    def stops(self, node):
        """OpenSVC stops an instance."""
        if self.others_stay(node):
            self.ends(node)
            self.world.placed.discard(node)
            self.act(node, Verb.STOP)

    def unprovisions(self, node):
        """OpenSVC unprovisions an instance: a person's wishes about its member go with it."""
        if self.others_stay(node):
            self.ends(node)
            self.world.placed.discard(node)
            if self.act(node, Verb.UNPROVISION):
                self.theirs.pop(self.world.host(node), None)

    def follows(self, node):
        """The watchers look."""
        for one in self.world.scope:
            self.act(one, Verb.FOLLOW)

    def decides_start(self, node):
        """A run looks and decides, and is then held up."""
        self.world.placed.add(node)
        self.decide(node, Verb.START)

    def decides_follow(self, node):
        """The same, of the one writer."""
        self.decide(next(one for one in self.world.scope if one in self.world.placed), Verb.FOLLOW)

    def decides_unprovision(self, node):
        """The same, of one that leaves."""
        if self.others_stay(node) and self.world.host(node) not in self.theirs:
            self.world.placed.discard(node)
            self.decide(node, Verb.UNPROVISION)

    def decide(self, node, verb):
        """What would be done now."""
        self.decider = "" if verb is Verb.FOLLOW else node
        self.decided = [step for step in self.world.plan(node, verb) if step.do not in (*LOOKS_AGAIN, "resolve") and not step.theirs]

    def goes_on(self, node):
        """What was decided then is done now, and may be refused by the set."""
        left, self.decided = self.decided, []
        for step in left:
            try:
                self.world.do(step)
            except (self.refused, UnsafePlan):
                return
            if step.do == "remove" and self.decider == step.on:
                # It was unprovisioned: a wish of meanwhile goes with the member, too.
                self.theirs.pop(self.world.host(step.on), None)

    def person(self, node):
        """Somebody makes one member special by hand."""
        world, host = self.world, self.world.host(node)
        found = [entry for entry in (world.document or {"members": ()})["members"] if entry["host"] == host]
        if found and found[0].get("votes", 1) and world.head not in ("", node) and not self.theirs:
            found[0].update(WISHES[len(world.reconfigs) % len(WISHES)])
            world.document["version"] += 1
            self.theirs[host] = dict(found[0])
            world.settle()

    def act(self, node, verb, cut=None):
        """Look, plan, guard, and do the steps. Nothing interferes, so nothing may be refused. False: the guard did."""
        steps = self.world.plan(node, verb)
        if verb is Verb.FOLLOW:
            refuse_beyond(Follows.MEMBERSHIP, verb, steps)
            assert {step.do for step in steps} <= {"remove", "vote", "unvote", "priority", "settle", "resolve"}
        try:
            guard(self.world.actual(node), self.world.desired(node, verb), steps)
        except UnsafePlan:
            return False
        for step in steps[:cut]:
            if step.do not in LOOKS_AGAIN and not step.theirs:
                self.world.do(step)
                self.count(step)
        return True

    def count(self, step):
        """After a vote was given or taken on what is true now: an odd number, or two, or one that another ready member makes odd next."""
        if step.do in ("vote", "unvote") and not self.theirs:
            config, local = self.world.now_config, step.arg("local")
            more = candidates(config, self.world.actual(local), self.world.desired(local, Verb.FOLLOW))
            assert len(config.voters) % 2 or len(config.voters) == 2 or more, (step.why, len(config.voters))

    def parity(self):
        """An even number is never left as it is, while there are a primary and somebody to change it."""
        world = self.world
        if world.document is None or not world.head or not world.majority or self.theirs or not world.placed:
            return
        voters = len(world.now_config.voters)
        first = next(one for one in world.scope if one in world.placed)
        if voters > 2 and voters % 2 == 0:
            assert world.plan(first, Verb.FOLLOW), voters

    def judge(self):
        """One vote at a time; any majority before and any after share a member; seven votes; one beginning; a person's wish is kept."""
        assert self.world.begun <= 1
        for before, after in self.world.reconfigs[self.judged :]:
            old, new = ({one.id for one in config.voters} for config in (before, after))
            assert len(voting_changes(before, after)) <= 1
            assert before.majority + after.majority > len(old | new)
            assert len(new) <= 7 and after.stamp > before.stamp
        self.judged = len(self.world.reconfigs)
        self.parity()
        for entry in (self.world.document or {"members": ()})["members"]:
            assert entry == self.theirs.get(entry["host"], entry)

    def come_back(self):
        """Everything is well again: each instance is up, no vote is missing or too many, and nothing is left to do."""
        world = self.world
        world.majority, world.placed, left = True, set(world.scope), []
        for _ in range(ROUNDS):
            for node in world.scope:
                if world.mongods[node].document is not None:
                    world.revive(node)
                self.act(node, Verb.START)
                world.sync(node)
            self.act(world.scope[0], Verb.FOLLOW)
            self.judge()
            left = [(node, step.why) for node in world.scope for verb in (Verb.START, Verb.FOLLOW) for step in world.plan(node, verb)]
            if not left:
                break
        voters = len(world.now_config.voters)
        assert not left and world.begun == 1, left
        assert voters == wanted_votes(voters, 0) or self.theirs


# Shrinking takes minutes, and the events that lead to a failure are short enough to read.
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.reuse, Phase.generate])
@given(
    nodes=st.sampled_from((3, 3, 4, 5, 2, 9, 1)),
    spare=st.integers(0, 2),
    fresh=st.booleans(),
    events=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 8)), min_size=12, max_size=40),
)
def test_m1_every_reconfig_is_safe_and_the_set_converges(world, refused, nodes, spare, fresh, events):
    """Events in any order, runs killed half way or acting on an old look: no reconfig changes two votes, no even number of votes stays, no
    wish of a person is touched, and all instances are up in the end."""
    made = world(nodes, tuple(f"n{one}" for one in range(1, max(1, nodes - spare) + 1)), fresh)
    run = Events(made, refused)
    for event, number in events:
        getattr(run, event)(made.scope[number % nodes])
        run.judge()
    run.come_back()
