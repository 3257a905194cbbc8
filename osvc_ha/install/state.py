"""What is on a node, and what should be. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Tuple

from osvc_ha import PROGRAM

STABLE = Path(PROGRAM).parents[1]
HOOK = "hook#osvc_ha"
LABEL = "osvc_ha"
# The label's value, in place of the version, on a node whose agent cannot import the drivers.
BROKEN = "broken"
# After these a follower may see something else; the hook says no more than "look again". Both agents split at spaces only
# (utilities/converters, converters.go), so a comma would make one event of them that never comes.
EVENTS: Mapping[str, str] = {
    "2.1": "forget_peer hb_beating hb_stale instance_start instance_stop monitor_started resource_degraded resource_restart "
    "resource_toc service_config_installed",
    # All of what om3's hooks may name (daemon/hook/main.go) and that changes who runs what.
    "3": "ForgetPeer InstanceMonitorAction NodeAlive NodeSplitAction NodeStale",
}


@dataclass(frozen=True)
class Places:
    """Where the distribution has things, and where they are to be found on a node.

    program, package: absolute. share: the directory that holds ``files`` (``hooks/placement``,
    ``service_templates/3/l4-ingress.conf``). drivers: below ``package``/site_opensvc/drivers, as ``resource/app/haredis.py``.
    agent_root: OSVC_ROOT_PATH of an agent 2.1; None on every other node.
    """

    program: Path
    package: Path
    share: Path
    files: Tuple[str, ...]
    drivers: Tuple[str, ...] = ()
    agent_root: Optional[Path] = None
    stable: Path = STABLE

    @property
    def hook(self) -> Path:
        """The command that the agent's daemon runs."""
        return self.stable / "hooks" / "placement"

    @property
    def site(self) -> Optional[Path]:
        """Where agent 2.1 looks for other people's drivers."""
        return self.agent_root / "site_opensvc" / "drivers" if self.agent_root else None


@dataclass(frozen=True)
class Found:
    """What is at a path. kind: absent, link (``target`` as written), file or directory."""

    kind: str
    target: str = ""


@dataclass(frozen=True)
class Agent:
    """What the agent says. version: 2.1 or 3. hook: our section, {} without. label: the version this node is labelled with, "" without.

    others: nodes beside this one that carry the label; None when that cannot be told.
    """

    version: str
    hook: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    others: Optional[Tuple[str, ...]] = ()


@dataclass(frozen=True)
class Actual:
    """entries: path -> what is there, for every path of ours. dull: programs that are not executable.

    agent: None without one, and while it does not answer: ``silence`` is its reason then. drivers: driver -> why agent 2.1 cannot
    import it, "" when it can; none while that cannot be told: another agent, links that are yet to be made.
    """

    entries: Mapping[str, Found]
    dull: Tuple[str, ...] = ()
    agent: Optional[Agent] = None
    silence: str = ""
    drivers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Desired:
    """What is to be there: links (path -> target), the hook section (no ``events``: none) and the label ("": none).

    kept: every path of ours, whether it is to be there or not. programs: targets that are to be executable. gone: this is an uninstall.
    """

    links: Mapping[str, str]
    kept: Tuple[str, ...] = ()
    programs: Tuple[str, ...] = ()
    command: str = ""
    events: str = ""
    label: str = ""
    gone: bool = False
