"""Read sets of cases as they are published, each layout by its own shape.

- JSON lines with a `diff` in each row (`repo`, `pr`, `base`, `head`, `comments` with `note`, `valid`, lines).
- AACR-Bench: a JSON list with `githubPrUrl`, `source_commit` (head), `target_commit` (base) and `comments`.
- code-review-benchmark: JSON lists with `pr_title`, `url` and `comments` of `comment` and `severity`, one file a
  repository, which name no lines.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from reviewer.errors import ConfigurationError
from reviewer.quality.case import Case, Golden

MOST_BYTES: Final = 256 * 1024 * 1024
_PULL: Final = re.compile(r"https?://[^/\s]{1,253}/([\w.-]{1,100}/[\w.-]{1,100})/pull/(\d{1,9})")
_FORMS: Final = (
    "JSON lines with `diff`, AACR-Bench's positive_samples.json, or code-review-benchmark's golden_comments"
)


def read_cases(path: Path) -> tuple[Case, ...]:
    """Return the cases of a file or folder, in its order; ConfigurationError names file and row of what is none."""
    if path.is_dir():
        files = sorted(each for each in path.iterdir() if each.suffix == ".json")
        if not files:
            raise ConfigurationError(f"{path} holds no .json file", remedy=f"Name {_FORMS}.")
        return tuple(case for each in files for case in read_cases(each))
    rows = _rows(path)
    cases = tuple(_case(row, f"{path}, row {number}") for number, row in enumerate(rows, 1))
    if not cases:
        raise ConfigurationError(f"{path} holds no case", remedy=f"Name {_FORMS}.")
    return cases


def _rows(path: Path) -> Sequence[Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ConfigurationError(f"{path} is larger than {MOST_BYTES:,} bytes", remedy="Split the set.")
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
        if path.name.removesuffix(".gz").endswith(".jsonl"):
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        rows = json.loads(text)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {path}: {error.strerror or error}", remedy=f"Name {_FORMS}."
        ) from None
    except (ValueError, EOFError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON: {error}", remedy=f"Name {_FORMS}.") from None
    if not isinstance(rows, list):
        raise ConfigurationError(f"{path} is not a list of pull requests", remedy=f"Name {_FORMS}.")
    return rows


def _case(row: Any, place: str) -> Case:
    try:
        if "diff" in row:
            return _with_diff(row)
        if "githubPrUrl" in row:
            return _aacr(row)
        return _golden_comments(row)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{place}: no pull request ({error})", remedy=f"Name {_FORMS}.") from None


def _with_diff(row: Mapping[str, Any]) -> Case:
    return Case(
        repository=str(row["repo"]),
        number=int(row["pr"]),
        goldens=tuple(_placed(row["comments"])),
        title=str(row.get("title") or ""),
        language=str(row.get("language") or ""),
        base=str(row["base"]),
        head=str(row["head"]),
        diff=str(row["diff"]),
    )


def _aacr(row: Mapping[str, Any]) -> Case:
    repository, number = _pull(str(row["githubPrUrl"]))
    return Case(
        repository=repository,
        number=number,
        goldens=tuple(_placed(row["comments"])),
        language=str(row.get("project_main_language") or ""),
        base=str(row["target_commit"]),
        head=str(row["source_commit"]),
    )


def _placed(comments: Sequence[Mapping[str, Any]]) -> Iterator[Golden]:
    for comment in comments:
        # Some rows have their lines in the wrong order.
        lines = sorted((int(comment.get("from_line") or 0), int(comment.get("to_line") or 0)))
        yield Golden(
            text=str(comment["note"]),
            path=str(comment.get("path") or ""),
            start=lines[0] or lines[1],
            end=lines[1],
            category=str(comment.get("category") or ""),
            valid=bool(comment.get("valid", True)),
        )


def _golden_comments(row: Mapping[str, Any]) -> Case:
    repository, number = _pull(str(row["url"]))
    goldens = tuple(
        Golden(str(comment["comment"]), severity=str(comment.get("severity") or "").lower())
        for comment in row["comments"]
    )
    return Case(repository, number, goldens, title=str(row.get("pr_title") or ""))


def _pull(url: str) -> tuple[str, int]:
    match = _PULL.match(url)
    if match is None:
        raise ValueError(f"{url[:200]!r} is no address of a pull request")
    return match[1], int(match[2])
