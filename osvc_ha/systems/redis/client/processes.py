"""Starting and ending this node's redis-server and Sentinel, and their first configurations."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from osvc_ha.host import Host
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step
from osvc_ha.redis_link import Peer, Silence, links
from osvc_ha.redis_resp import Refusal
from osvc_ha.secret import read_password
from osvc_ha.systems.redis.config import USUAL_PING_PERIOD, Config
from osvc_ha.systems.redis.state import Disk
from osvc_ha.systems.redis.state.firstconfig import NOBODY, render_sentinel, render_server
from osvc_ha.systems.redis.state.replies import number, parse_info

from .peers import sentinel_peer, server_peer

LAUNCH_SECONDS = 10.0
# Redis >= 7 itself waits up to shutdown-timeout (10 s) for its replicas (redis#9693).
END_SECONDS = 15.0
ASK_SECONDS = 0.5


def server_directory(config: Config) -> Path:
    """Where redis-server has its configuration, data, log and pid file."""
    return Path(config.directory) / "server"


def sentinel_directory(config: Config) -> Path:
    """The Sentinel's own: it renames its file, which a bind mount or a read-only folder forbids (redis#12544)."""
    return Path(config.directory) / "sentinel"


def disk(config: Config, host: Host) -> Disk:
    """What is there of an earlier life."""
    server = server_directory(config)
    entries = host.names(server)
    sentinel = host.read(sentinel_directory(config) / "sentinel.conf") or ""
    return Disk(
        # An empty one, as a crash may leave it, would start a server with Redis' own defaults: another port, all addresses.
        server_config=bool(host.read(server / "redis.conf")),
        sentinel_config=bool(sentinel),
        remembers="\nsentinel monitor " in sentinel,
        has_data=any(name.endswith((".rdb", ".aof")) or name.startswith("appendonly") for name in entries),
    )


def write_server_config(config: Config, step: Step, host: Host) -> None:
    """redis.conf, mode 0600: it holds the password. So nobody else enters its folder: in a container, CONFIG REWRITE makes it 0644."""
    folder = server_directory(config)
    own = [pair for pair in step.args if pair[0] != "host"]
    text = render_server(config, step.arg("host"), str(folder), read_password(config.password_file, host), own)
    host.replace(folder / "redis.conf", text, 0o600, 0o700)


def write_sentinel_config(config: Config, step: Step, host: Host) -> None:
    """sentinel.conf, mode 0600, only where there is none or an empty one."""
    folder = sentinel_directory(config)
    text = render_sentinel(config, step.arg("host"), str(folder), read_password(config.sentinel_password_file, host))
    host.replace(folder / "sentinel.conf", text, 0o600, 0o700)


def launch_server(config: Config, step: Step, host: Host) -> None:
    """Start redis-server as a replica of nobody, whatever its configuration says by now."""
    folder = server_directory(config)
    peer = server_peer(config, step.arg("at"), host)
    argv = [config.redis_server, str(folder / "redis.conf"), "--replicaof", peer.host, str(NOBODY)]
    _launch(argv, folder / "launch.log", peer, host)


def launch_sentinel(config: Config, step: Step, host: Host) -> None:
    """Start the Sentinel on its own file."""
    folder = sentinel_directory(config)
    argv = [config.redis_sentinel, str(folder / "sentinel.conf")]
    peer = sentinel_peer(config, step.arg("at"), host)
    _launch(argv, folder / "launch.log", peer, host)
    quicken(config, peer)


def quicken(config: Config, peer: Peer) -> None:
    """Let a Sentinel with a short down-after ping more than once in that time, if it can (Redis 7 and later).

    Pings come once a second, and down-after counts from the first that stays unanswered; so does the time between two
    attempts to reconnect to a promoted server (sentinelReconnectInstance), which at 1 s looks down again. It is lost when
    the Sentinel restarts by itself, and then only slower.
    """
    if config.ping_period < USUAL_PING_PERIOD:
        links().ask({peer: [("SENTINEL", "DEBUG", "ping-period", str(config.ping_period))]}, ASK_SECONDS)


def _launch(argv: list[str], log: Path, peer: Peer, host: Host) -> None:
    # CONFIG REWRITE sets the mode to 0644 less the umask, and the file holds the password.
    pid = host.launch(["/bin/sh", "-c", 'umask 077; exec "$@"', "sh", *argv], log)
    host.wait(lambda: not host.alive(pid) or _listens(peer), LAUNCH_SECONDS)
    if not host.alive(pid):
        raise ApplyError(f"{argv[0]}: it ended at once: {_last_words(log, host)}")
    if not _listens(peer):
        # Nobody would find it again: it is known by where it listens.
        host.kill(pid, signal.SIGKILL)
        raise ApplyError(f"{argv[0]}: process {pid} does not listen on {peer} after {LAUNCH_SECONDS:g} s; see {log.parent}")


def _listens(peer: Peer) -> bool:
    """Does it accept connections? While it loads its data, it may be silent for seconds at a time."""
    answer = links().ask({peer: [("PING",)]}, ASK_SECONDS)[peer]
    return not (isinstance(answer, Silence) and answer.refused)


def _last_words(log: Path, host: Host) -> str:
    texts = [host.read(log.parent / name, lossy=True) or "" for name in ("launch.log", "redis.log", "sentinel.log")]
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "it printed nothing"


def wait_process(config: Config, step: Step, host: Host) -> None:
    """Wait for a process that somebody else has started by now. Not for long: if it died, OpenSVC has to hear so, and starts it again."""
    reach = server_peer if step.do == "wait-server" else sentinel_peer
    peer = reach(config, step.arg("at"), host)
    if not host.wait(lambda: _listens(peer), LAUNCH_SECONDS, 0.1):
        raise ApplyError(f"nothing answers on {peer} after {LAUNCH_SECONDS:g} s; with launch=false its container or app has to run")
    if step.do == "wait-sentinel":
        quicken(config, peer)


def end_server(config: Config, step: Step, host: Host) -> None:
    """SIGTERM, on which Redis saves its data, and wait for the end."""
    _end(server_peer(config, step.arg("at"), host), server_directory(config) / "redis.pid", step.on, host)


def end_sentinel(config: Config, step: Step, host: Host) -> None:
    """SIGTERM and wait for the end."""
    _end(sentinel_peer(config, step.arg("at"), host), sentinel_directory(config) / "sentinel.pid", step.on, host)


def _end(peer: Peer, pidfile: Path, node: str, host: Host) -> None:
    pid = _pid(peer, pidfile, host)
    if not pid:
        raise ApplyError(f"{peer}: neither INFO nor {pidfile} tells the process; end it by hand on {node}")
    host.kill(pid, signal.SIGTERM)
    links().drop(peer)
    # A process whose main thread is gone may hold its socket for a moment longer.
    if not host.wait(lambda: not host.alive(pid) and not _listens(peer), END_SECONDS):
        raise ApplyError(f"{peer}: process {pid} still runs {END_SECONDS:g} s after SIGTERM; see its log, then kill -9 {pid}")


def _pid(peer: Peer, pidfile: Path, host: Host) -> int:
    answer = links().ask({peer: [("INFO", "server")]}, ASK_SECONDS)[peer]
    if not isinstance(answer, Silence) and not isinstance(answer[0], Refusal):
        return number(parse_info(str(answer[0])).get("process_id"))
    pid = number((host.read(pidfile) or "0").strip())
    # A pid file outlives its process, and pids are used again.
    command = host.read(Path(f"/proc/{pid}/cmdline")) if pid else None
    return pid if command and f":{peer.port}" in command else 0


def remove_directory(config: Config, step: Step, host: Host) -> None:
    """Configurations, data and logs of this node's servers; whatever else is in ``directory`` is not ours."""
    for folder in (server_directory(config), sentinel_directory(config)):
        host.remove_tree(folder)


DO: Mapping[str, Callable[[Config, Step, Host], None]] = {
    "write-server-config": write_server_config,
    "write-sentinel-config": write_sentinel_config,
    "launch-server": launch_server,
    "launch-sentinel": launch_sentinel,
    "wait-server": wait_process,
    "wait-sentinel": wait_process,
    "end-server": end_server,
    "end-sentinel": end_sentinel,
    "remove-directory": remove_directory,
}
