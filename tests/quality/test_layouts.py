from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from reviewer.errors import ConfigurationError
from reviewer.quality.layouts import read_cases
from tests.shared import shared

DIFF = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n"
AACR: dict[str, Any] = {
    "change_line_count": 2,
    "project_main_language": "C++",
    "source_commit": "b" * 40,
    "target_commit": "a" * 40,
    "githubPrUrl": "https://github.com/acme/shop/pull/19",
    "comments": [
        {"is_ai_comment": True, "note": "N", "path": "a.cpp", "side": "right", "from_line": 9, "to_line": 4},
    ],
}
GOLDEN: dict[str, Any] = {
    "pr_title": "Orders",
    "url": "https://github.com/acme/shop/pull/4",
    "comments": [{"comment": "Negative offset", "severity": "High"}],
}


def write(folder: Path, name: str, value: object) -> Path:
    file = folder / name
    file.write_text(json.dumps(value), encoding="utf-8")
    return file


def test_aacr_bench_gives_commits_and_lines_in_order(tmp_path: Path) -> None:
    (case,) = read_cases(write(tmp_path, "positive_samples.json", [AACR]))
    assert (case.name, case.base[0], case.head[0], case.language) == ("acme/shop#19", "a", "b", "C++")
    assert (case.goldens[0].start, case.goldens[0].end) == (4, 9)


def test_golden_comments_of_a_folder_name_no_lines(tmp_path: Path) -> None:
    write(tmp_path, "a.json", [GOLDEN])
    write(tmp_path, "b.json", [{**GOLDEN, "url": "https://github.com/acme/other/pull/5"}])
    first, second = read_cases(tmp_path)
    assert (first.name, second.name, first.title) == ("acme/shop#4", "acme/other#5", "Orders")
    assert (first.goldens[0].path, first.goldens[0].severity) == ("", "high")


def test_lines_with_a_diff_are_read_packed_or_not(tmp_path: Path) -> None:
    row = {"repo": "acme/shop", "pr": 3, "base": "a", "head": "b", "diff": DIFF, "comments": []}
    row["comments"] = [{"note": "n", "path": "a.py", "from_line": 1, "to_line": 1, "valid": False}]
    plain, packed = tmp_path / "x.jsonl", tmp_path / "x.jsonl.gz"
    plain.write_text(json.dumps(row) + "\n\n", encoding="utf-8")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_cases(plain) == read_cases(packed)
    (case,) = read_cases(plain)
    assert (len(case.goldens), len(case.valid)) == (1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "[]",
        "[1]",
        '[{"url": "no address", "comments": []}]',
        '[{"githubPrUrl": "https://github.com/a/b/pull/1"}]',
    ],
)
def test_what_is_no_set_is_named_with_a_remedy(tmp_path: Path, text: str) -> None:
    file = tmp_path / "set.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"set\.json") as raised:
        read_cases(file)
    assert raised.value.remedy


def test_a_missing_file_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(ConfigurationError):
            read_cases(path)


def test_the_development_set_is_read_whole() -> None:
    cases = read_cases(shared("data/review-dev.jsonl.gz"))
    assert len(cases) == 30
    assert sum(len(case.valid) for case in cases) > 100
