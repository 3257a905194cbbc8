"""The words of ``om``, the agents' own command, on 2.1 and on 3. For what the sockets do not offer: the cluster's own config.

A call costs half a second of CPU on 2.1, 0.04-0.3 s on 3; nothing that is done often goes this way.
"""

from __future__ import annotations

import configparser
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Dict, Optional

from osvc_ha.agents.words import WORDS
from osvc_ha.cluster.reading import parse_json, strings
from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError, ConfigError, ObserveError

READ_SECONDS = 15.0
# 3 waits up to 30 s for the config's lock (om3, --waitlock).
WRITE_SECONDS = 45.0
# A tag, or the commit that it was built from (om3, util/version).
VERSION_3 = re.compile(r"om version \S")
# One that was built with neither has no such option; its help begins with the second (om3, core/om/root.go).
NO_VERSION = "unknown flag: --version"
HELP_3 = "the opensvc cluster management command"
SECRET = re.compile(r"secret|password", re.IGNORECASE)


def find_om(host: Host, root: Path) -> Optional[Om]:
    """The ``om`` of this node; None without an agent. root: where agent 2.1 would be (OSVC_ROOT_PATH).

    ConfigError for an ``om`` that is of neither agent, ObserveError for one that does not answer.
    """
    program = shutil.which("om")
    if program is None:
        return None
    try:
        done = host.run([program, "--version"], READ_SECONDS)
        is_3 = bool(VERSION_3.match(done.out)) or (NO_VERSION in done.err and HELP_3 in host.run([program, "--help"], READ_SECONDS).out)
    except ApplyError as error:
        raise ObserveError(str(error)) from error
    if is_3:
        return Om("3", program, host)
    # 2.1 has no such option; its command is a script of the tree that it runs.
    if (root / "opensvc" / "core").is_dir():
        return Om("2.1", program, host)
    raise ConfigError(
        f"{program}: neither agent 3 (`om --version` says {done.words!r}) nor agent 2.1 (nothing in {root}); which agent is it of?"
    )


class Om:
    """One agent's ``om``. Reading raises ObserveError, writing ApplyError, both with the program's own words."""

    def __init__(self, version: str, program: str, host: Host) -> None:
        self.version = version
        self._program = program
        self._host = host
        self._words = WORDS[version]

    def status(self) -> Mapping[str, Any]:
        """The cluster-wide status document, in this agent's own shape (cluster/v2.py, cluster/v3.py)."""
        return parse_json(self._ask("status"), f"agent {self.version} status")

    def cluster_config(self) -> Dict[str, Dict[str, str]]:
        """Section -> keyword -> value as written, without the cluster's secrets."""
        text = self._ask("cluster_config")
        found = _from_ini(text) if self.version == "3" else _from_json(text)
        return {section: {key: value for key, value in keys.items() if not SECRET.search(key)} for section, keys in found.items()}

    def node_value(self, keyword: str, evaluated: bool = False) -> str:
        """One keyword of this node's config; empty when it is not set. evaluated: with the defaults, in the agent's own form."""
        # 2.1 says None where nothing is set, and ends with 0 all the same.
        value = self._ask("node_eval" if evaluated else "node_get", keyword).strip()
        return "" if value == "None" else value

    def set_cluster(self, values: Mapping[str, str]) -> None:
        """Write keywords (``section.keyword``) of the cluster's config, which the agent copies to every node."""
        self._write("cluster_set", values)

    def remove_cluster_section(self, section: str, keywords: Sequence[str]) -> None:
        """Take a section away. 2.1 keeps its empty heading: its word for a section, `delete --rid`, deletes the whole config without it."""
        if self.version == "3":
            self._do("cluster_unset", ["--delete", section])
        else:
            self._do("cluster_unset", [word for key in keywords for word in ("--kw", f"{section}.{key}")])

    def set_node(self, values: Mapping[str, str]) -> None:
        """Write keywords of this node's config."""
        self._write("node_set", values)

    def unset_node(self, keyword: str) -> None:
        """Take a keyword of this node's config away."""
        self._do("node_unset", ["--unset" if self.version == "3" else "--kw", keyword])

    def _write(self, what: str, values: Mapping[str, str]) -> None:
        option = "--set" if self.version == "3" else "--kw"
        self._do(what, [word for key, value in values.items() for word in (option, f"{key}={value}")])

    def _ask(self, what: str, *more: str) -> str:
        argv = [self._program, *self._words[what], *more]
        try:
            done = self._host.run(argv, READ_SECONDS)
        except ApplyError as error:
            raise ObserveError(str(error)) from error
        if done.code:
            raise ObserveError(f"{' '.join(argv)}: {done.words}")
        return done.out

    def _do(self, what: str, more: Sequence[str]) -> None:
        argv = [self._program, *self._words[what], *more]
        done = self._host.run(argv, WRITE_SECONDS)
        if done.code:
            raise ApplyError(f"{' '.join(argv)}: {done.words}")


def _from_json(text: str) -> Dict[str, Dict[str, str]]:
    # "metadata" is the agent's word on the object, no section of its config.
    found = parse_json(text, "agent 2.1 cluster config")
    return {str(name): strings(keys) for name, keys in found.items() if isinstance(keys, Mapping) and name != "metadata"}


def _from_ini(text: str) -> Dict[str, Dict[str, str]]:
    # DEFAULT is a section like any other here, none that the others inherit.
    parser = configparser.RawConfigParser(default_section="", strict=False, delimiters=("=",), inline_comment_prefixes=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ObserveError(f"agent 3 cluster config: {' '.join(str(error).split())}") from error
    return {section: dict(parser.items(section)) for section in parser.sections()}
