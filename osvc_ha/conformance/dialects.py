"""What is said to each agent, and how it answers: a throwaway service with one resource, ``app#1``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Tuple

from osvc_ha.agents import v3

RID = "app#1"
Words = Tuple[str, ...]
NO_OTHER_WORDS = "the agent asks a driver for status, start and stop; info and check are words of the exec contract"


@dataclass(frozen=True)
class Dialect:
    """words: what a case asks for -> the words behind `om <path>`. section: system, program, keywords -> options of ``app#1``.

    change, drop: words that write options, and take them away. read: what `om` printed -> (status, sentences). cannot: cases that this
    agent has no words for.
    """

    words: Mapping[str, Words]
    status: Words
    purge: Words
    section: Callable[[str, str, Mapping[str, str]], Mapping[str, str]]
    change: Callable[[Mapping[str, str]], Words]
    drop: Callable[[Iterable[str]], Words]
    read: Callable[[str], Tuple[str, str]]
    cannot: Mapping[str, str]
    tail: str = ""


def render_service(dialect: Dialect, node: str, options: Mapping[str, str]) -> str:
    """The config file of the service."""
    section = "".join(f"{name} = {value}\n" for name, value in options.items())
    return f"[DEFAULT]\nnodes = {node}\norchestrate = no\n\n[{RID}]\n{section}{dialect.tail}"


def _section_2(system: str, program: str, keywords: Mapping[str, str]) -> Mapping[str, str]:
    return {"type": f"ha{system}", **keywords}


def _section_3(system: str, program: str, keywords: Mapping[str, str]) -> Mapping[str, str]:
    run = f"{program} resource {system}"
    return {
        "type": "forking",
        "start": f"{run} start",
        "stop": f"{run} stop",
        "check": f"{run} status",
        "environment": " ".join(shlex.quote(f"{v3.PREFIX}{name.upper()}={value}") for name, value in keywords.items()),
        "retcodes": " ".join(f"{code}:{status.value}" for status, code in v3.EXIT.items()),
        "status_log": "true",
    }


def _change_2(options: Mapping[str, str]) -> Words:
    return ("set", *(word for name, value in options.items() for word in ("--kw", f"{RID}.{name}={value}")))


def _drop_2(names: Iterable[str]) -> Words:
    return ("unset", *(word for name in names for word in ("--kw", f"{RID}.{name}")))


def _drop_3(names: Iterable[str]) -> Words:
    return ("config", "update", *(word for name in names for word in ("--unset", f"{RID}.{name}")))


def _change_3(options: Mapping[str, str]) -> Words:
    return ("config", "update", *(word for name, value in options.items() for word in ("--set", f"{RID}.{name}={value}")))


def _read_2(text: str) -> Tuple[str, str]:
    found: Any = json.loads(text[text.index("{") :])["resources"].get(RID, {})
    return str(found.get("status", "")), " / ".join(map(str, found.get("log") or ()))


def _read_3(text: str) -> Tuple[str, str]:
    document: Any = json.loads(text)
    instance = document["items"][0] if isinstance(document, dict) and "items" in document else document[0]
    instance = instance.get("data", instance)
    found = instance["status"]["resources"].get(RID, {})
    said = (f"{one.get('level')}: {one.get('message')}" for one in found.get("log") or ())
    return str(found.get("status", "")), " / ".join(said)


DIALECTS = {
    "2.1": Dialect(
        words={
            "start": ("start", "--local"),
            "stop": ("stop", "--local"),
            "provision": ("provision", "--local", "--leader", "--disable-rollback"),
            "unprovision": ("unprovision", "--local", "--leader"),
            "startstandby": ("startstandby", "--local"),
            "standby on": ("set", "--kw", f"{RID}.standby=true"),
        },
        status=("print", "status", "--refresh", "--format", "json"),
        purge=("purge", "--local"),
        section=_section_2,
        change=_change_2,
        drop=_drop_2,
        read=_read_2,
        cannot={"exit_codes": NO_OTHER_WORDS},
        # Else the agent looks for ssh and rsync between the nodes.
        tail="\n[sync#i0]\ndisable = true\n",
    ),
    "3": Dialect(
        words={
            "start": ("instance", "start"),
            "stop": ("instance", "stop"),
            "startstandby": ("instance", "startstandby"),
            "standby on": ("config", "update", "--set", f"{RID}.standby=true"),
        },
        status=("instance", "status", "--refresh", "--output", "json"),
        purge=("purge", "--wait", "--time", "30s"),
        section=_section_3,
        change=_change_3,
        drop=_drop_3,
        read=_read_3,
        cannot={
            "exit_codes": NO_OTHER_WORDS,
            **dict.fromkeys(
                ("provision", "provision_while_it_runs", "unprovision"),
                "app.forking has nothing to provision: the service template does it by triggers, which run the exec contract",
            ),
        },
    ),
}
