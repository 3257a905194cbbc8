"""Who may use the files with secrets, and what is said of those that others can."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from osvc_ha.host import Host
from osvc_ha.systems.mongo.client.secrets import secret_trouble
from osvc_ha.systems.mongo.config import Config

FILES = ("keyfile", "password_file", "tls_cert_key")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """All three, their owner's alone."""
    for name in FILES:
        (tmp_path / name).write_text("hunter2")
        (tmp_path / name).chmod(0o400)
    return {name: str(tmp_path / name) for name in FILES}


def told(files: dict[str, str], host: Host, **more: object) -> str:
    """The sentence."""
    keywords: dict[str, object] = {"username": "ha", "tls": True, **files, **more}
    return secret_trouble(Config("prod/svc/db", "db", **keywords), host)  # type: ignore[arg-type]


def test_all_is_well(files: dict[str, str], host: Host) -> None:
    """And nothing is asked of what is not used."""
    assert told(files, host) == ""
    assert told({"password_file": "/nowhere", "tls_cert_key": "/nowhere"}, host, username="", tls=False) == ""


@pytest.mark.parametrize("keyword", FILES)
@pytest.mark.parametrize("mode", (0o640, 0o604, 0o620))
def test_one_that_others_can_use_is_named(files: dict[str, str], host: Host, keyword: str, mode: int) -> None:
    """By keyword, path and mode, with the way out, and without what is in it."""
    os.chmod(files[keyword], mode)
    words = told(files, host)
    assert words.startswith(
        f"{keyword}={files[keyword]}: others than its owner can use it (mode {mode:04o}); chmod 0400, and make a new one"
    )
    assert "hunter2" not in words


@pytest.mark.parametrize("keyword", FILES)
def test_one_that_is_not_there_is_named(files: dict[str, str], host: Host, keyword: str) -> None:
    """Or is something else. A container may have its keyfile from elsewhere."""
    Path(files[keyword]).unlink()
    assert told(files, host) == f"{keyword}={files[keyword]}: No such file or directory"
    assert bool(told(files, host, launch=False)) is (keyword != "keyfile")
    Path(files[keyword]).mkdir()
    assert told(files, host) == f"{keyword}={files[keyword]}: is no regular file"
