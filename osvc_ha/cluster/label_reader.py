"""The listeners that one source of labels describes, and what is wrong with it. Pure."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from osvc_ha.cluster.alphabets import LONGEST_NAME, NAME, is_of, shown
from osvc_ha.cluster.label_options import OPTIONS, PATRONI_REST_PORT, PREFIX, SHARED, SPEAK_PROXY, SPEAK_TLS
from osvc_ha.cluster.label_sources import Labelled
from osvc_ha.cluster.listeners import Check, Listener, Placement, Problem
from osvc_ha.planner.errors import ConfigError

Placed = Tuple[Tuple[str, Placement], ...]
ENABLE = f"{PREFIX}enable"


class Reader:
    """Reads one source: values by listener and option, and the problems found on the way."""

    def __init__(self, source: Labelled, problems: List[Problem]) -> None:
        self.source = source
        self.problems = problems
        # None stands for a value that could not be read: the listener that uses it stays closed.
        self.values: Dict[str, Dict[str, Any]] = {}
        self.shared: Dict[str, Any] = {}
        self.said: Dict[Tuple[str, str], str] = {}

    def enabled(self) -> bool:
        """The opt-in. Labels without it are half a sentence, which is said; ``false`` is a whole one."""
        text = self.source.labels.get(ENABLE)
        if text is None:
            self.refuse(ENABLE, f"{ENABLE} is not set, so its other labels do nothing; set it to true, or to false to silence this")
            return False
        return self.value(ENABLE, "enable", text) is True

    def read(self) -> None:
        """Sort every label into ``values`` and ``shared``."""
        for label in sorted(self.source.labels):
            if label == ENABLE:
                continue
            name, _, option = label[len(PREFIX) :].rpartition(".")
            wrong = self.misnamed(name, option)
            text = self.source.labels[label]
            if not name and option in SHARED:
                self.shared[option] = self.value(label, option, text)
                continue
            values = self.values.setdefault(name or self.source.listener, {})
            twice = self.said.setdefault((name or self.source.listener, option), label)
            if wrong or twice != label:
                self.refuse(label, f"{shown(label)} {wrong or f'says again what {twice} says; keep one'}")
                values[option] = None
            else:
                values[option] = self.value(label, option, text)

    def misnamed(self, name: str, option: str) -> str:
        """What is wrong with a label's own name, empty when nothing is."""
        if "@" in option or "@" in name:
            return "is for one node; every node renders the same listeners, so write it without @"
        if option not in OPTIONS:
            return f"is not an option ({', '.join(OPTIONS)})"
        if name and (not is_of(NAME, name, LONGEST_NAME) or name in OPTIONS):
            return f"names no listener: letters, digits, dash, underscore, up to {LONGEST_NAME}, and no option's name"
        return ""

    def value(self, label: str, option: str, text: str) -> Any:
        """The parsed value, None when it is none (and then the problem is noted)."""
        try:
            if not text.isprintable():
                raise ConfigError("holds a control character; remove it")
            return OPTIONS[option](text.strip())
        except ConfigError as error:
            # A password put here by mistake must not reach a log.
            said = label if option == "auth" else f"{label}={shown(text.strip(' '))}"
            self.refuse(label, f"{said} {error}")
            return None

    def refuse(self, label: str, why: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(shown(self.source.path), shown(label), f"{self.source.who}: {why}"))


def listeners_of(source: Labelled, placed: Placed, problems: List[Problem]) -> List[Listener]:
    """The listeners of one source, the unnamed one first; problems are appended."""
    reader = Reader(source, problems)
    if not reader.enabled():
        return []
    reader.read()
    if not reader.values:
        reader.refuse(ENABLE, f"{PREFIX}port is missing; set it, or {ENABLE}=false")
    listeners = []
    for name in sorted(reader.values, key=lambda one: (one != source.listener, one)):
        listener = _listener(reader, name, placed)
        if listener is not None:
            listeners.append(listener)
    return listeners


def _listener(reader: Reader, name: str, placed: Placed) -> Optional[Listener]:
    source = reader.source
    values = {**reader.shared, **reader.values[name]}
    if None in values.values() or values.get("enable") is False:
        return None
    prefix = PREFIX if name == source.listener else f"{PREFIX}{name}."
    if "port" not in values:
        reader.refuse(f"{prefix}port", f"{prefix}port is missing")
        return None
    check, http_path = values.get("check", (Check.TCP, ""))
    if values.get("send_proxy") and check not in SPEAK_PROXY:
        label = f"{prefix}send_proxy"
        reader.refuse(label, f"{label}=true cannot go with the {check.value} check: its protocol has no PROXY header")
        return None
    if values.get("check_tls") and check not in SPEAK_TLS:
        label = f"{prefix}check_tls"
        reader.refuse(label, f"{label}=true cannot go with the {check.value} check: HAProxy cannot ask that over TLS")
        return None
    target = values.get("target_port", values["port"])
    return Listener(
        path=source.path,
        name=name,
        port=values["port"],
        target_port=target,
        check=check,
        nodes=placed,
        http_path=http_path,
        check_port=values.get("check_port", PATRONI_REST_PORT if check is Check.PATRONI else target),
        check_tls=values.get("check_tls", False),
        sni=values.get("sni", ""),
        balance=values.get("balance", ""),
        maxconn=values.get("maxconn", 0),
        group=values.get("group", source.group),
        sentinel_port=values.get("sentinel_port", 26379),
        auth=values.get("auth", ""),
        send_proxy=values.get("send_proxy", False),
        source=source.source,
    )
