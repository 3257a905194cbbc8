"""mongodb+srv: what followers tell, what DNS answers, and when a member leaves. A real Knot, and real mongods."""

import threading

import dns.resolver
import dns_servers
import pytest
from dns_stage import provider, record

from osvc_ha.cluster.seedlist import seedlist_file, told_seedlist
from osvc_ha.planner.types import Verb
from osvc_ha.systems.dns.state import Change, Do
from osvc_ha.systems.mongo.client import telling

pytestmark = [pytest.mark.live, pytest.mark.skipif(bool(dns_servers.why_not("knot")), reason=dns_servers.why_not("knot"))]
HOST = f"db.{dns_servers.ZONE}"
SRV = "_mongodb._tcp.db"


class Published:
    """The members that n1's follower tells, in DNS. Addresses stand for names here, which the dns system itself would refuse."""

    def __init__(self, group, server):
        self.group, self.server, self.provider = group, server, provider(server)
        self.members_when_changed = []

    def found(self):
        """The targets that DNS answers with."""
        return {words.split()[3].rstrip(".") for words in self.server.ask(f"{SRV}.{dns_servers.ZONE}", "SRV")}

    def follow(self):
        """Both followers of n1 look: the set's tells, and DNS' writes."""
        self.group.reconcile("n1", Verb.FOLLOW)
        told = told_seedlist(seedlist_file(self.group.directory / "n1" / "seedlists", "prod/svc/grp").read_text())
        wanted = {host for host, _ in told.members}
        self.members_when_changed = list(self.group.votes())
        self.provider.listing()
        self.provider.write(
            [
                Change(do, record(SRV, "SRV", f"0 0 {self.group.port} {host}."))
                for do, hosts in ((Do.DELETE, self.found() - wanted), (Do.CREATE, wanted - self.found()))
                for host in sorted(hosts)
            ]
        )


@pytest.fixture
def published(running, monkeypatch):
    """DNS leads to all three members, and is what this machine asks."""
    with dns_servers.dns_server("knot") as server:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = [server.address], server.port
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        running.keywords["srv"] = HOST
        made = Published(running, server)
        made.follow()
        assert made.found() == set(running.addresses.values())
        yield made


def test_m16_a_member_is_removed_after_its_record_is_gone(running, published):
    """UNPROVISION of n3 waits while DNS leads clients there, and takes it out of the set when it does not any more."""
    at, seen = running.addresses["n3"], {}
    follower = threading.Thread(target=published.follow)

    def report(step):
        seen[step.do] = at in published.found()
        if step.do == "withdraw":
            follower.start()

    running.leaving.add("n3")
    running.reconcile("n3", Verb.UNPROVISION, report)
    follower.join(20)
    assert (seen["withdraw"], seen["remove"]) == (True, False)
    assert "n3" in published.members_when_changed and "n3" not in running.votes()


def test_a_record_that_stays_is_said_and_holds_up_nobody_for_ever(running, published, monkeypatch, caplog):
    """Nobody writes the zone any more: after its time n3 leaves all the same, and the log names the record."""
    monkeypatch.setattr(telling, "WITHDRAW_SECONDS", 1.5)
    running.leaving.add("n3")
    running.reconcile("n3", Verb.UNPROVISION)
    assert "n3" not in running.votes()
    assert f"mongodb+srv://{HOST}/ still leads to {running.addresses['n3']}:{running.port} after 1.5 s" in caplog.text
