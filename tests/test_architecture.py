"""The rules that keep every part readable alone, checked on the source itself."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import osvc_ha
from osvc_ha.registry import SYSTEMS, load_system

PACKAGE = Path(osvc_ha.__file__).parent
TREE = PACKAGE.parent
SLICES = sorted(file.parent for file in (PACKAGE / "systems").glob("*/__init__.py"))
SOURCES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((TREE / "tests").rglob("test_*.py"))
PURE = sorted(
    [PACKAGE / "__init__.py", PACKAGE / "systems" / "__init__.py"]
    + [*(PACKAGE / "planner").rglob("*.py"), *(PACKAGE / "cluster").rglob("*.py")]
    + [folder / f"{name}.py" for folder in SLICES for name in ("config", "state", "plan") if (folder / f"{name}.py").exists()]
    + [file for folder in SLICES for name in ("state", "plan") for file in (folder / name).glob("*.py")]
    + [PACKAGE / "authority.py", PACKAGE / "mountinfo.py", PACKAGE / "redis_resp.py", PACKAGE / "seen.py"]
    + [PACKAGE / "install" / "state.py", PACKAGE / "install" / "plan.py", PACKAGE / "doctor" / "facts.py", PACKAGE / "doctor" / "told.py"]
    + [*(PACKAGE / "doctor" / "checks").glob("*.py"), PACKAGE / "agents" / "words.py", PACKAGE / "agents" / "algebra.py"]
)

# A part that outgrows LONGEST_FILE becomes a folder of the same name: the imports, and where to look, stay the same.
FIVE_PARTS = {"__init__", "config", "state", "plan", "client"}
# What a pure file may import beside its own kind: no clock, no chance, no file, no network.
PURE_MODULES = """
    __future__ ast base64 bisect collections collections.abc copy dataclasses enum fnmatch functools graphlib hashlib heapq
    ipaddress itertools json math operator pathlib re shlex string struct textwrap types typing unicodedata urllib.parse
    xml.etree.ElementTree zlib
"""
DOORS_IN_BUILTINS = {"open", "input", "__import__", "exec", "eval", "compile", "breakpoint"}
# A path is a value; these ask the file system about it.
DOORS_IN_PATHS = """
    absolute chmod cwd exists expanduser glob home is_dir is_file is_mount is_socket is_symlink iterdir lstat mkdir open
    owner read_bytes read_text readlink resolve rglob rmdir samefile stat symlink_to touch unlink write_bytes write_text
"""
PRINTING = {"cli", "drill"}
CATCHING = {"agents"}
# Commands, and the drills behind one of them: run by people, in a virtualenv with the libraries that setup.cfg names.
FOR_PEOPLE = {"cli", "drill"}
# What a command alone imports, though it is no command: these packages, where it uses them.
FOR_A_COMMAND = {PACKAGE / "doctor" / "dates.py": {"requests", "urllib3"}}
# Files that are themselves imported only by agent 2.1, and only to ask agent 3.
AT_ONCE = {PACKAGE / "agents" / "v2.py": {"core"}, PACKAGE / "http_unix.py": {"requests", "urllib3"}}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "data", "info"}
LONGEST_FILE = 300
LONGEST_FUNCTION = 50


def name_of(path: Path) -> str:
    """A path as the tree shows it."""
    return str(path.relative_to(TREE))


def each(paths: list[Path]) -> pytest.MarkDecorator:
    """One test for each file, named after it."""
    return pytest.mark.parametrize("path", paths, ids=name_of)


def outside(folders: set[str]) -> list[Path]:
    """The sources that are in none of these folders."""
    return [path for path in SOURCES if not folders & set(path.relative_to(TREE).parts)]


def parsed(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def run_time_nodes(node: ast.AST, inside: bool = True) -> Iterator[ast.AST]:
    """Every node except what stands under ``if TYPE_CHECKING:``, which never runs, and (unless ``inside``) in functions."""
    yield node
    skipped: list[ast.stmt] = []
    if not inside and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        skipped = node.body
    for child in ast.iter_child_nodes(node):
        if child not in skipped:
            yield from run_time_nodes(child, inside)


def imported(path: Path, inside: bool = True) -> set[str]:
    """Absolute names of the modules a file imports when it runs, at its top or (unless not ``inside``) in a function."""
    package = [*path.relative_to(TREE).parent.parts]
    found: set[str] = set()
    for node in run_time_nodes(parsed(path), inside):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            found.update(f"{module}.{alias.name}" if is_ours(f"{module}.{alias.name}") else module for alias in node.names)
    return found


def is_ours(module: str) -> bool:
    """Is this a file or a folder of the project, rather than a name inside one?"""
    place = TREE / module.replace(".", "/")
    return place.is_dir() or place.with_suffix(".py").is_file()


def is_pure(module: str) -> bool:
    """May a pure file import this?"""
    if module in PURE_MODULES.split():
        return True
    file = TREE / (module.replace(".", "/") + ".py")
    return file in PURE or file.with_suffix("") / "__init__.py" in PURE


@each(PURE)
def test_pure_files_import_no_way_out(path: Path) -> None:
    """Planning can be tested, replayed and trusted because it cannot reach a clock, a file or a network."""
    assert sorted(module for module in imported(path) if not is_pure(module)) == []


@each(PURE)
def test_pure_files_open_nothing(path: Path) -> None:
    """Not through a built-in function or a path either."""
    calls = [node.func for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    methods = {call.attr for call in calls if isinstance(call, ast.Attribute)}
    assert (names & DOORS_IN_BUILTINS) | (methods & set(DOORS_IN_PATHS.split())) == set()


@pytest.mark.parametrize("folder", SLICES, ids=lambda folder: folder.name)
def test_every_system_has_the_same_five_parts(folder: Path) -> None:
    """Who has read one system finds everything in the next."""
    assert {file.stem for file in folder.iterdir() if file.name != "__pycache__"} == FIVE_PARTS


@pytest.mark.parametrize("folder", SLICES, ids=lambda folder: folder.name)
def test_a_system_knows_no_other(folder: Path) -> None:
    """Ordering and coupling between systems belong to the service template, never to code."""
    others = tuple(f"osvc_ha.systems.{other.name}" for other in SLICES if other != folder)
    assert [(file.name, module) for file in folder.glob("*.py") for module in sorted(imported(file)) if module.startswith(others)] == []


@each(SOURCES)
def test_files_and_functions_stay_short(path: Path) -> None:
    """A file is read in one sitting, a function on one screen."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{name_of(path)}: {lines} lines"
    functions = [node for node in ast.walk(parsed(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    sizes = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions}
    assert {name: size for name, size in sizes.items() if size >= LONGEST_FUNCTION} == {}


@each(outside(PRINTING))
def test_only_the_command_line_prints(path: Path) -> None:
    """Inside an agent, a stray line on stdout ends up in somebody's JSON."""
    lines = [node.lineno for node in ast.walk(parsed(path)) if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"]
    assert lines == []


@each(outside(CATCHING))
def test_only_the_agent_adapters_catch_everything(path: Path) -> None:
    """An error nobody thought of is seen, not turned into a status; at the border to the agent it must be caught."""
    caught = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.ExceptHandler) and is_broad(node)]
    assert [node.lineno for node in caught] == []


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Catches everything and does not raise it again as it was."""
    if handler.type is None:
        names = {"BaseException"}
    else:
        names = {ast.unparse(node) for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    last = handler.body[-1]
    passes_on = isinstance(last, ast.Raise) and last.exc is None
    return bool(names & {"Exception", "BaseException"}) and not passes_on


@each(SOURCES)
def test_names_say_what_is_inside(path: Path) -> None:
    """No file or folder is named after nothing in particular."""
    assert {part.removesuffix(".py") for part in path.relative_to(TREE).parts} & FORBIDDEN_NAMES == set()


@each(TESTS)
def test_every_test_states_what_a_user_would_notice(path: Path) -> None:
    """A test that cannot be said in a sentence tests nothing in particular."""
    functions = [node for node in ast.walk(parsed(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert [node.name for node in functions if node.name.startswith("test_") and not ast.get_docstring(node)] == []


def test_site_drivers_share_their_namespace() -> None:
    """An __init__.py in site_opensvc would hide the drivers of every other distribution from agent 2.1."""
    assert list((PACKAGE / "site_opensvc").rglob("__init__.py")) == []


@each(outside(FOR_PEOPLE))
def test_drivers_need_nothing_but_python(path: Path) -> None:
    """Agent 2.1 runs the drivers in its own Python, and drops without a word one that cannot be imported.

    A system that needs packages says so, is run by the program there, and imports them where it uses them: its keywords and
    plans are read by the agent's own Python all the same.
    """
    foreign = {module.partition(".")[0] for module in imported(path)} - sys.stdlib_module_names - {"osvc_ha"}
    at_once = {module.partition(".")[0] for module in imported(path, inside=False)}
    allowed = AT_ONCE.get(path, set()) | ((needs_of(path) | FOR_A_COMMAND.get(path, set())) - at_once)
    assert foreign - allowed == set()
    assert "osvc_ha.http_unix" not in imported(path, inside=False)


@each(outside(FOR_PEOPLE | {"doctor"}))
def test_only_a_command_imports_the_doctor(path: Path) -> None:
    """So what it needs beyond Python is never looked for in the agent's own."""
    assert [module for module in sorted(imported(path)) if module.startswith("osvc_ha.doctor")] == []


def needs_of(path: Path) -> set[str]:
    """The packages that the system which a file is of says it needs."""
    parts = path.relative_to(PACKAGE).parts
    return set(load_system(parts[1]).needs) if parts[0] == "systems" and len(parts) > 2 and parts[1] in SYSTEMS else set()


def test_there_is_something_to_judge() -> None:
    """The rules above look at the real tree, and see through its imports."""
    assert PACKAGE / "planner" / "reconcile.py" in PURE
    assert imported(PACKAGE / "planner" / "guard.py") >= {"osvc_ha.planner.errors", "osvc_ha.planner.types", "collections.abc"}
    assert "osvc_ha.host" not in imported(PACKAGE / "planner" / "reconcile.py")
    assert "subprocess" in imported(PACKAGE / "host.py")
    assert not is_pure("subprocess")
    assert not is_pure("osvc_ha.host")
    assert is_pure("osvc_ha.planner.types")
