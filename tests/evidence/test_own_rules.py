"""Each rule of our own finds its bad snippet and not its good one; its words are a reader's."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from reviewer.evidence.builtin import builtin_rules
from reviewer.evidence.patterns import pattern_rules
from reviewer.evidence.run import run_analysers
from tests.evidence.snippets import NAME, Files, added, as_file

EVIDENCE = Path(str(resources.files("reviewer.evidence")))


def rules() -> Iterator[tuple[str, str, str, str]]:
    """Yield the name, language, bad and good snippet of every rule."""
    for path in sorted((EVIDENCE / "patterns").glob("*.yml")):
        for row in yaml.safe_load_all(path.read_text("utf-8")):
            language = "workflows" if path.stem == "workflows" else row["language"]
            yield row["id"], language, row["metadata"]["bad"], row["metadata"]["good"]
    for language, rows in tomllib.loads((EVIDENCE / "builtin.toml").read_text("utf-8")).items():
        for code, row in rows.items():
            yield code, language, row["bad"], row["good"]


RULES = list(rules())


def place(code: str, which: str, language: str) -> str:
    return NAME[language].format(f"{code}.{which}")


@cache
def found() -> dict[str, set[str]]:
    """Return path -> the rules that hit it, of every snippet: one run for all of them."""
    files = {}
    for code, language, bad, good in RULES:
        files[place(code, "bad", language)] = as_file(language, bad)
        files[place(code, "good", language)] = as_file(language, good)
        if language == "tsx":
            files[f"{code}.bad.ts"] = as_file(language, bad)
            files[f"{code}.good.ts"] = as_file(language, good)
    evidence = run_analysers(added(files), Files(files), tools=("ast-grep", "builtin"))
    assert [run.error for run in evidence.runs] == ["", ""]
    assert set(evidence.read) == set(files)
    hits = defaultdict(set)
    for finding in evidence.findings:
        hits[finding.path].add(finding.source.partition(":")[2])
    return hits


@pytest.mark.parametrize(("code", "language"), [(code, language) for code, language, _bad, _good in RULES])
def test_a_rule_finds_its_bad_snippet_and_leaves_its_good_one_alone(code: str, language: str):
    assert code in found()[place(code, "bad", language)]
    assert found()[place(code, "good", language)] == set()
    if language == "tsx":
        assert code in found()[f"{code}.bad.ts"]
        assert found()[f"{code}.good.ts"] == set()


def test_every_rule_has_words_and_no_name_is_used_twice():
    names = [code for code, *_rest in RULES]
    assert len(names) == len(set(names))
    known: dict[str, Any] = {**pattern_rules(), **builtin_rules()}
    assert set(known) == set(names)
    assert [code for code, rule in known.items() if not rule.title or not rule.advice.endswith((".", "`"))] == []
