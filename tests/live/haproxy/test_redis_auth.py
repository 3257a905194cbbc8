"""Redis and Sentinels that ask for a password, with every character that confuses a config file in it."""

from __future__ import annotations

import pytest

from osvc_ha.drill.processes import wait_until

pytestmark = pytest.mark.live
PATIENCE = 30.0


@pytest.fixture(scope="module")
def guarded(servers, addresses, ports, make_group):
    """A group whose servers know an ACL user ``watch``, and whose Sentinels ask for a password."""
    found = make_group(servers, addresses, next(ports), next(ports), master="n3", acl=True)
    return found


@pytest.fixture
def cache(front, guarded, ports):
    """Its listener, not started, with credentials that are right."""
    front.port = next(ports)
    front.secret = front.credentials / "cache"
    write(front.secret, f"watch:{guarded.PASSWORD}\n")
    write(front.credentials / "cache.sentinel", f":{guarded.PASSWORD}\n")
    front.service("cache", front.port, "redis", target_port=guarded.port, sentinel_port=guarded.sentinel_port, auth=front.secret)
    front.service("web", next(ports), "tcp", target_port=guarded.port)
    return front


def write(path, text: str, mode: int = 0o600) -> None:
    """A credentials file."""
    path.write_text(text)
    path.chmod(mode)


def test_h9_an_acl_user_and_any_password_log_in(cache, guarded, ask) -> None:
    """Spaces, quotes, hashes and backslashes of a password reach Redis as they are; nothing readable by others holds it."""
    cache.start()
    cache.await_up("n3", part=":cache:")
    assert ask(cache.addresses["n1"], cache.port, "PING").startswith("-NOAUTH")
    assert cache.config.config_file.stat().st_mode & 0o007 == 0
    assert guarded.PASSWORD not in cache.log()
    assert guarded.PASSWORD.encode().hex() not in cache.log()


def test_a_wrong_password_closes_the_listener_and_status_asks_for_it(cache) -> None:
    """Who cannot ask, cannot know: nobody is let through, and the status line names the file."""
    write(cache.secret, "watch:wrong\n")
    cache.start()
    cache.await_up("n1", "n2", "n3", part=":web:")
    assert cache.up(":cache:") == ()
    wait_until("all are checked", lambda: set(cache.words(":cache:").values()) == {"DOWN L7RSP"}, PATIENCE)
    wanted = f"prod/svc/cache:main: clients are refused: n1, n2, n3 fail the check; is {cache.secret} right?"
    assert wanted in cache.health().lines


@pytest.mark.parametrize(("content", "mode"), [("watch:x", 0o644), ("no colon", 0o600), (None, 0o600), (b"\xff\xfe:\x00", 0o600)])
def test_h13_unusable_credentials_drop_that_listener_only(cache, content, mode) -> None:
    """A file that is open to others, missing or no text closes what needs it; other listeners serve."""
    cache.secret.unlink()
    if content is not None:
        cache.secret.write_bytes(content if isinstance(content, bytes) else content.encode())
        cache.secret.chmod(mode)
    cache.start()
    cache.await_up("n1", "n2", "n3", part=":web:")
    wanted = f"prod/svc/cache:main: osvc.l4.auth={cache.secret}: not a file in credentials_dir, of `user:password`, mode 0600"
    assert wanted in cache.health().lines
    write(cache.secret, f"watch:{cache_password(cache)}\n")
    cache.follow()
    wait_until("the listener is back", lambda: cache.up(":cache:") == ("n3",), PATIENCE)


def cache_password(front) -> str:
    """The right password, as the Sentinels' file has it."""
    return (front.credentials / "cache.sentinel").read_text().strip()[1:]
