"""Stands in for sshd on a node: runs a shell command that came over the network. Inside a node of the lab only.

Not in the heartbeat's process: an agent that hangs does not keep ssh from answering.
"""

from __future__ import annotations

import socketserver
import subprocess

from osvc_ha.drill.uml.guest import REMOTE_PORT

SECONDS = 20.0


class Call(socketserver.StreamRequestHandler):
    """One command: a line. The answer: its output, each line behind a dot, and ``CODE n``."""

    def handle(self) -> None:
        """Run it to its end."""
        command = self.rfile.readline().decode()
        try:
            done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=SECONDS, check=False)
            told, code = done.stdout + done.stderr, done.returncode
        except subprocess.TimeoutExpired:
            told, code = "no end\n", 124
        answer = "".join(f".{line}\n" for line in told.splitlines())
        self.wfile.write(f"{answer}CODE {code}\n".encode())


class Server(socketserver.ThreadingTCPServer):
    """A call that hangs keeps no other waiting."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server(("0.0.0.0", REMOTE_PORT), Call).serve_forever()
