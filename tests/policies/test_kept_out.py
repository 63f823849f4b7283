"""Repositories that later figures are taken on stay out of everything that is learned from."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.fit import ranking, related
from bench.fit.kept_out import is_kept_out, kept_out

DATA = Path(__file__).parents[2] / "bench" / "data"


def repositories(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8").splitlines():
        if path.suffix == ".tsv":
            yield line.split("\t")[0]
        elif path.suffix == ".jsonl":
            row = json.loads(line)
            if "repo" in row:
                yield row["repo"]


def test_no_row_of_the_data_is_from_a_repository_that_is_kept_out() -> None:
    files = [path for path in DATA.rglob("*") if path.suffix in {".tsv", ".jsonl"}]
    assert DATA / "sensitivity_commits.tsv" in files
    found = {(path.name, repo) for path in files for repo in repositories(path) if is_kept_out(repo)}
    assert found == set()


def test_forks_mirrors_and_other_spellings_are_kept_out_too() -> None:
    assert len(kept_out()) > 20
    assert all(map(is_kept_out, kept_out()))
    assert is_kept_out("somebody/rails")
    assert is_kept_out("RAILS/Rails")
    assert is_kept_out("rails+rails")
    assert is_kept_out("https://example.org/mirrors/rails.git")
    assert not is_kept_out("sveltejs/kit")
    assert not is_kept_out("spring-projects/spring-framework")


def test_older_names_of_a_repository_are_kept_out_too() -> None:
    assert is_kept_out("pypa/warehouse")
    assert is_kept_out("KludgeWorks/aiohttp")
    assert is_kept_out("mholt/caddy")
    assert is_kept_out("containous/traefik")
    assert is_kept_out("jmorganca/ollama")
    assert is_kept_out("shazow/urllib3")
    assert is_kept_out("facebook/tornado")
    assert is_kept_out("chneukirchen/rack")
    assert is_kept_out("torchbox/wagtail")


def test_a_fit_of_the_ranking_leaves_out_findings_of_repositories_that_are_kept_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    rows = [{"repo": repo, "pr": 1} for repo in ("rails/rails", "somebody/caddy", "example/shop")]
    with gzip.open(tmp_path / "data" / "findings-dev.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    monkeypatch.setenv("KILO_REVIEW_SHARED", str(tmp_path))
    assert list(ranking.load()) == [("example/shop", 1)]


def test_a_fit_of_forgotten_files_reads_no_row_of_a_repository_that_is_kept_out(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    kept = {"repo": "rails/rails", "base": "0" * 40, "head": "1" * 40, "hidden": "x.rb", "needed": []}
    rows.write_text(json.dumps(kept) + "\n", encoding="utf-8")
    assert list(related.rows_of(rows)) == []
    rows.write_text(json.dumps({**kept, "repo": "example/shop"}) + "\n", encoding="utf-8")
    assert [row["repo"] for row in related.rows_of(rows)] == ["example/shop"]
