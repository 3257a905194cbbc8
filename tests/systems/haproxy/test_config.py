"""Keywords as an operator writes them."""

from __future__ import annotations

import pytest

from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.haproxy.config import KEYWORDS, Config, resp


def test_every_keyword_has_a_default_that_parses() -> None:
    """A resource section without any keyword works."""
    config = Config.parse({})
    assert str(config.runtime_socket) == "/run/osvc_ha/haproxy/haproxy.sock"
    assert {keyword.name for keyword in KEYWORDS} == set(Config.__dataclass_fields__)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"maxcon": "5"}, "unknown keyword maxcon=5; known: allow_empty, bind"),
        ({"maxconn": "0"}, "maxconn=0 is not a whole number from 1 to 10000000"),
        ({"check_interval": "1.5"}, "check_interval=1.5 is not a whole number from 10 to 60000"),
        ({"allow_empty": "yes"}, "allow_empty=yes is neither true nor false"),
        ({"log": "x\nglobal"}, "log holds a control character; write it on one line"),
        ({"start_command": "systemctl start haproxy"}, "stop_command and reload_command are needed too"),
    ],
)
def test_a_mistake_is_named_with_its_value_and_the_way_out(keywords: dict[str, str], message: str) -> None:
    """The keyword, what was given, and what would do."""
    with pytest.raises(ConfigError) as error:
        Config.parse(keywords)
    assert message in str(error.value)


def test_h9_words_are_sent_by_their_length() -> None:
    """Quotes, spaces, line ends and letters beyond ASCII need no escaping."""
    assert resp("AUTH", "a \"b' ü\r\n") == b"*2\r\n$4\r\nAUTH\r\n$10\r\na \"b' \xc3\xbc\r\n\r\n"
