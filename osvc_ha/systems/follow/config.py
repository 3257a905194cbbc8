"""Keywords of the follower, and the frozen Config they become. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

from osvc_ha import PROGRAM
from osvc_ha.planner.errors import ConfigError
from osvc_ha.planner.reader import refuse_unknown, whole_of
from osvc_ha.planner.types import Keyword

KEYWORDS: Tuple[Keyword, ...] = (
    Keyword("path", "The service this is a resource of, as namespace/kind/name.", "this one"),
    Keyword("like", "Resources of this service whose systems it follows, with the keywords that they have; separated by spaces."),
    Keyword("systems", "Further systems to follow, separated by spaces. Without like: haproxy."),
    Keyword("keywords", "Their keywords, as SYSTEM.KEYWORD=VALUE, separated by spaces and quoted as in a shell."),
    Keyword("settings", "A YAML file with their keywords by system."),
    Keyword("runtime_dir", "Its socket, its log and what it saw last live here.", "/run/osvc_ha/<namespace>.<service>"),
    Keyword("resync", "Seconds after which to look even if nothing woke it.", "60"),
    Keyword("program", "The osvc-ha program.", PROGRAM),
    Keyword("start_timeout", "Seconds it may take until its first look is done.", "30"),
)
# sockaddr_un takes 107 characters.
LONGEST_RUNTIME_DIR = 107 - len("/watch.sock")


@dataclass(frozen=True)
class Config:
    """How the follower is run. Times in seconds."""

    path: str
    like: Tuple[str, ...]
    systems: Tuple[str, ...]
    keywords: Tuple[str, ...]
    settings: str
    runtime_dir: Path
    resync: int
    program: str
    start_timeout: int

    @property
    def argv(self) -> Tuple[str, ...]:
        """The command that runs it."""
        words = [self.program, "watch", *self.systems, "--runtime-dir", str(self.runtime_dir), "--resync", str(self.resync)]
        words += ["--service", self.path]
        for rid in self.like:
            words += ["--like", rid]
        words += ["--settings", self.settings] if self.settings else []
        for pair in self.keywords:
            words += ["--set", pair]
        return tuple(words)

    @property
    def seen_file(self) -> Path:
        """What it saw last: osvc_ha/seen.py."""
        return self.runtime_dir / "watch.json"

    @property
    def log_file(self) -> Path:
        """Its standard error."""
        return self.runtime_dir / "watch.log"


def parse(keywords: Mapping[str, str]) -> Config:
    """Keywords as strings -> Config. ConfigError names the keyword, its value and what would do."""
    refuse_unknown("follow", keywords, KEYWORDS)
    path = keywords.get("path", "")
    if path.count("/") != 2:
        raise ConfigError(f"follow: path={path!r} is not a service, such as prod/svc/ingress")
    namespace, _, name = path.split("/")
    runtime_dir = keywords.get("runtime_dir") or f"/run/osvc_ha/{namespace}.{name}"
    if not runtime_dir.startswith("/") or len(runtime_dir) > LONGEST_RUNTIME_DIR:
        raise ConfigError(f"follow: runtime_dir={runtime_dir} is not an absolute path of at most {LONGEST_RUNTIME_DIR} characters")
    like = tuple(keywords.get("like", "").split())
    systems = tuple((keywords.get("systems") or ("" if like else "haproxy")).split())
    pairs = _pairs(keywords.get("keywords", ""), systems)
    return Config(
        path=path,
        like=like,
        systems=systems,
        keywords=pairs,
        settings=keywords.get("settings", ""),
        runtime_dir=Path(runtime_dir),
        resync=whole_of("follow", keywords, "resync", 1, 86_400, "60"),
        program=keywords.get("program") or PROGRAM,
        start_timeout=whole_of("follow", keywords, "start_timeout", 1, 86_400, "30"),
    )


def _pairs(text: str, systems: Tuple[str, ...]) -> Tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ConfigError(f"follow: keywords={text!r}: {error}") from error
    for word in words:
        name, equals, _ = word.partition("=")
        if not equals or name.partition(".")[0] not in systems or not name.partition(".")[2]:
            raise ConfigError(f"follow: keywords: {word!r} is not SYSTEM.KEYWORD=VALUE of one of {', '.join(systems)}")
    return words
