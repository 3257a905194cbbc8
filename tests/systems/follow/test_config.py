"""Keywords of the follower as an operator writes them."""

from __future__ import annotations

import pytest

from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.follow.config import KEYWORDS, LONGEST_RUNTIME_DIR, Config, parse

PATH = {"path": "prod/svc/ingress"}
HERE = "/run/" + "x" * (LONGEST_RUNTIME_DIR - len("/run/"))


def test_every_keyword_has_a_default_that_parses() -> None:
    """A resource section without any keyword works: the agent tells the service."""
    config = parse(PATH)
    assert config.systems == ("haproxy",)
    assert str(config.runtime_dir) == "/run/osvc_ha/prod.ingress"
    assert {keyword.name for keyword in KEYWORDS} == set(Config.__dataclass_fields__)


def test_an_empty_keyword_is_its_default() -> None:
    """As a template leaves it whose env says nothing."""
    assert parse({**PATH, **{keyword.name: "" for keyword in KEYWORDS if keyword.name != "path"}}) == parse(PATH)


def test_two_services_have_their_own_place() -> None:
    """Of the same name in two namespaces, too."""
    assert parse({"path": "a/svc/x"}).runtime_dir != parse({"path": "b/svc/x"}).runtime_dir


def test_words_are_quoted_as_in_a_shell() -> None:
    """A value with spaces reaches the follower as one word."""
    config = parse({**PATH, "systems": "haproxy redis", "keywords": "haproxy.log='stdout format raw' redis.path=prod/svc/redis"})
    assert config.argv[-4:] == ("--set", "haproxy.log=stdout format raw", "--set", "redis.path=prod/svc/redis")
    assert parse({**PATH, "settings": "/etc/my.yaml"}).argv[-2:] == ("--settings", "/etc/my.yaml")


def test_a_resource_to_be_like_needs_no_system() -> None:
    """It follows the systems of those resources; others only when they are named too."""
    like = parse({**PATH, "like": "app#1 app#2"})
    assert like.systems == () and [pair for pair in zip(like.argv, like.argv[1:]) if pair[0] == "--like"] == [
        ("--like", "app#1"),
        ("--like", "app#2"),
    ]
    assert parse({**PATH, "like": "app#1", "systems": "redis"}).systems == ("redis",)


def test_the_longest_place_is_one_that_a_socket_fits_in() -> None:
    """107 characters is all that the kernel takes."""
    assert len(str(parse({**PATH, "runtime_dir": HERE}).runtime_dir / "watch.sock")) == 107


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"path": "ingress"}, "path='ingress' is not a service, such as prod/svc/ingress"),
        ({}, "path='' is not a service"),
        ({**PATH, "system": "redis"}, "unknown keyword system=redis; known: keywords, "),
        ({**PATH, "resync": "never"}, "resync=never is not a whole number from 1 to 86400"),
        ({**PATH, "resync": "0"}, "resync=0 is not a whole number from 1 to 86400"),
        ({**PATH, "start_timeout": "86401"}, "start_timeout=86401 is not a whole number"),
        ({**PATH, "resync": "٣"}, "resync=٣ is not a whole number"),
        ({**PATH, "runtime_dir": "run"}, "runtime_dir=run is not an absolute path of at most 96 characters"),
        ({**PATH, "runtime_dir": HERE + "x"}, "is not an absolute path of at most 96 characters"),
        ({**PATH, "keywords": "haproxy.bind"}, "keywords: 'haproxy.bind' is not SYSTEM.KEYWORD=VALUE of one of haproxy"),
        ({**PATH, "keywords": "bind=*"}, "keywords: 'bind=*' is not SYSTEM.KEYWORD=VALUE"),
        ({**PATH, "keywords": "redis.port=1"}, "keywords: 'redis.port=1' is not SYSTEM.KEYWORD=VALUE of one of haproxy"),
        ({**PATH, "keywords": "haproxy.log='x"}, "No closing quotation"),
    ],
)
def test_a_mistake_is_named_with_its_value_and_the_way_out(keywords: dict[str, str], message: str) -> None:
    """The keyword, what was given, and what would do."""
    with pytest.raises(ConfigError) as error:
        parse(keywords)
    assert message in str(error.value)
