"""Change the steps of a review in small ways, one at a time, and count how many changes their tests notice.

    python tools/mutants.py                     a sample over all steps (make mutants)
    python tools/mutants.py --all verify ask    every mutant of these modules

For each mutant a process is forked that loads the changed module from memory and runs the tests that mirror it
(`reviewer/steps/x.py` -> `tests/steps/test_x.py`). No file is changed, so runs side by side do not disturb each
other. What is known is kept in `.mutants/` and not run again until a module or a test of the steps changes.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import hashlib
import importlib
import importlib.abc
import importlib.util
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STEPS = ROOT / "reviewer" / "steps"
TESTS = ROOT / "tests" / "steps"
KNOWN = ROOT / ".mutants" / "results.jsonl"
LEAST = 0.85
SAMPLE = 300
OPPOSITE: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.GtE, ast.LtE),
    ast.LtE: (ast.Gt, ast.Lt),
    ast.Gt: (ast.LtE, ast.GtE),
    ast.GtE: (ast.Lt, ast.Gt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.FloorDiv,),
    ast.FloorDiv: (ast.Mult,),
}
NOT_RUN = ("annotation", "returns", "decorator_list")
SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change of a module: `place` counts the nodes of its tree, `variant` the changes at that node."""

    module: str
    place: int
    variant: int
    line: int
    text: str

    @property
    def key(self) -> str:
        return f"{self.module}:{self.place}:{self.variant}"

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line} {self.text}"


# --- which changes there are ---------------------------------------------------------------------------------


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield (parent, field, index, node) of every node that is run: no annotation, decorator, docstring, type."""
    yield from _under(tree)


def _under(parent: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    for name, value in ast.iter_fields(parent):
        if name in NOT_RUN or (name == "keywords" and _is_field(parent)):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(node, ast.AST) or _is_docstring(parent, name, index, node) or _is_typing(node):
                continue
            yield parent, name, index, node
            yield from _under(node)


def _is_field(node: ast.AST) -> bool:
    """Tell whether this is `field(default_factory=...)`, which says how to begin and nothing else."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "field"


def _is_docstring(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> bool:
    return (
        name == "body"
        and index == 0
        and isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef)
        and isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
    )


def _is_typing(node: ast.AST) -> bool:
    """Tell whether a node is for the type checker alone: imports, `if TYPE_CHECKING`, a Protocol."""
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.ClassDef):
        return any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    return isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr)


Change = tuple[str, Callable[[], ast.AST]]


def changes(node: ast.AST, parent: ast.AST, field: str) -> list[Change]:
    """Return what may become of a node: words for a person, and what makes the new node."""
    tested = (field == "test" and isinstance(parent, ast.If | ast.IfExp)) or field == "ifs"
    found = [*_of_expression(node), *_of_statement(node)]
    if tested and not isinstance(node, ast.Compare | ast.UnaryOp):  # their opposites are there already
        found.append((f"`{_short(node)}` is negated", lambda: ast.UnaryOp(ast.Not(), node)))
    return found


def _of_expression(node: ast.AST) -> list[Change]:
    if isinstance(node, ast.Compare):
        return [
            (f"{_word(operator)} becomes {_word(other())}", lambda at=at, other=other: _op(node, at, other()))
            for at, operator in enumerate(node.ops)
            for other in OPPOSITE[type(operator)]
        ]
    if isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in OPPOSITE:
        (other,) = OPPOSITE[type(node.op)]
        return [(f"{_word(node.op)} becomes {_word(other())}", lambda: _with(node, op=other()))]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return [("`not` is gone", lambda: node.operand)]
    if isinstance(node, ast.Constant):
        return _constants(node)
    if isinstance(node, ast.Name) and node.id in SWAPPED:
        return [(f"{node.id} becomes {SWAPPED[node.id]}", lambda: _with(node, id=SWAPPED[node.id]))]
    if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Load) and len(node.elts) > 1:
        starred = [(at, part) for at, part in enumerate(node.elts) if isinstance(part, ast.Starred)]
        return [(f"`{_short(part)}` is gone", lambda at=at: _without(node, at)) for at, part in starred]
    return []


def _of_statement(node: ast.AST) -> list[Change]:
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        return [("nothing is returned", lambda: _with(node, value=ast.Constant(None)))]
    if isinstance(node, ast.Continue | ast.Break | ast.Raise) or _is_effect(node):
        return [(f"`{_short(node)}` is gone", ast.Pass)]
    return []


def _constants(node: ast.Constant) -> list[Change]:
    value: object = node.value
    if isinstance(value, bool):
        return [(f"{value} becomes {not value}", lambda: ast.Constant(not value))]
    if isinstance(value, int):
        other = value + 1 if abs(value) < 10 else value * 2 + 1
        return [(f"{value} becomes {other}", lambda: ast.Constant(other))]
    if isinstance(value, str):
        text = "" if value else "x"
        return [(f"{_short(node)} becomes {text!r}", lambda: ast.Constant(text))]
    return []


def _is_effect(node: ast.AST) -> bool:
    """Tell whether a statement only has an effect: a call, or an assignment to a part of something."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Call)
    if isinstance(node, ast.AugAssign):
        return True
    return isinstance(node, ast.Assign) and all(
        isinstance(target, ast.Attribute | ast.Subscript | ast.Tuple)
        and (not isinstance(target, ast.Tuple) or all(isinstance(part, ast.Attribute) for part in target.elts))
        for target in node.targets
    )


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _op(node: ast.Compare, at: int, other: ast.cmpop) -> ast.Compare:
    return _with(node, ops=[*node.ops[:at], other, *node.ops[at + 1 :]])


def _without(node: ast.Tuple, at: int) -> ast.Tuple:
    return _with(node, elts=[*node.elts[:at], *node.elts[at + 1 :]])


def _with(node: Any, **fields: Any) -> Any:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _word(node: ast.AST) -> str:
    return type(node).__name__


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Return every mutant of a module, in the order of its text."""
    found = []
    for place, (parent, field, _index, node) in enumerate(places(ast.parse(source))):
        for variant, (text, _make) in enumerate(changes(node, parent, field)):
            found.append(Mutant(module, place, variant, getattr(node, "lineno", 0), text))
    return found


def mutated(source: str, mutant: Mutant) -> ast.Module:
    """Return the tree of a module with this one change."""
    tree = ast.parse(source)
    for place, (parent, field, index, node) in enumerate(places(tree)):
        if place == mutant.place:
            _text, make = changes(node, parent, field)[mutant.variant]
            if index is None:
                setattr(parent, field, make())
            else:
                getattr(parent, field)[index] = make()
            return ast.fix_missing_locations(tree)
    raise LookupError(mutant.name)


# --- how one is run ------------------------------------------------------------------------------------------


class FromMemory(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a tree instead of its file."""

    def __init__(self, module: str, path: Path, tree: ast.Module) -> None:
        self.module, self.path, self.tree = module, path, tree

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        if name != self.module:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(self.path))

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.tree, str(self.path), "exec"), module.__dict__)  # our own source, changed in memory


def path_of(module: str) -> Path:
    return (ROOT / module.replace(".", "/")).with_suffix(".py")


def tests_of(module: str) -> Path:
    """Return the test module that mirrors a module."""
    if module == "reviewer.pipeline":
        return ROOT / "tests" / "test_pipeline_steps.py"
    return TESTS / f"test_{module.rpartition('.')[2]}.py"


def run_tests(tests: Path, finder: FromMemory | None) -> int:
    """Run a test module in a fork and return pytest's exit status; only there is the changed module imported."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    status = 99
    try:
        import pytest

        if finder is not None:
            sys.meta_path.insert(0, finder)
        plugins = ["-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        status = int(pytest.main(["-x", "-q", *plugins, "-o", "addopts=--import-mode=importlib", str(tests)]))
    except BaseException:  # noqa: BLE001 - a mutant may raise anything; that it did is the result
        status = 98
    finally:
        os._exit(status)


def preload() -> None:
    """Import what the tests need and what no mutant changes, so that a fork begins with it."""
    sys.path.insert(0, str(ROOT))
    for name in (
        "pytest", "hypothesis", "reviewer.change.parse", "reviewer.change.units", "reviewer.context.gather",
        "reviewer.context.lookup", "reviewer.context.guidelines", "reviewer.evidence.run",
        "reviewer.findings.check",
        "reviewer.findings.merge", "reviewer.findings.parse", "reviewer.findings.place", "reviewer.findings.rank",
        "reviewer.findings.verify", "reviewer.git.commit", "reviewer.models.ask", "reviewer.models.meter",
        "reviewer.prompts.build", "policies.load", "policies.routing", "policies.escalation",
    ):  # fmt: skip
        importlib.import_module(name)


# --- the whole -----------------------------------------------------------------------------------------------


def fingerprint() -> str:
    """Return a hash of the steps and their tests: a result holds for this text of them."""
    files = [*STEPS.glob("*.py"), ROOT / "reviewer/pipeline.py", *TESTS.glob("*.py"), Path(__file__)]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()[:16]


def known(mark: str) -> dict[str, bool]:
    """Return the results that were had before, by the mutant's name."""
    if not KNOWN.exists():
        return {}
    rows = [json.loads(line) for line in KNOWN.read_text("utf-8").splitlines()]
    return {row["mutant"]: row["killed"] for row in rows if row["mark"] == mark}


def measure(mutants: Sequence[Mutant], jobs: int, limits: dict[str, float]) -> Iterator[tuple[Mutant, bool]]:
    """Run the mutants, `jobs` at a time, and yield whether each was noticed; one that takes too long was."""
    waiting, running = list(mutants), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop(0)
            path = path_of(mutant.module)
            finder = FromMemory(mutant.module, path, mutated(path.read_text("utf-8"), mutant))
            running[run_tests(tests_of(mutant.module), finder)] = (mutant, time.monotonic())
        child, status = os.waitpid(-1, os.WNOHANG)
        if child:
            mutant, _began = running.pop(child)
            yield mutant, status != 0
            continue
        for child, (mutant, began) in running.items():
            if time.monotonic() - began > limits[mutant.module]:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child, signal.SIGKILL)
        time.sleep(0.01)


def baseline(modules: Sequence[str]) -> dict[str, float]:
    """Run the tests on the unchanged modules; return how long a mutant of each may take, in seconds."""
    limits = {}
    for module in modules:
        began = time.monotonic()
        _child, status = os.waitpid(run_tests(tests_of(module), None), 0)
        if status:
            raise SystemExit(f"{tests_of(module).relative_to(ROOT)} fails on the unchanged module")
        limits[module] = 10 + 10 * (time.monotonic() - began)
    return limits


def chosen(modules: Sequence[str], options: argparse.Namespace) -> list[Mutant]:
    """Return the mutants to run, in an order that the seed decides."""
    found = [mutant for module in modules for mutant in mutants_of(module, path_of(module).read_text("utf-8"))]
    random.Random(options.seed).shuffle(found)
    return found if options.all else found[: options.sample]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("modules", nargs="*", help="steps by name, such as verify (default: all)")
    parser.add_argument("--all", action="store_true", help="every mutant instead of a sample")
    parser.add_argument("--sample", type=int, default=SAMPLE, help=f"how many (default: {SAMPLE})")
    parser.add_argument("--seed", type=int, default=1, help="which sample (default: 1)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--least", type=float, default=LEAST, help=f"the share to hold (default: {LEAST})")
    options = parser.parse_args(argv)
    names = options.modules or sorted(path.stem for path in STEPS.glob("*.py") if path.stem != "__init__")
    names += [] if options.modules else ["pipeline"]
    modules = ["reviewer.pipeline" if name == "pipeline" else f"reviewer.steps.{name}" for name in names]
    mute = [module for module in modules if not tests_of(module).exists()]
    modules = [module for module in modules if module not in mute]
    preload()
    mutants = chosen(modules, options)
    mark = fingerprint()
    before = known(mark)
    results = {mutant: before[mutant.key] for mutant in mutants if mutant.key in before}
    left = [mutant for mutant in mutants if mutant not in results]
    KNOWN.parent.mkdir(exist_ok=True)
    with KNOWN.open("a", encoding="utf-8") as log:
        for mutant, killed in measure(left, options.jobs, baseline(sorted({m.module for m in left}))):
            results[mutant] = killed
            log.write(json.dumps({"mark": mark, "mutant": mutant.key, "killed": killed}) + "\n")
            log.flush()
    return report(results, mute, options.least)


def report(results: dict[Mutant, bool], mute: Sequence[str], least: float) -> int:
    """Print killed and total by module and what was not noticed; return 1 where the share is under `least`."""
    total = Counter(mutant.module for mutant in results)
    killed = Counter(mutant.module for mutant, dead in results.items() if dead)
    alive = [mutant for mutant, dead in results.items() if not dead]
    for mutant in sorted(alive, key=lambda mutant: (mutant.module, mutant.line)):
        print(f"not noticed: {mutant.name}")
    for module in sorted(total):
        print(f"{killed[module]:>4} of {total[module]:>4}  {killed[module] / total[module]:.2f}  {module}")
    for module in mute:
        print(f"   - no tests: {tests_of(module).relative_to(ROOT)} is missing")
    share = sum(killed.values()) / max(1, len(results))
    print(f"{sum(killed.values())} of {len(results)} mutants noticed: {share:.2f} (hold {least:.2f})")
    return int(share < least or bool(mute))


if __name__ == "__main__":
    sys.exit(main())
