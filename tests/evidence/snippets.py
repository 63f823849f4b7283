"""Lines of a language as a file that parses: what a snippet of a rule, or a planted defect, is laid out as."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from reviewer.change.model import Change
from reviewer.change.parse import parse_diff

# Of a rule's language, as ast-grep names it: how its files are named.
NAME: Final = {
    "go": "{}.go", "java": "{}.java", "kotlin": "{}.kt", "tsx": "{}.js", "ruby": "{}.rb", "php": "{}.php",
    "csharp": "{}.cs", "rust": "{}.rs", "cpp": "{}.c", "hcl": "{}.tf", "bash": "{}.sh", "yaml": "{}.yaml",
    "workflows": ".github/workflows/{}.yml", "dockerfile": "{}/Dockerfile", "sql": "migrations/{}.sql",
}  # fmt: skip
FRAME: Final = {
    "go": ("package a\n\nfunc f() {\n", "\n}\n"),
    "java": ("class A { void f() {\n", "\n} }\n"),
    "csharp": ("class A { void F() {\n", "\n} }\n"),
    "rust": ("fn f() {\n", "\n}\n"),
    "cpp": ("void f(void) {\n", "\n}\n"),
    "php": ("<?php\n", "\n"),
    "tsx": ("const { exec, execFile } = require('child_process');\nasync function f() {\n", "\n}\n"),
    "bash": ("#!/bin/bash\n", "\n"),
}  # fmt: skip
# What stands for a file of its own and is not put into a function.
_WHOLE: Final = re.compile(
    r"(?:package|import|class|data class|public class|using|use|struct|static|async fn|fn|async function|#include"
    r"|(?:unsigned |const )?(?:void|int|char)[ *]+\w+\([^()]*\) \{|<\?php|#!)"
)


def as_file(language: str, text: str) -> str:
    """Return the snippet as the text of a file."""
    before, after = FRAME.get(language, ("", "\n"))
    whole = _WHOLE.match(text) and not text.startswith(("using var", "using (", "static C"))
    return text if whole else before + text + after


def added(files: Mapping[str, str]) -> Change:
    """A change that adds whole files."""
    parts = []
    for path, text in files.items():
        lines = text.splitlines()
        body = "".join(f"+{line}\n" for line in lines)
        parts.append(f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n")
        parts.append(f"@@ -0,0 +1,{len(lines)} @@\n{body}")
    return parse_diff("".join(parts))


class Files:
    """A commit that holds just these files."""

    commit = "0" * 40

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        return {path: self.files[path].encode() for path in paths if path in self.files}
