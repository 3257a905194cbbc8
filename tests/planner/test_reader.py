"""Keywords as an operator writes them: what is taken, and the sentence for what is not."""

from __future__ import annotations

import pytest

from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.reader import KeywordReader, refuse_unknown, whole_of
from osvc_ha.planner.types import Keyword

KEYWORDS = (Keyword("path", "The service."), Keyword("user", "Who."), Keyword("program", "What."))


def test_an_unknown_keyword_comes_with_those_there_are() -> None:
    """A typing error is found by reading on."""
    refuse_unknown("dns", {"path": "x"}, KEYWORDS)
    with pytest.raises(ConfigError, match=r"^dns: unknown keyword colour=blue; known: path, program, user$"):
        refuse_unknown("dns", {"colour": "blue"}, KEYWORDS)


@pytest.mark.parametrize("text", ["0", "11", "-1", "1.5", "x", "²", "٣"])
def test_what_is_no_whole_number_within_the_bounds_is_refused(text: str) -> None:
    """Digits of other scripts too: not every program reads them."""
    with pytest.raises(ConfigError) as caught:
        whole_of("haproxy", {"lease": text}, "lease", 1, 10)
    assert str(caught.value) == f"haproxy: lease={text} is not a whole number from 1 to 10"


def test_the_bounds_belong_to_it_and_a_default_stands_for_nothing() -> None:
    """An empty keyword is one that is not set."""
    assert [whole_of("x", {"a": text}, "a", 1, 10, "7") for text in ("1", "10", "")] == [1, 10, 7]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"path": "/svc/x"}, "service /svc/x: path='/svc/x' is not a service path, such as prod/svc/x"),
        ({}, "service ?: path is missing; it is a service path, such as prod/svc/x"),
        ({"path": "x", "user": "a b"}, "service x: user='a b' is not a user name"),
        ({"path": "x", "program": "mongod; rm"}, "service x: program='mongod; rm' is not a program name or path"),
    ],
)
def test_a_mistake_names_service_keyword_and_value(given: dict[str, str], words: str) -> None:
    """And what would be right."""
    with pytest.raises(ConfigError) as caught:
        reader = KeywordReader(given, KEYWORDS)
        reader.service("path", "prod/svc/x")
        reader.user("user")
        reader.program("program", "mongod")
    assert str(caught.value) == words
