"""A resource trigger of either agent: ask osvc-ha about a system, wait for its answer, then poke the watchers."""

from __future__ import annotations

import os
import sys
import time

from waking import Mistake, Words, asks_for_help, complain, poke_watchers, run

SECONDS = 60.0


def main(text: str | None, *verbs: str) -> int:
    """``osvc-ha resource SYSTEM verb`` for each verb, up to the first that fails. The exit code.

    Without a SYSTEM only the poke; without verbs no SYSTEM is taken.
    """
    if asks_for_help(text):
        return 0
    try:
        words = Words(sys.argv[1:], SECONDS)
        if words.rest and not verbs:
            raise Mistake(f"{words.rest[0]}: it only pokes, and takes no words")
    except Mistake as mistake:
        return complain(mistake)
    give_up = time.monotonic() + words.seconds
    code = 0
    for verb in verbs if words.rest else ():
        code = code or _ask(words, verb, max(0.0, give_up - time.monotonic()))
    poke_watchers(words.directory)
    return code


def _ask(words: Words, verb: str, seconds: float) -> int:
    system, *rest = words.rest
    keywords = [part for word in rest for part in (("--set", word) if "=" in word else (word,))]
    # A file in memory, not our own output: the agents read that to its end, and would wait for whatever a command leaves running.
    printed = os.memfd_create("printed")
    try:
        return run([words.program, "resource", system, verb, *keywords], seconds, printed)
    finally:
        _pass_on(printed)


def _pass_on(printed: int) -> None:
    os.lseek(printed, 0, os.SEEK_SET)
    try:
        while text := os.read(printed, 65536):
            sys.stdout.buffer.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads; Python would say so once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
