"""The house rules that a reader cannot see at a glance, held by walking the source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from kilo_review import COMMANDS

ROOT = Path(__file__).parent.parent
# The module above all packages, which names the program's commands, and the packages from the ground up.
TOP = "kilo_review"
PACKAGES = ("policies", "reviewer", "webhooks")
MAY_IMPORT = {
    "policies": set(),
    "reviewer": {"policies"},
    "webhooks": {"policies", "reviewer"},
}
# Distribution -> the only folders whose modules may import it.
ONLY_IN = {
    "httpx": ("reviewer/models",),
    "github": ("reviewer/github",),
    "mcp": ("reviewer/mcp",),
    "pygls": ("reviewer/lsp",),
    "lsprotocol": ("reviewer/lsp",),
    "flask": ("webhooks", "reviewer/demo"),
    "sqlalchemy": ("reviewer/ledger",),
    "alembic": ("reviewer/ledger",),
    "tree_sitter": ("reviewer/syntax", "reviewer/context", "reviewer/findings"),
}
MODULE_LIMIT = 400
# From the ground up: a folder (or module) of reviewer/ imports only what stands before it, or what stands in the
# same line. Why some stand where they do: what a model may look up is a word of context/, and findings/ reads it;
# what a prompt shows are findings, so prompts/ stands after them.
ORDER = (
    ("errors", "extras", "settings", "text"),
    ("egress",),
    ("syntax", "git"),
    ("change",),
    ("context", "models"),
    ("findings",),
    ("prompts",),
    ("evidence",),
    ("steps",),
    ("pipeline",),
    ("ledger", "github", "publish", "queue"),
    ("jobs",),
    ("metrics", "processes"),
    ("local", "demo", "cli"),
    ("ci",),
    ("quality", "mcp", "lsp"),
)


@cache
def modules() -> tuple[Path, ...]:
    packages = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return (ROOT / f"{TOP}.py", *packages)


@cache
def imported(path: Path) -> tuple[str, ...]:
    return tuple(imports(parsed(path)))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package: str):
    wrong = [
        (str(path.relative_to(ROOT)), name)
        for path in modules()
        if path.relative_to(ROOT).parts[0] == package
        for name in imported(path)
        if (top := name.partition(".")[0]) in (*PACKAGES, TOP) and top != package and top not in MAY_IMPORT[package]
    ]
    assert wrong == []


# A module named in a string, to be imported later or run with `-m`.
NAMED = re.compile(rf"(?P<top>{'|'.join((*PACKAGES, TOP))})(?:[.:][a-z_]+)+|{TOP}")
# `serve` still starts `web` by its name; it goes when the roles are handed in like the commands.
NAMED_TODAY = {"webhooks.server"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_names_in_strings_only_modules_that_it_may_import(package: str):
    wrong = [
        (str(path.relative_to(ROOT)), node.lineno, node.value)
        for path in modules()
        if path.relative_to(ROOT).parts[0] == package
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if (named := NAMED.fullmatch(node.value)) and named["top"] not in {package, *MAY_IMPORT[package]}
        if node.value not in NAMED_TODAY
    ]
    assert wrong == []


def test_every_command_names_a_module_that_can_run_it():
    for command in COMMANDS.values():
        module = import_module(command.module)
        assert callable(module.add_arguments)
        assert callable(module.main)


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_used_only_in_its_own_rooms(library: str):
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules()
        if any(name.partition(".")[0] == library for name in imported(path))
        and not path.relative_to(ROOT).as_posix().startswith(ONLY_IN[library])
    ]
    assert wrong == []


def test_only_settings_reads_the_environment():
    wrong = [
        str(path.relative_to(ROOT))
        for path in modules()
        if path != ROOT / "reviewer/settings.py"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]
    assert wrong == []


def test_no_module_has_outgrown_its_one_noun():
    long = {
        str(path.relative_to(ROOT)): count
        for path in modules()
        if "migrations" not in path.parts and (count := len(path.read_text("utf-8").splitlines())) > MODULE_LIMIT
    }
    assert long == {}


def test_nothing_runs_a_shell_or_text_as_code():
    wrong = []
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                    wrong.append((str(path), node.lineno))
                if any(word.arg == "shell" and getattr(word.value, "value", True) for word in node.keywords):
                    wrong.append((str(path), node.lineno))
    assert wrong == []


def test_every_module_says_what_it_is():
    silent = [str(path.relative_to(ROOT)) for path in modules() if ast.get_docstring(parsed(path)) is None]
    assert silent == []


LATE = re.compile(r"# noqa: (?:[A-Z0-9]+, )*PLC0415(?P<why> [-(].)?")


def test_an_import_inside_a_function_says_why_it_is_late():
    """On its line, in the comment above it, or with the first of several imports."""
    wrong = []
    for path in modules():
        before = ""
        for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
            late = LATE.search(line)
            if late and not (late["why"] or LATE.search(before) or before.lstrip().startswith("#")):
                wrong.append(f"{path.relative_to(ROOT)}:{number}")
            before = line if line.strip() else before
    assert wrong == []


# --- circles, the order of folders, the length of parameter lists --------------------------------------------

PLACE = {name: place for place, names in enumerate(ORDER) for name in names}
# What is still to be mended; nothing may join.
KNOWN_WRONG_WAY: dict[str, str] = {}
MOST_PARAMETERS = 5
# The longest list of parameters elsewhere, to be shortened; a folder that is not named takes MOST_PARAMETERS.
LONGEST_LIST = {
    "policies": 8,
    "reviewer/change": 6,
    "reviewer/context": 8,
    "reviewer/demo": 9,
    "reviewer/evidence": 6,
    "reviewer/findings": 7,
    "reviewer/git": 12,
    "reviewer/github": 8,
    "reviewer/jobs": 7,
    "reviewer/ledger": 10,
    "reviewer/models": 12,
    "reviewer/prompts": 8,
    "reviewer/publish": 12,
    "webhooks": 12,
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def graph() -> dict[str, frozenset[str]]:
    """Return which modules each module needs: imports at the top, late ones, for types, and names in strings."""
    paths = {name_of(path): path for path in modules()}
    return {name: frozenset(_needs(name, path, paths)) for name, path in paths.items()}


def _needs(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            # `from package import module` needs the module, and what is no module is a name in the package.
            whole = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [one if one in known else node.module for one in whole]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            found = [node.value.partition(":")[0]]
        yield from (one for one in found if one in known and one != name)


def circles(needs: dict[str, frozenset[str]]) -> list[set[str]]:
    """Return the sets of modules that need one another: the strongly connected components (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(needs.get(name, ())):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            members = set(stack[stack.index(name) :])
            del stack[stack.index(name) :]
            if len(members) > 1:
                found.append(members)

    for name in needs:
        if name not in index:
            visit(name)
    return found


def test_a_circle_is_seen_however_it_is_closed():
    ring = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("a"), "d": frozenset("a"), "e": frozenset()}
    assert circles(ring) == [{"a", "b", "c"}]
    assert circles({"a": frozenset("b"), "b": frozenset("c"), "c": frozenset()}) == []


def test_a_late_import_one_for_types_and_one_by_string_are_seen(tmp_path: Path):
    path = tmp_path / "a.py"
    path.write_text(
        "from typing import TYPE_CHECKING\nfrom pack import inner\nif TYPE_CHECKING:\n    import pack.typed\n"
        'def late():\n    from pack.late import thing\nCOMMANDS = {"run": "pack.named:main"}\n'
    )
    modules = ("pack.inner", "pack.typed", "pack.late", "pack.named", "pack.other")
    assert sorted(_needs("a", path, dict.fromkeys(modules, path))) == sorted(modules[:-1])


def test_no_modules_import_each_other_in_a_circle():
    """Nothing joins the circles that are still to be mended."""
    assert [sorted(circle) for circle in circles(graph())] == []


def test_every_folder_of_the_reviewer_has_its_place_in_the_order():
    names = {name.split(".")[1] for name in graph() if name.startswith("reviewer.")}
    assert names - set(PLACE) == set()


def test_a_folder_of_the_reviewer_imports_only_what_stands_before_it():
    wrong = {
        f"{name} -> {other}"
        for name, needs in graph().items()
        for other in needs
        if name.startswith("reviewer.") and other.startswith("reviewer.")
        if PLACE[name.split(".")[1]] < PLACE[other.split(".")[1]]
    }
    assert wrong == set(KNOWN_WRONG_WAY)


def parameters(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the functions of a module with the number of their parameters, `self` and `cls` not counted."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            yield node.name, len([one for one in given if one.arg not in ("self", "cls")])


def test_no_function_takes_more_parameters_than_a_reader_can_hold():
    """Five, in the steps and the pipeline too; where a longer list is left, none is longer than that."""
    long = {}
    for path in modules():
        parts = path.relative_to(ROOT).parts
        folder = parts[0] if parts[0] != "reviewer" else "/".join(parts[:2])
        most = LONGEST_LIST.get(folder, MOST_PARAMETERS)
        long |= {f"{'/'.join(parts)}: {name}": count for name, count in parameters(path) if count > most}
    assert long == {}
