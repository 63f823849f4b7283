"""Suggestions that a reader commits with one click: mended, trimmed or refused, and right in the whole file."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.words import Check
from reviewer.change.anchor import Anchors
from reviewer.change.lines import replace_lines, split_lines
from reviewer.change.parse import parse_diff
from reviewer.findings.suggestion import judge_replacement, judge_suggestion
from tests.findings.builders import Files

PYTHON = """\
class A:
    def f(self, n):
        if n == 0:
            return None
        x = n + 1
        return 10 / n
"""
LAST = "        return 10 / n"
YAML = "jobs:\n  build:\n    steps:\n      - uses: actions/checkout@main\n      - run: make\n"
USES = "      - uses: actions/checkout@main"
JS = "function f(n) {\n  if (n) {\n    return 1 / n;\n  }\n}\n"


def commit(path: str, text: str, quote: str, suggestion: str) -> str | None:
    """Return the file after the suggestion is committed, None where it was refused."""
    rows = "".join(difflib.unified_diff([], text.splitlines(keepends=True), "/dev/null", f"b/{path}"))
    anchors = Anchors.from_change(parse_diff(f"diff --git a/{path} b/{path}\nnew file mode 100644\n{rows}"))
    anchor = anchors.by_quote(path, quote)
    assert anchor is not None
    judged = judge_suggestion(suggestion, anchor, anchors, Files({path: text.encode()}))
    assert (judged.text is None) == (judged.check is not None) == bool(judged.detail)
    if judged.text is None:
        return None
    return replace_lines(text.encode(), anchor.start_line or anchor.line, anchor.line, judged.text).decode()


@pytest.mark.parametrize(
    "suggestion",
    [
        "        if not n:\n            return 0\n        return 10 / n",
        "if not n:\n            return 0\n        return 10 / n",
        "if not n:\n    return 0\nreturn 10 / n",
        "    if not n:\n        return 0\n    return 10 / n",
        "            if not n:\n                return 0\n            return 10 / n",
        "\t\tif not n:\n\t\t\treturn 0\n\t\treturn 10 / n",
        "```python\n        if not n:\n            return 0\n        return 10 / n\n```",
        "-        return 10 / n\n+        if not n:\n+            return 0\n+        return 10 / n",
        "6         if not n:\n7             return 0\n8         return 10 / n",
        "        x = n + 1\n        if not n:\n            return 0\n        return 10 / n",
    ],
)
def test_the_slips_that_models_make_are_mended(suggestion):
    assert commit("a.py", PYTHON, LAST, suggestion) == PYTHON.replace(
        LAST, "        if not n:\n            return 0\n        return 10 / n"
    )


@pytest.mark.parametrize(
    ("path", "text", "quote", "suggestion", "fresh"),
    [
        (
            "a.py",
            PYTHON,
            LAST,
            PYTHON.removeprefix("class A:\n").replace("10 / n", "10 // n"),
            "        return 10 // n",
        ),
        ("a.yml", YAML, USES, "- uses: actions/checkout@v4", "      - uses: actions/checkout@v4"),
        ("a.yml", YAML, USES, "    - uses: actions/checkout@v4", "      - uses: actions/checkout@v4"),
        ("a.yml", YAML, USES, "    steps:\n      - uses: actions/checkout@v4", "      - uses: actions/checkout@v4"),
        ("a.js", JS, "    return 1 / n;", "    return n ? 1 / n : 0;\n  }", "    return n ? 1 / n : 0;"),
        ("Makefile", "a:\n\tcc x.c\n", "\tcc x.c", "    cc -O2 x.c", "\tcc -O2 x.c"),
        (
            "a.lua",
            "function f(n)\n  if n then\n    return 1 / n\n  end\nend\n",
            "    return 1 / n",
            "    return n ~= 0 and 1 / n or 0\n  end",
            "    return n ~= 0 and 1 / n or 0",
        ),
        (
            "a.swift",
            "func f(n: Int) -> Int {\n    if n > 0 {\n        return 1 / n\n    }\n    return 0\n}\n",
            "        return 1 / n",
            "        return n == 0 ? 0 : 1 / n\n    }",
            "        return n == 0 ? 0 : 1 / n",
        ),
        (
            "a.html",
            "<ul>\n  <li>\n    <a href='x'>y</a>\n  </li>\n</ul>\n",
            "    <a href='x'>y</a>",
            "    <a href='x' rel='noopener'>y</a>\n  </li>",
            "    <a href='x' rel='noopener'>y</a>",
        ),
        ("a.md", "a\n```sh\nrm -rf $X\n```\n", "rm -rf $X", 'rm -rf "${X:?}"\n```', 'rm -rf "${X:?}"'),
    ],
)
def test_lines_said_again_and_lost_indents_are_mended_in_every_language(path, text, quote, suggestion, fresh):
    assert commit(path, text, quote, suggestion) == text.replace(quote, fresh)


@pytest.mark.parametrize(
    ("path", "text", "quote", "suggestion"),
    [
        ("a.py", PYTHON, LAST, "        Check that n is not zero before dividing."),
        ("a.py", PYTHON, LAST, "        # ... existing code ...\n        return 10 / n if n else 0"),
        ("a.py", PYTHON, LAST, "        # rest of the function unchanged\n        return 1"),
        ("a.py", PYTHON, LAST, "\n  \n"),
        ("a.py", PYTHON, LAST, "        return d.get(‘k’)"),
        ("a.py", PYTHON, LAST, "return 10 / n"),
        ("a.py", PYTHON, "        x = n + 1", "        break"),
        ("a.js", JS, "    return 1 / n;", "    ...\n    return n ? 1 / n : 0;"),
        ("a.json", '{\n  "a": 1,\n  "b": 2\n}\n', '  "a": 1,', '  "a": 10'),
        ("a.json", '{\n  "a": 1,\n  "b": 2\n}\n', '  "a": 1,', '  "b": 1,'),
        ("a.toml", 'a = 1\nb = "x"\n', 'b = "x"', "b = x"),
        ("a.toml", "a = 1\nb = 2\n", "b = 2", "a = 3"),
        ("a.yml", YAML, "      - run: make", "      - run: make\n     extra: 1"),
        ("a.yml", "a:\n  b: 1\n  c: 2\n", "  c: 2", "  b: 2"),
        ("a.sh", "if true; then\n  rm -rf $DIR\nfi\n", "  rm -rf $DIR", '  rm -rf "$DIR'),
        ("a.sh", "rm -rf $DIR\n", "rm -rf $DIR", "Quote the variable to avoid word splitting"),
        (
            "a.sql",
            "select 1;\nselect * from t where a = '%s';\n",
            "select * from t",
            "Use a parameter instead of that",
        ),
        ("a.sql", "select f(1);\nselect g(2);\n", "select g(2);", "select g((2);"),
        ("a.html", "<ul>\n  <li>a</li>\n</ul>\n", "  <li>a</li>", "  <li>a</li></div>"),
        ("a.css", "a {\n  color: red;\n}\n", "  color: red;", "  color: red; }"),
        ("Makefile", "a:\n\tcc x.c\nifdef B\nC = 1\nendif\n", "C = 1", "C = 1\nendif\nendif"),
        ("a.md", "a\n\nb\n", "b", "```sh\nls"),
        ("Dockerfile", "FROM a:latest\nRUN b\n", "FROM a:latest", "Pin the base image to a digest"),
        ("Makefile", "a:\n\tcc x.c\n", "\tcc x.c", "\tUse the compiler of the environment"),
    ],
)
def test_what_would_break_the_file_or_is_no_code_is_refused(path, text, quote, suggestion):
    assert commit(path, text, quote, suggestion) is None


@pytest.mark.parametrize(
    ("path", "text", "quote", "suggestion"),
    [
        (
            "a.py",
            "def f(xs):\n    for x in xs:\n        g(x)\n        return x\n",
            "        return x",
            "    return x",
        ),
        ("a.yml", "{{- if .Values.a }}\na: [1\n{{- end }}\n", "a: [1", "a: [2"),
        ("a.json", '{\n  // why\n  "a": 1\n}\n', '  "a": 1', '  "a": 2'),
        ("LICENSE", "Copyright 2020 by me.\n", "Copyright 2020 by me.", "Copyright held since then by me."),
        ("Dockerfile", "FROM a:latest\n", "FROM a:latest", "FROM a:1.2"),
        ("a.txt", "Some words stand here.\n", "Some words stand here.", "Some other words stand here now."),
        ("a.md", "It does not works well.\n", "It does not works well.", "It does not work so well."),
        ("a.py", "print 'two'\nx = 1\n", "x = 1", "x = 2"),
        ("a.py", "def f():\n    ...\n", "    ...", "    return 1"),
        ("a.rb", "if a\n  b\nend\n", "  b", "  if c\n    b\n  end"),
    ],
)
def test_what_is_right_as_it_stands_is_published_so(path, text, quote, suggestion):
    assert commit(path, text, quote, suggestion) == text.replace(quote, suggestion)


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(["if n:", "    return 0", "return 10 / n", "x = 1", "else:", "}", "# ...", "n ="]),
        max_size=5,
    ),
    st.sampled_from(["", "    ", "        ", "\t", "            "]),
    st.booleans(),
)
def test_whatever_is_published_compiles_and_repeats_no_neighbour(lines, indent, only_first_bare):
    text = "\n".join(line if only_first_bare and not at else f"{indent}{line}" for at, line in enumerate(lines))
    after = commit("a.py", PYTHON, LAST, text)
    if after is None:
        return
    compile(after, "a.py", "exec")
    assert "        x = n + 1\n        x = n + 1" not in after


def test_a_fix_of_an_analyser_is_judged_by_the_same_rules():
    broken = judge_replacement("        return (10 / n", "a.py", (6, 6), PYTHON.encode())
    assert (broken.text, broken.check) == (None, Check.SUGGESTION_PARSES)
    assert judge_replacement("return 1", "a.py", (6, 6), PYTHON.encode()).text == "        return 1"
    assert judge_replacement("x", "a.py", (60, 60), PYTHON.encode()).check is Check.SUGGESTION_APPLIES


@pytest.mark.parametrize(
    "hostile", ["(" * 50_000, "-" * 50_000 + "1", "[" * 300 + "]" * 300, "a." * 50_000 + "a", "\0"]
)
def test_hostile_code_is_judged_without_harm(hostile):
    source = f"x = 1\ny = {hostile}\n".encode()
    assert judge_replacement("x = 2", "a.py", (1, 1), source).text == "x = 2"
    judge_replacement(f"x = {hostile}", "a.py", (1, 1), b"x = 1\n")


def test_a_form_feed_moves_no_suggestion():
    text = "a = 1\n\x0c\nb = 2\nc = 3\n"
    assert split_lines(text)[2] == "b = 2"
    assert judge_replacement("b = 20", "a.py", (3, 3), text.encode()).text == "b = 20"
