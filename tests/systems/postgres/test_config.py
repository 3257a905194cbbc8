"""Keywords: what is understood, and the sentence for what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osvc_ha.planner.errors import ConfigError
from osvc_ha.systems.postgres.config import KEYWORDS, parse

GIVEN = {"path": "prod/svc/pg", "directory": "/srv/pg/data"}


def test_the_defaults_are_those_of_the_table(make_config) -> None:
    """What docs and driver show is what is used."""
    config = make_config({})
    told = {keyword.name: keyword.default for keyword in KEYWORDS}
    assert told["port"] == str(config.port)
    assert told["socket_dir"] == config.socket_dir
    assert told["programs"] == config.programs
    assert told["ready_timeout"] == f"{config.ready_timeout:g}"
    assert told["stop_timeout"] == f"{config.stop_timeout:g}"
    assert config.log == "/var/log/osvc_ha/postgres/prod.pg.log"
    assert config.role == config.user == "postgres"
    assert config.socket == "/var/run/postgresql/.s.PGSQL.5432"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"directory": ""}, "directory is missing"),
        ({"directory": "pg/data"}, "directory='pg/data' is not an absolute path"),
        ({"mount": "/srv/pg/data"}, "is not a folder below mount=/srv/pg/data"),
        ({"mount": "/srv/p"}, "is not a folder below mount=/srv/p"),
        ({"port": "70000"}, "port='70000' is not a number from 1 to 65535"),
        ({"listen": "a b"}, "listen='a b' is not addresses"),
        ({"socket_dir": "/" + "x" * 100}, "leaves no room for a socket"),
        ({"user": "a;b"}, "user='a;b' is not an account"),
        ({"clients": "all\nhost"}, "is not addresses, such as samenet"),
        ({"remove_data": "yes"}, "remove_data='yes' is not true or false"),
        ({"colour": "red"}, "unknown keyword colour"),
    ],
)
def test_a_mistake_is_named(given, words) -> None:
    """Service, keyword, value, and what would be right."""
    with pytest.raises(ConfigError, match="service prod/svc/pg") as caught:
        parse({**GIVEN, **given})
    assert words in str(caught.value)


@given(st.dictionaries(st.sampled_from([keyword.name for keyword in KEYWORDS]), st.text()))
def test_any_keywords_are_parsed_or_refused_in_words(given) -> None:
    """Never a trace; and whatever passes holds no line end, which would be another line of pg_hba.conf."""
    try:
        config = parse({**GIVEN, **given})
    except ConfigError:
        return
    assert not any("\n" in str(value) for value in vars(config).values())
