"""Checks of our own that need no program: expressions on Dockerfiles and SQL, and keys that a YAML file has twice.

Expressions are RE2's, so that they take linear time; YAML is read as events, which expand nothing.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Final

from policies.words import Severity
from reviewer.evidence.hits import Hit
from reviewer.evidence.model import Rule
from reviewer.findings.model import Category
from reviewer.prompts.linear import expression

_DUPLICATE_KEY: Final = "yaml-duplicate-key"
# A template is no YAML yet. `${{ }}` is a plain scalar of a workflow.
_TEMPLATE: Final = re.compile(r"(?<!\$)\{\{|\{%|<%")
_MAX_DEPTH: Final = 200
# Comments, blanked so that they are not searched: of SQL `-- ...`, of a Dockerfile lines that begin with `#`.
_COMMENT: Final = {"sql": r"--[^\n]*", "dockerfile": r"(?m)^[ \t]*#[^\n]*"}


@dataclass(frozen=True, slots=True)
class _Check:
    code: str
    expression: str
    unless: str


def kind_of(path: str) -> str:
    """Return which checks read a file: "dockerfile", "sql", "yaml" or ""."""
    pure = PurePosixPath(path)
    if is_dockerfile(path):
        return "dockerfile"
    return {".sql": "sql", ".yml": "yaml", ".yaml": "yaml"}.get(pure.suffix, "")


def is_dockerfile(path: str) -> bool:
    """Tell whether a file is a Dockerfile by its name: `Dockerfile`, `Dockerfile.web`, `web.dockerfile`."""
    pure = PurePosixPath(path)
    named = pure.name in ("Dockerfile", "Containerfile") or pure.suffix.lower() == ".dockerfile"
    return named or (pure.stem in ("Dockerfile", "Containerfile") and pure.suffix[1:].isalnum())


def search(files: Mapping[str, bytes]) -> tuple[Hit, ...]:
    """Return what the checks find in files, by path."""
    return tuple(hit for path, data in files.items() for hit in _search_one(path, data))


@cache
def builtin_rules() -> Mapping[str, Rule]:
    """Return rule name -> Rule."""
    return {
        code: Rule(Severity.parse(row["severity"]), Category(row["category"]), row["title"], row["advice"])
        for rows in _table().values()
        for code, row in rows.items()
    }


@cache
def _table() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    return tomllib.loads(resources.files(__package__).joinpath("builtin.toml").read_text("utf-8"))


@cache
def _checks(kind: str) -> tuple[_Check, ...]:
    return tuple(_Check(code, row["find"], row.get("unless", "")) for code, row in _table()[kind].items())


def _search_one(path: str, data: bytes) -> Iterator[Hit]:
    kind = kind_of(path)
    text = data.decode("utf-8", "replace")
    if kind == "yaml":
        yield from _duplicate_keys(path, text)
    elif kind:
        text = re.sub(_COMMENT[kind], lambda match: " " * len(match.group()), text)
        starts = [0, *(match.end() for match in re.finditer("\n", text))]
        for check in _checks(kind):
            for match in expression(check.expression).finditer(text):
                found = match.group() or ""
                if check.unless and expression(check.unless).search(found):
                    continue
                first = bisect_right(starts, match.start() + len(found) - len(found.lstrip()))
                last = bisect_right(starts, max(match.start(), match.end() - 1))
                yield Hit("builtin", check.code, path, first, max(first, last), "")


def _duplicate_keys(path: str, text: str) -> Iterator[Hit]:
    """Yield the keys that a mapping has twice; nothing where the text is a template or no YAML."""
    import yaml  # noqa: PLC0415 - only where a YAML file changed

    if _TEMPLATE.search(text):
        return
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Of each open collection: the keys of a mapping so far, None for a sequence; and whether a key comes next.
    open_collections: list[tuple[set[str] | None, list[bool]]] = []
    hits = []
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.CollectionEndEvent):
                open_collections.pop()
                continue
            if not isinstance(event, yaml.NodeEvent):
                continue
            keys, turn = open_collections[-1] if open_collections else (None, [False])
            if keys is not None:
                turn[0] = not turn[0]
            if isinstance(event, yaml.ScalarEvent) and keys is not None and turn[0]:
                line = event.start_mark.line + 1 if event.start_mark else 1
                if event.value in keys and event.value != "<<":
                    hits.append(Hit("builtin", _DUPLICATE_KEY, path, line, line, f"Key {event.value[:60]!r}"))
                keys.add(event.value)
            if isinstance(event, yaml.MappingStartEvent):
                open_collections.append((set(), [False]))
            elif isinstance(event, yaml.SequenceStartEvent):
                open_collections.append((None, [False]))
            if len(open_collections) > _MAX_DEPTH:
                return
    except (yaml.YAMLError, RecursionError):
        return
    yield from hits
