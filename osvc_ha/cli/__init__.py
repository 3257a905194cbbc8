"""The command line: one file per command, imported when it is called (a hook pays for no other).

docs/cli.md holds the exit codes and the shape of every JSON answer.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Optional

import click

from osvc_ha import __version__
from osvc_ha.planner.errors import ApplyError, ConfigError, HaError, NotConverged, ObserveError, UnsafePlan

COMMANDS = {
    "plan": "Show the steps a start, stop or follow would take, and why; change nothing.",
    "apply": "Take those steps.",
    "status": "Nodes, services, listeners, and what is wrong, in one page.",
    "watch": "Follow placement changes until stopped: the long-lived follower.",
    "resource": "What OpenSVC asks of a resource, for agent 3 and by hand: start, stop, status, info, provision, unprovision, check.",
    "labels": "What was opted in to L4, from where, and what is wrong with it.",
    "dns": "What the dns system would own: `dns export` prints it as a zone file.",
    "mongo": "What only a person may do to a replica set: `mongo force-reconfig` goes on with a minority.",
    "drbd": "What DRBD itself calls, and what only a person may do to a resource.",
    "snapshot": "Write what OpenSVC knows to a file that every command can read.",
    "install": "Put hooks, templates and drivers where OpenSVC looks for them on this node, or take them away.",
    "doctor": "What of this node and cluster would spoil a failover, each with the command that mends it.",
    "conformance": "Try on this machine whether a driver keeps its contract: start twice, programs that hang, drivers killed half way.",
    "demo": "Three nodes on this machine: Redis, Sentinel, HAProxy and MongoDB under faults, with figures.",
}

EPILOG = """\b
Try this first, away from any cluster:
  osvc-ha demo
Look before you leap, on a node or on a colleague's snapshot:
  osvc-ha plan haproxy
  osvc-ha plan haproxy --snapshot bug.json --node n2
Exit codes: 0 done or nothing to do, 2 a mistake in what you wrote, 3 cannot tell,
4 refused as unsafe, 5 a step failed, 6 steps done but not converged."""

KINDS = {ConfigError: "config", ObserveError: "observe", UnsafePlan: "unsafe", ApplyError: "apply", NotConverged: "not-converged"}
USAGE = 2
STOPPED = 130


class Lazy(click.Group):
    """A group whose commands are modules of this package."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In teaching order, not by alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Optional[click.Command]:
        """Import the module that holds it."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"osvc_ha.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table above, so that --help imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="osvc-ha")
def group() -> None:
    """Make Redis, HAProxy and their like follow what OpenSVC decides."""


def main() -> None:
    """Entry point: an error is one line (or one JSON object) and its exit code, never a trace."""
    words = sys.argv[1:]
    try:
        code = group(words, prog_name="osvc-ha", standalone_mode=False)
        # A handler that the kernel starts has no streams.
        if sys.stdout is not None:
            sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except HaError as error:
        _fail(words, _kind(error), str(error), error.exit_code)
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            # click 8.2 and later raise it, its message is the help text; older ones print it themselves.
            error.show()
            sys.exit(USAGE)
        _fail(words, "usage", f"{error.format_message()}{_try(error)}", USAGE)
    except (click.Abort, KeyboardInterrupt):
        _fail(words, "stopped", "stopped", STOPPED)
    except BrokenPipeError:
        # Whoever read us has seen enough (`| head`); what is still buffered must not raise again when Python ends.
        # click itself ends with 1, as silently, when that happens while a command runs.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _kind(error: HaError) -> str:
    return next((kind for family, kind in KINDS.items() if isinstance(error, family)), "error")


def _try(error: click.ClickException) -> str:
    ctx = getattr(error, "ctx", None)
    return f" (`{ctx.command_path} --help` shows how)" if ctx is not None else ""


def _fail(words: Sequence[str], kind: str, message: str, code: int) -> None:
    line = " ".join(message.split())
    if _wants_json(words):
        import json

        click.echo(json.dumps({"error": {"kind": kind, "message": line}}, indent=2, sort_keys=True))
    else:
        click.echo(f"osvc-ha: {line}", err=True)
    sys.exit(code)


def _wants_json(words: Sequence[str]) -> bool:
    """Read from the words themselves: the mistake may be one that keeps them from being parsed."""
    return "--format=json" in words or ("--format", "json") in zip(words, words[1:])
