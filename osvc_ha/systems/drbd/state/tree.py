"""The grammar of DRBD's configuration, as ``drbdadm dump`` and ``drbdsetup show`` print it: sections of statements. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Dict, List, Tuple

from osvc_ha.planner.errors import ObserveError

# A string may hold what would end a statement (a handler's shell command); a comment ends with its line.
TOKEN = re.compile(r'\s+|#[^\n]*|"((?:\\.|[^"\\\n])*)"|([{};])|([^\s{};"#]+)')


@dataclass
class Section:
    """``words { statements; sections }``. A statement without a value is a flag: "" ."""

    words: Tuple[str, ...] = ()
    values: Dict[str, str] = field(default_factory=dict)
    sections: List[Section] = field(default_factory=list)

    def named(self, *names: str) -> Iterator[Section]:
        """The sections of these kinds, in order."""
        return (section for section in self.sections if section.words[0] in names)

    def merged(self, name: str) -> Dict[str, str]:
        """The statements of all sections of a kind; a later one wins."""
        return {key: value for section in self.named(name) for key, value in section.values.items()}


def parse_tree(text: str, source: str) -> Section:
    """The whole as one section without words. ObserveError for what is no such text; source: who printed it, for the message."""
    root = Section()
    stack, words = [root], []
    for token, quoted in tokens(text, source):
        if quoted or token not in "{};":
            words.append(token)
        elif token == "{" and words:
            section = Section(tuple(words))
            stack[-1].sections.append(section)
            stack.append(section)
            words = []
        elif token == "}" and len(stack) > 1 and not words:
            stack.pop()
        elif token == ";":
            if words:
                stack[-1].values[words[0]] = " ".join(words[1:])
            words = []
        else:
            raise ObserveError(f"{source}: {token!r} after {' '.join(words) or 'nothing'!r} was not expected; which DRBD version is this?")
    if len(stack) > 1 or words:
        raise ObserveError(f"{source}: ends in the middle of {' '.join(words or stack[-1].words)!r}")
    return root


def tokens(text: str, source: str) -> Iterator[Tuple[str, bool]]:
    """Words and marks in their order, and of each whether it stood in quotation marks."""
    at = 0
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise ObserveError(f"{source}: a quotation mark is never closed: {text[at : at + 40]!r}")
        at = found.end()
        quoted, mark, word = found.groups()
        if quoted is not None:
            yield quoted, True
        elif mark or word:
            yield mark or word, False
