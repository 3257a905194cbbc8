"""Programs that are started and waited for: none outlives its caller's patience."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator


@contextlib.contextmanager
def killed_at_the_end(child: subprocess.Popen[str]) -> Iterator[None]:
    """Unless the body succeeds, kill the child's whole session: its children hold our pipes and its locks.

    One that sleeps in the kernel (a dead disk, a dead NFS server) cannot be killed; it is left behind
    after a second, because waiting for it would hang us too.
    """
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=1)
        raise
    finally:
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
