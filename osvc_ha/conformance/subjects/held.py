"""A program that is stopped before it does anything, as one is that waits for a disk that does not answer."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

# Questions are answered: what is asked of the program itself, such as its version, has nothing to do with what it would start.
SCRIPT = """#!/bin/sh
case " $* " in
{questions}) ;;
*) kill -STOP $$ ;;
esac
exec {program} "$@"
"""


def held(folder: Path, program: str, *questions: str) -> str:
    """A program of that name in ``folder`` that stops itself (SIGSTOP) before it becomes ``program``. questions: words that let it pass."""
    script = folder / Path(program).name
    folder.mkdir(exist_ok=True)
    passing = "|".join(f'*" {word} "*' for word in ("--version", *questions))
    script.write_text(SCRIPT.format(questions=passing, program=shlex.quote(shutil.which(program) or program)), encoding="utf-8")
    script.chmod(0o755)
    return str(script)
