"""Files with secrets: who may read them, and what is said about one that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from osvc_ha.host import Host
from osvc_ha.planner.errors import ConfigError, ObserveError
from osvc_ha.secret import is_open, read_password, read_secret
from osvc_ha.testing import FakeHost


def kept(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file with that text and mode."""
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_password_loses_its_line_end_and_nothing_else(tmp_path: Path, host: Host) -> None:
    """An editor's newline is no part of it; a space at either end is."""
    assert read_password(str(kept(tmp_path / "p", " s3cret \r\n")), host) == " s3cret "


def test_no_password_file_means_no_password(host: Host) -> None:
    """The keyword may be empty."""
    assert read_password("", host) == ""


def test_a_missing_password_file_is_named(tmp_path: Path, host: Host) -> None:
    """And what should be in it, and its mode."""
    with pytest.raises(ObserveError, match=r"/p: no such file; it should hold the password, mode 0600$"):
        read_password(str(tmp_path / "p"), host)


def test_a_secret_comes_as_it_is_written(tmp_path: Path, host: Host) -> None:
    """A key file has several lines."""
    assert read_secret("token_file", kept(tmp_path / "t", "one\ntwo\n"), host, "") == "one\ntwo\n"


@pytest.mark.parametrize(("text", "words"), [(None, "no such file"), ("", "is empty"), (" \n", "is empty")])
def test_a_secret_that_is_not_there_is_asked_for(tmp_path: Path, host: Host, text: str | None, words: str) -> None:
    """By keyword and path, with what to do."""
    path = tmp_path / "t" if text is None else kept(tmp_path / "t", text)
    with pytest.raises(ConfigError) as caught:
        read_secret("token_file", path, host, "write the token into it")
    assert str(caught.value) == f"token_file={path}: {words}; write the token into it"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777, 0o610])
def test_a_secret_that_others_can_use_is_refused(tmp_path: Path, host: Host, mode: int) -> None:
    """The sentence has the mode and the way out, and nothing of the secret."""
    path = kept(tmp_path / "t", "hunter2", mode)
    with pytest.raises(ConfigError) as caught:
        read_secret("token_file", path, host, "")
    words = f"others than its owner can use it (mode {mode:04o}); chmod 0600, and make a new one"
    assert str(caught.value) == f"token_file={path}: {words}"


@pytest.mark.parametrize(("mode", "is_it"), [(0o100600, False), (0o100400, False), (0o100700, False), (0o100440, True), (0o100601, True)])
def test_only_the_owner_counts(mode: int, is_it: bool) -> None:
    """Whatever the owner may do with it."""
    assert is_open(mode) is is_it


def test_a_secret_that_vanishes_under_our_eyes_is_no_mistake_of_the_user() -> None:
    """It was read, and then its mode could not be told: look again."""
    host = FakeHost({"/t": "x"})
    host.mode = lambda path: Host().mode(Path("/nowhere/t"))  # type: ignore[method-assign]
    with pytest.raises(ObserveError, match="^token_file=/nowhere/t: No such file or directory$"):
        read_secret("token_file", Path("/t"), host, "")
