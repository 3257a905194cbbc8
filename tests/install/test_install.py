"""What an install makes on a node, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from osvc_ha import __version__
from osvc_ha.agents.om import Om
from osvc_ha.install import Answer
from osvc_ha.install.client import apply
from osvc_ha.install.state import Places
from osvc_ha.planner.errors import ApplyError
from osvc_ha.planner.types import Step

Run = Callable[..., Answer]


def tree(*tops: Path) -> list[str]:
    """Every path below, with the targets of links."""
    return sorted(f"{path} {path.readlink() if path.is_symlink() else ''}" for top in tops for path in top.rglob("*"))


def test_everything_is_where_the_agent_looks_for_it(run: Run, places: Places) -> None:
    """The program, hooks, templates, the package and the drivers are links; what is above them are real directories."""
    answer = run()
    assert len(answer.steps) == 1 + 4 + 1 + 2 + 2
    assert (places.stable / "bin" / "osvc-ha").readlink() == places.program
    assert (places.stable / "hooks" / "placement").readlink() == places.share / "hooks" / "placement"
    assert (places.stable / "service_templates" / "2.1" / "l4.conf").exists()
    assert places.agent_root is not None and places.site is not None
    assert (places.agent_root / "osvc_ha").readlink() == places.package
    assert (places.site / "resource" / "app" / "haredis.py").read_text() == "# haredis.py\n"
    assert not (places.site / "resource" / "app").is_symlink()


def test_a_second_run_does_nothing(run: Run, store: Path) -> None:
    """Not even a word to the agent beyond questions."""
    assert run().steps
    (store / "calls").write_text("")
    assert run().steps == ()
    assert not [line for line in (store / "calls").read_text().splitlines() if "update" in line]


def test_check_changes_nothing(run: Run, places: Places, store: Path, tmp_path: Path) -> None:
    """It says the very steps that an install takes."""
    before = tree(tmp_path / "agent", tmp_path / "node")
    steps = run(check=True).steps
    assert (tree(tmp_path / "agent", tmp_path / "node"), (store / "label").read_text()) == (before, "")
    assert run().steps == steps
    assert run(check=True).steps == ()


def test_uninstall_leaves_nothing(run: Run, places: Places, store: Path, tmp_path: Path) -> None:
    """Links, the directories that are empty then, what Python compiled beside them, the hook section and the label."""
    run()
    assert places.site is not None
    compiled = places.site / "resource" / "app" / "__pycache__" / "haredis.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.touch()
    # Beside its own links it asks which other nodes have osvc_ha; without a daemon that is not known, and the section stays.
    answer = run(gone=True)
    assert tree(tmp_path / "agent", tmp_path / "node") == []
    assert (store / "label").read_text() == ""
    assert "does not say which other nodes" in answer.notes[0]
    assert run(gone=True).steps == ()


def test_other_peoples_drivers_stay(run: Run, places: Places) -> None:
    """A site driver that is not ours, a file or a link, is neither replaced nor removed."""
    assert places.site is not None
    folder = places.site / "resource" / "app"
    folder.mkdir(parents=True)
    (folder / "theirs.py").write_text("theirs")
    (folder / "linked.py").symlink_to("/opt/theirs/linked.py")
    run()
    run(gone=True)
    assert sorted(path.name for path in folder.iterdir()) == ["linked.py", "theirs.py"]


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_in_the_way_is_named_and_left(run: Run, places: Places, kind: str) -> None:
    """A file, a directory or somebody's link at a path of ours: reported, kept, and everything else is installed."""
    assert places.agent_root is not None
    path = places.agent_root / "osvc_ha"
    {"file": path.touch, "directory": path.mkdir, "link": lambda: path.symlink_to("/opt/other")}[kind]()
    answer = run()
    assert [line.partition(":")[0] for line in answer.foreign] == [str(path)]
    assert (places.stable / "hooks" / "placement").is_symlink()
    assert run(gone=True).foreign
    assert path.is_symlink() is (kind == "link")
    assert path.exists() is (kind != "link")


def test_an_upgrade_moves_the_links(run: Run, places: Places) -> None:
    """A link that an older install made elsewhere is ours: it is turned, and one whose file is gone is removed."""
    run()
    hook, gone = places.stable / "hooks" / "placement", places.stable / "hooks" / "of-old"
    hook.unlink()
    hook.symlink_to("/opt/older/hooks/placement")
    gone.symlink_to("/opt/older/hooks/of-old")
    assert [(step.do, step.on) for step in run().steps] == [("link", str(hook)), ("unlink", str(gone))]
    assert hook.readlink() == places.share / "hooks" / "placement"
    assert not gone.is_symlink()


def test_a_driver_that_is_no_more_is_removed(run: Run, places: Places) -> None:
    """Left behind, its import would fail in the agent, and the resource would vanish without a word."""
    run()
    assert places.site is not None
    old = places.site / "resource" / "app" / "haold.py"
    old.symlink_to(places.package / "site_opensvc" / "drivers" / "resource" / "app" / "haold.py")
    assert [step.do for step in run().steps] == ["unlink"]
    assert not old.is_symlink()


def test_a_hook_that_lost_its_bit_gets_it_back(run: Run, places: Places) -> None:
    """Something between the wheel and the disk dropped the executable bit: the agent could not run the hook."""
    (places.share / "hooks" / "placement").chmod(0o644)
    assert "executable" in [step.do for step in run().steps]
    assert (places.stable / "hooks" / "placement").stat().st_mode & 0o111 == 0o111
    assert (places.share / "hooks" / "waking.py").stat().st_mode & 0o111 == 0, "what hooks import is no program"


def test_the_agent_is_told_through_om(run: Run, places: Places, store: Path) -> None:
    """The hook section once for the cluster, the label for this node."""
    run()
    assert f"command = {places.stable}/hooks/placement" in (store / "cluster").read_text()
    assert "," not in (store / "cluster").read_text(), "the agents split events at spaces"
    assert (store / "label").read_text().strip() == __version__


def test_a_node_that_cannot_import_a_driver_does_not_carry_the_version(run: Run, places: Places, store: Path, tmp_path: Path) -> None:
    """The others see it by the label: from the first install on, once an upgrade breaks a driver, and until it is mended."""
    (tmp_path / "agent" / "opensvc").mkdir()
    (tmp_path / "agent" / "opensvc" / "__init__.py").touch()
    driver = places.package / "site_opensvc" / "drivers" / "resource" / "app" / "haredis.py"
    driver.write_text("import no_such_module\n")
    answer = run(importing=True)
    assert (store / "label").read_text() == "broken\n"
    assert "resource/app/haredis.py" in next(step.why for step in answer.steps if step.do == "label")
    assert [line.partition(":")[0] for line in answer.broken] == ["resource/app/haredis.py"]
    assert run(importing=True).steps == ()
    driver.write_text("")
    assert [step.do for step in run(importing=True, check=True).steps] == ["label"]
    assert run(importing=True).broken == ()
    assert (store / "label").read_text() == f"{__version__}\n"
    driver.write_text("import no_such_module\n")
    assert [step.arg("value") for step in run(importing=True).steps] == ["broken"]
    assert [step.do for step in run(importing=True, gone=True).steps if step.on == "labels.osvc_ha"] == ["unlabel"]
    assert (store / "label").read_text() == ""


def test_a_step_that_nobody_knows_is_not_taken(places: Places, om: Om, store: Path) -> None:
    """Least of all for one that takes the label away."""
    (store / "label").write_text("0.1\n")
    with pytest.raises(ApplyError, match="relabel: no such step"):
        apply(Step("relabel", "labels.osvc_ha", "", ()), places, om)
    assert (store / "label").read_text() == "0.1\n"


def test_a_changed_hook_section_is_put_right(run: Run, store: Path) -> None:
    """And nothing else is touched for it."""
    run()
    (store / "cluster").write_text((store / "cluster").read_text().replace("NodeStale", "NodeStole"))
    assert [(step.do, step.on) for step in run().steps] == [("hook", "[hook#osvc_ha]")]


def test_without_an_agent_the_links_are_made(run: Run, places: Places, store: Path) -> None:
    """And it says that there is no agent."""
    answer = run(with_agent=False)
    assert (places.stable / "bin" / "osvc-ha").is_symlink()
    assert "no OpenSVC agent" in answer.notes[0]
    assert (store / "calls").read_text() == ""


def test_an_agent_that_does_not_answer_is_no_hindrance(run: Run, places: Places, store: Path) -> None:
    """The links are made; what could not be asked is said, with the agent's words, and is not taken for done."""
    (store / "mute").touch()
    answer = run()
    assert (places.stable / "bin" / "osvc-ha").is_symlink()
    assert answer.silent
    assert "no daemon" in answer.notes[0]


def test_a_step_that_fails_is_named(run: Run, places: Places) -> None:
    """With the system's words; what was done before it stays done."""
    places.stable.parent.mkdir(parents=True)
    places.stable.mkdir()
    (places.stable / "hooks").write_text("a file where a directory is to be")
    with pytest.raises(ApplyError, match="hooks.*(exists|directory)"):
        run()
    assert (places.stable / "bin" / "osvc-ha").is_symlink()
