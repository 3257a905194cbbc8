"""A follower that takes the keywords of the resources beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from osvc_ha.cluster.types import Cluster, Node, Object, Sections
from osvc_ha.following import Siblings, resources_in
from osvc_ha.planner.errors import ConfigError, ObserveError

SERVICE = "prod/svc/cache"
NATIVE: Sections = {"app#member": {"type": "haredis", "port": "{env.port}"}, "app#web": {"type": "simple", "start": "/bin/web"}}
FORKING: Sections = {
    "app#member": {"type": "forking", "start": "/usr/share/osvc-ha/bin/osvc-ha resource redis start"},
    "app#door": {"start": "/usr/share/osvc-ha/bin/osvc-ha resource haproxy start"},
}


def cluster(config: Sections) -> Cluster:
    """One node, one service."""
    return Cluster("id", "name", "n1", {"n1": Node("n1", True)}, {SERVICE: Object(SERVICE, ("n1",), {}, config=config)})


class Agent:
    """Evaluates as it is told to."""

    def __init__(self, sections: Mapping[str, Mapping[str, str]]) -> None:
        self.sections = dict(sections)
        self.asked = 0

    def evaluated(self, service: str, rid: str) -> Mapping[str, str]:
        """A section of the one service."""
        self.asked += 1
        assert service == SERVICE
        return self.sections[rid]


def test_our_resources_are_known_by_driver_and_by_command() -> None:
    """On 2.1 by their type, on 3 by what they start; others are none of ours."""
    assert resources_in(NATIVE) == {"app#member": "redis"}
    assert resources_in(FORKING) == {"app#member": "redis", "app#door": "haproxy"}


def test_the_keywords_of_a_native_driver_are_taken() -> None:
    """As the agent evaluates them, less those that are the agent's own; the service is this one."""
    agent = Agent({"app#member": {"type": "haredis", "restart": "2", "port": "6390", "password_file": ""}})
    [one] = Siblings(SERVICE, ["app#member"], agent.evaluated)(cluster(NATIVE))
    assert (one.system.name, one.config.port, one.config.path) == ("redis", 6390, SERVICE)


def test_the_keywords_of_a_forking_app_are_taken_from_its_environment() -> None:
    """Quoted as agent 3 takes it; a variable of a later version is ignored."""
    words = "OSVC_HA_PORT=6391 'OSVC_HA_HAPROXY_SOCKET=/run/a.sock /run/b.sock' OSVC_HA_FUTURE=1 LANG=C"
    agent = Agent({"app#member": {"start": "osvc-ha resource redis start", "environment": words}})
    [one] = Siblings(SERVICE, ["app#member"], agent.evaluated)(cluster(FORKING))
    assert (one.config.port, one.config.haproxy_sockets) == (6391, ("/run/a.sock", "/run/b.sock"))


def test_keywords_are_read_again_when_the_config_changes() -> None:
    """And not before: a look costs no question to the agent."""
    agent = Agent({"app#member": {"port": "6390"}})
    siblings = Siblings(SERVICE, ["app#member"], agent.evaluated)
    siblings(cluster(NATIVE))
    siblings(cluster(NATIVE))
    assert agent.asked == 1
    agent.sections["app#member"] = {"port": "6399"}
    [one] = siblings(cluster({**NATIVE, "env": {"port": "6399"}}))
    assert one.config.port == 6399


def test_a_broken_keyword_is_named_and_tried_again() -> None:
    """Until it is mended; the one who follows decides what to go on with."""
    agent = Agent({"app#member": {"port": "seventy"}})
    siblings = Siblings(SERVICE, ["app#member"], agent.evaluated)
    for _ in range(2):
        with pytest.raises(ConfigError, match="port='seventy'"):
            siblings(cluster(NATIVE))
    agent.sections["app#member"] = {"port": "6390"}
    assert len(siblings(cluster(NATIVE))) == 1


@pytest.mark.parametrize(("rid", "words"), [("app#nobody", "no such resource"), ("app#web", "is none of ours")])
def test_a_resource_that_cannot_be_followed_is_named(rid: str, words: str) -> None:
    """Missing, or of another kind."""
    with pytest.raises(ConfigError, match=f"like={rid}: {words}"):
        Siblings(SERVICE, [rid], Agent({}).evaluated)(cluster(NATIVE))


def test_an_agent_that_does_not_say_is_asked_again() -> None:
    """Cannot tell is not a config without resources."""

    def silent(service: str, rid: str) -> Mapping[str, str]:
        raise ObserveError("agent 2.1 object_config: no answer")

    with pytest.raises(ObserveError):
        Siblings(SERVICE, ["app#member"], silent)(replace(cluster(NATIVE)))
