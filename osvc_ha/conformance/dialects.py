"""What is said to each agent, and how it answers: a throwaway service with one resource."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Tuple

from osvc_ha.agents import v3

Words = Tuple[str, ...]
NO_OTHER_WORDS = "the agent asks a driver for status, start and stop; info and check are words of the exec contract"


@dataclass(frozen=True)
class Dialect:
    """rid: the resource. words: what a case asks for -> the words behind `om <path>`. section: system, program, keywords -> its options.

    change, drop: words that write options, and take them away. read: what `om` printed -> (status, sentences). cannot: cases that this
    agent has no words for.
    """

    rid: str
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
    return f"[DEFAULT]\nnodes = {node}\norchestrate = no\n\n[{dialect.rid}]\n{section}{dialect.tail}"


def _section_2(system: str, program: str, keywords: Mapping[str, str]) -> Mapping[str, str]:
    return {"type": f"ha{system}", **keywords}


def _section_3(system: str, program: str, keywords: Mapping[str, str]) -> Mapping[str, str]:
    words = " ".join(shlex.quote(f"{v3.PREFIX}{name.upper()}={value}") for name, value in keywords.items())
    return {**v3.section(system, program), "environment": words}


def _read_2(text: str, rid: str) -> Tuple[str, str]:
    found: Any = json.loads(text[text.index("{") :])["resources"].get(rid, {})
    return str(found.get("status", "")), " / ".join(map(str, found.get("log") or ()))


def _read_3(text: str, rid: str) -> Tuple[str, str]:
    document: Any = json.loads(text)
    instance = document["items"][0] if isinstance(document, dict) and "items" in document else document[0]
    instance = instance.get("data", instance)
    found = instance["status"]["resources"].get(rid, {})
    said = (f"{one.get('level')}: {one.get('message')}" for one in found.get("log") or ())
    return str(found.get("status", "")), " / ".join(said)


def _agent_2(group: str) -> Dialect:
    rid = f"{group}#1"
    return Dialect(
        rid=rid,
        words={
            "start": ("start", "--local"),
            "stop": ("stop", "--local"),
            "provision": ("provision", "--local", "--leader", "--disable-rollback"),
            "unprovision": ("unprovision", "--local", "--leader"),
            "startstandby": ("startstandby", "--local"),
            "standby on": ("set", "--kw", f"{rid}.standby=true"),
        },
        status=("print", "status", "--refresh", "--format", "json"),
        purge=("purge", "--local"),
        section=_section_2,
        change=lambda options: ("set", *(word for name, value in options.items() for word in ("--kw", f"{rid}.{name}={value}"))),
        drop=lambda names: ("unset", *(word for name in names for word in ("--kw", f"{rid}.{name}"))),
        read=lambda text: _read_2(text, rid),
        cannot={"exit_codes": NO_OTHER_WORDS},
        # Else the agent looks for ssh and rsync between the nodes.
        tail="\n[sync#i0]\ndisable = true\n",
    )


def _agent_3(group: str) -> Dialect:
    """Whatever the group: a program is an app."""
    rid = "app#1"
    update = ("config", "update")
    return Dialect(
        rid=rid,
        words={
            "start": ("instance", "start"),
            "stop": ("instance", "stop"),
            "startstandby": ("instance", "startstandby"),
            "standby on": (*update, "--set", f"{rid}.standby=true"),
        },
        status=("instance", "status", "--refresh", "--output", "json"),
        purge=("purge", "--wait", "--time", "30s"),
        section=_section_3,
        change=lambda options: (*update, *(word for name, value in options.items() for word in ("--set", f"{rid}.{name}={value}"))),
        drop=lambda names: (*update, *(word for name in names for word in ("--unset", f"{rid}.{name}"))),
        read=lambda text: _read_3(text, rid),
        cannot={
            "exit_codes": NO_OTHER_WORDS,
            **dict.fromkeys(
                ("provision", "provision_while_it_runs", "unprovision"),
                "app.forking has nothing to provision: the service template does it by triggers, which run the exec contract",
            ),
        },
    )


# Agent -> the group of its native driver -> how it is spoken to.
DIALECTS: Mapping[str, Callable[[str], Dialect]] = {"2.1": _agent_2, "3": _agent_3}
