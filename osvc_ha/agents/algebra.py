"""How agent 2.1 makes an instance's avail and overall from its resources' (core/status, core/objects/svc.py group_status). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Dict, FrozenSet, Tuple

UP, DOWN, WARN, NA, UNDEF = "up", "down", "warn", "n/a", "undef"
STDBY_UP, STDBY_DOWN = "stdby up", "stdby down"
# Between two of them only: what standby resources become together with the others is decided at the end.
UP_MIX, DOWN_MIX = "stdby up with up", "stdby up with down"

# Every other pair of different ones is a warning.
PAIRS: Mapping[FrozenSet[str], str] = {
    frozenset((UP, STDBY_UP)): UP_MIX,
    frozenset((UP, UP_MIX)): UP_MIX,
    frozenset((STDBY_UP, UP_MIX)): UP_MIX,
    frozenset((DOWN, STDBY_UP)): DOWN_MIX,
    frozenset((DOWN, DOWN_MIX)): DOWN_MIX,
    frozenset((STDBY_UP, DOWN_MIX)): DOWN_MIX,
    frozenset((DOWN, STDBY_DOWN)): STDBY_DOWN,
}


def merged(first: str, second: str) -> str:
    """Of two statuses. undef and n/a yield to any other; anything that the agent does not know is undef."""
    for neutral in (UNDEF, NA):
        if first == neutral:
            return second
        if second == neutral:
            return first
    return first if first == second else PAIRS.get(frozenset((first, second)), WARN)


def standby(word: str, is_standby: bool) -> str:
    """What a standby resource's own word is called."""
    return {UP: STDBY_UP, DOWN: STDBY_DOWN}.get(word, word) if is_standby else word


def recomputed(instance: Mapping[str, Any]) -> Dict[str, Any]:
    """status_group, avail, optional and overall for the resources as they are now in an instance's status."""
    groups: Dict[str, str] = dict.fromkeys(instance.get("status_group") or {}, NA)
    avail = optional = overall = NA
    for rid, resource in _counted(instance):
        word = str(resource.get("status", UNDEF))
        if str(resource.get("type", "")).startswith("sync"):
            word = {UP: NA, DOWN: WARN}.get(word, word)
        group = str(resource.get("type", rid)).partition(".")[0]
        groups[group] = merged(groups.get(group, NA), word)
        if resource.get("optional"):
            optional = merged(optional, word)
        else:
            avail = merged(avail, word)
        if _warns(resource):
            overall = merged(overall, WARN)
    if avail == UP_MIX and optional == STDBY_UP:
        optional = UP
    avail, optional = _told(avail), _told(optional)
    overall = merged(merged(overall, avail), optional)
    for nested in _nested(instance):
        overall, avail = merged(overall, str(nested.get("overall", NA))), merged(avail, str(nested.get("avail", NA)))
    told = {name: _told(word) for name, word in groups.items()}
    return {"status_group": told, "avail": avail, "optional": optional, "overall": _told(overall)}


def _counted(instance: Mapping[str, Any]) -> Iterable[Tuple[str, Mapping[str, Any]]]:
    resources = instance.get("resources") or {}
    return [(rid, one) for rid, one in resources.items() if isinstance(one, Mapping) and not one.get("disable") and not one.get("encap")]


def _nested(instance: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """What runs inside its containers, as they report it."""
    found = instance.get("encap")
    return [one for one in found.values() if isinstance(one, Mapping)] if isinstance(found, Mapping) else ()


def _warns(resource: Mapping[str, Any]) -> bool:
    return any(str(line).startswith(("warn:", "error:")) for line in resource.get("log") or ())


def _told(word: str) -> str:
    return {UP_MIX: UP, DOWN_MIX: STDBY_UP}.get(word, word)
