"""Every expression of the product, how it is used, and texts that are bad for it: made from its own parts."""

from __future__ import annotations

import ast
import importlib
import os
import pkgutil
import re
import re._constants as c
import re._parser as parser
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent
PACKAGES = ("policies", "reviewer", "webhooks")
# Simulators read what our own tests and demo say.
LEFT_OUT = (".demo", ".migrations")
METHODS = ("match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split")
# THOROUGH=1 tries more texts of each expression, and a megabyte instead of a part of one.
THOROUGH = bool(os.environ.get("THOROUGH"))
MOST = 60 if THOROUGH else 30
Tree = Any


@dataclass(frozen=True)
class Used:
    """One expression and the methods by which the source uses it."""

    name: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]

    def seconds(self, text: str, *, tries: int = 1) -> float:
        """The processor time that the costliest of its uses takes on a text, the best of some tries."""
        data = text.encode("latin-1", "replace") if isinstance(self.pattern.pattern, bytes) else text
        return max(_seconds(self._call(method), data, tries) for method in self.methods)

    def _call(self, method: str) -> Callable[[Any], object]:
        if method in ("match", "fullmatch", "search"):
            return getattr(self.pattern, method)
        # What goes through a whole text does so alike.
        return lambda text: sum(1 for _match in self.pattern.finditer(text))


def _seconds(call: Callable[[Any], object], data: Any, tries: int) -> float:
    best = float("inf")
    for _ in range(tries):
        start = time.thread_time()
        call(data)
        best = min(best, time.thread_time() - start)
    return best


@cache
def expressions() -> tuple[Used, ...]:
    """Every compiled expression in the globals of a module, and every inline one."""
    known: dict[int, tuple[str, re.Pattern[Any]]] = {}
    methods: dict[str, set[str]] = {}
    shared: dict[str, set[str]] = {}
    inline: dict[tuple[str, str], set[str]] = {}
    for module in _modules():
        for name, value in vars(module).items():
            for where, pattern in _found(value):
                known.setdefault(id(pattern), (f"{module.__name__}.{name}{where}", pattern))
        tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
        for name, method in _uses(tree):
            methods.setdefault(f"{module.__name__}.{name}", set()).add(method)
            if not name.startswith("_"):
                shared.setdefault(name, set()).add(method)
        for pattern, method in _inline(tree):
            inline.setdefault((module.__name__, pattern), set()).add(method)
    out = []
    for name, pattern in known.values():
        used = methods.get(name, set()) | shared.get(name.rpartition(".")[2], set())
        out.append(Used(name, pattern, tuple(sorted(used)) or ("search", "finditer")))
    for (module_name, source), used in inline.items():
        out.append(Used(f"{module_name}:{source}", re.compile(source), tuple(sorted(used))))
    return tuple(out)


def _modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        top = importlib.import_module(package)
        yield top
        for info in pkgutil.walk_packages(top.__path__, f"{package}."):
            if not any(part in info.name for part in LEFT_OUT) and not info.name.endswith("__main__"):
                yield importlib.import_module(info.name)


def _found(value: Any, depth: int = 0) -> Iterator[tuple[str, re.Pattern[Any]]]:
    if isinstance(value, re.Pattern):
        yield "", value
    elif isinstance(value, dict) and depth < 2:
        for key, item in value.items():
            yield from ((f"[{key!r}]{where}", pattern) for where, pattern in _found(item, depth + 1))
    elif isinstance(value, tuple | list) and depth < 2:
        for at, item in enumerate(value):
            yield from ((f"[{at}]{where}", pattern) for where, pattern in _found(item, depth + 1))


def _uses(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in METHODS:
            yield node.value.id, node.attr


def _inline(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Calls such as re.sub(r"…", …) with the expression written in place."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in METHODS
            and isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, str)
        ):
            yield node.args[0].value, node.func.attr


def bad_texts(used: Used) -> Iterator[Callable[[int], str]]:
    """Texts of any length that are bad for an expression: parts of what it matches, repeated, an end that fails."""
    source = used.pattern.pattern
    text = source.decode("latin-1") if isinstance(source, bytes) else source
    tree = list(parser.parse(text, used.pattern.flags & (re.VERBOSE | re.IGNORECASE | re.MULTILINE | re.DOTALL)))
    pumps: dict[tuple[str, str], None] = {}
    for plain in (
        " ",
        "\t",
        "a",
        "A",
        "1",
        '"',
        '\\"',
        "'",
        "\\",
        "(",
        "<",
        ".",
        "-",
        "\n",
        "a ",
        "a.",
        "/",
        "_",
        "`",
    ):
        pumps["", plain] = None
    for pick in range(3):
        for at in range(len(tree) + 1):
            lead = _sample(tree[:at], pick)[:40]
            for pump in _parts(tree[max(0, at - 1) :], pick):
                if pump and len(pumps) < MOST:
                    pumps[lead, pump[:40]] = None
    for lead, pump in pumps:
        for end in ("", "\x00"):
            yield lambda size, lead=lead, pump=pump, end=end: f"{lead}{pump * (size // len(pump))}{end}"


def _parts(tree: list[Tree], pick: int) -> Iterator[str]:
    for at, (kind, value) in enumerate(tree):
        if kind in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            yield _sample(list(value[2]), pick)
            yield from _parts(list(value[2]), pick)
        elif kind is c.SUBPATTERN:
            yield from _parts(list(value[3]), pick)
        elif kind is c.BRANCH:
            for branch in value[1]:
                yield _sample(list(branch), pick)
                yield from _parts(list(branch), pick)
        yield _sample(tree[at : at + 1], pick)
        yield _sample(tree[at : at + 2], pick)
        yield _sample(tree[: at + 1], pick)


def _sample(tree: list[Tree], pick: int) -> str:
    """A text that a part of an expression matches, or nearly."""
    out = []
    for kind, value in tree:
        if kind is c.LITERAL:
            out.append(chr(value))
        elif kind is c.NOT_LITERAL or kind is c.ANY:
            out.append("a")
        elif kind is c.IN:
            out.append(_one_of(value, pick))
        elif kind in (c.MAX_REPEAT, c.MIN_REPEAT, c.POSSESSIVE_REPEAT):
            out.append(_sample(list(value[2]), pick) * min(max(value[0], 1), 64))
        elif kind is c.SUBPATTERN:
            out.append(_sample(list(value[3]), pick))
        elif kind is c.ATOMIC_GROUP:
            out.append(_sample(list(value), pick))
        elif kind is c.BRANCH:
            out.append(_sample(list(value[1][pick % len(value[1])]), pick))
    return "".join(out)


def _one_of(items: list[Tree], pick: int) -> str:
    if items[0][0] is c.NEGATE:
        refused = {chr(value) for kind, value in items[1:] if kind is c.LITERAL}
        return next(char for char in "ab -1~" if char not in refused)
    kind, value = items[pick % len(items)]
    if kind is c.LITERAL:
        return chr(value)
    if kind is c.RANGE:
        return chr(value[0])
    return {c.CATEGORY_DIGIT: "1", c.CATEGORY_SPACE: " ", c.CATEGORY_NOT_WORD: "-"}.get(value, "a")
