"""Rules of our own that ast-grep matches on a file's syntax tree: which files they read, and in which words.

Each file of `patterns/` holds the rules of one language, one YAML document a rule, in ast-grep's own form
(https://ast-grep.github.io/reference/yaml.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Final

from policies.words import Severity
from reviewer.evidence.model import Rule
from reviewer.findings.model import Category

_SUFFIXES: Final = {
    "c": (".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx"),
    "csharp": (".cs",),
    "go": (".go",),
    "java": (".java",),
    "javascript": (".js", ".jsx", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx"),
    "kotlin": (".kt", ".kts"),
    "php": (".php",),
    "ruby": (".rb",),
    "rust": (".rs",),
    "shell": (".sh", ".bash"),
    "terraform": (".tf",),
}
_BY_SUFFIX: Final = {suffix: name for name, suffixes in _SUFFIXES.items() for suffix in suffixes}
_TYPESCRIPT: Final = (".ts", ".mts", ".cts")
# One grammar for the dialects of a language, so that a rule is written once. TypeScript without JSX needs its own
# (`<T>x` is a cast in it); its copies of the rules bear this suffix.
_GLOBS: Final = {
    "tsx": ["*.js", "*.jsx", "*.mjs", "*.cjs", "*.tsx"],
    "cpp": [f"*{suffix}" for suffix in _SUFFIXES["c"]],
}
_COPY: Final = "--typescript"
_SEVERITY: Final = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "info": Severity.LOW}


def language_of(path: str) -> str:
    """Return whose rules read a file: the name of a file in `patterns/`, "" where none does."""
    pure = PurePosixPath(path)
    if pure.suffix in (".yml", ".yaml"):
        workflow = pure.parts[-3:-1] == (".github", "workflows") or pure.stem == "action"
        return "workflows" if workflow else "kubernetes"
    return _BY_SUFFIX.get(pure.suffix, "")


def write_configuration(paths: Sequence[str], home: Path) -> Path:
    """Write the rules that these files need below `home`; return ast-grep's configuration file."""
    folder = home / "rules"
    folder.mkdir()
    for language in sorted({language_of(path) for path in paths}):
        text = _text(language)
        if language != "javascript" or any(PurePosixPath(path).suffix not in _TYPESCRIPT for path in paths):
            (folder / f"{language}.yml").write_text(text, "utf-8")
        if language == "javascript" and any(path.endswith(_TYPESCRIPT) for path in paths):
            (folder / "typescript.yml").write_text(_for_typescript(text), "utf-8")
    configuration = home / "sgconfig.yml"
    # JSON is YAML.
    configuration.write_text(json.dumps({"ruleDirs": ["rules"], "languageGlobs": _GLOBS}), "utf-8")
    return configuration


def code_of(identifier: str) -> str:
    """Return the name of a rule: that of its original, for a copy."""
    return identifier.removesuffix(_COPY)


@cache
def pattern_rules() -> Mapping[str, Rule]:
    """Return rule name -> Rule; read only where something was hit."""
    import yaml  # noqa: PLC0415 - most reviews hit none

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    known = {}
    for language in (*_SUFFIXES, "kubernetes", "workflows"):
        for row in yaml.load_all(_text(language), Loader=loader):
            known[row["id"]] = Rule(
                severity=_SEVERITY[row["severity"]],
                category=Category(row["metadata"]["category"]),
                title=row["message"],
                advice=row["note"],
            )
    return known


def _text(language: str) -> str:
    return resources.files(__package__).joinpath("patterns", f"{language}.yml").read_text("utf-8")


def _for_typescript(text: str) -> str:
    lines = text.split("\n")
    copies = [
        f"{line}{_COPY}" if line.startswith("id: ") else line.replace("language: tsx", "language: typescript")
        for line in lines
    ]
    return "\n".join(copies)
