"""The policy of a review, from the organisation's file and the repository's at the base commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.policy import Policy
from policies.words import Style
from reviewer.errors import ConfigurationError
from reviewer.git.commit import GitSnapshot
from reviewer.jobs.policy import effective_policy
from reviewer.settings import Settings
from tests.context.repository import Repository


def policy_of(folder: Path, files: dict[str, str | bytes], organisation: str | None = None) -> Policy:
    repository = Repository(folder / "repo")
    commit = repository.commit({"a.py": "x = 1\n", **files})
    file = folder / "organisation.toml"
    if organisation is not None:
        file.write_text(organisation)
    settings = Settings(
        state_dir=folder,
        cache_dir=folder,
        database_url="",
        policy_file=None if organisation is None else file,
    )
    with GitSnapshot.open(repository.git_dir, commit, file_limit=200_000) as base:
        return effective_policy(settings, base=base, private=False)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'[review]\nstyle = "strict"\n# caf\xe9\n', ""),
        (b'[review]\nstyle = "strict"\n[caps]\nmax_units = 0\n', "line 4: `caps.max_units`"),
        (b"x" * 70_000, "larger than 64 KiB"),
        (b"x" * 300_000, "larger than 64 KiB"),
    ],
)
def test_no_file_of_a_repository_ends_a_review(tmp_path: Path, data: bytes, says: str) -> None:
    policy = policy_of(tmp_path, {".kilo-review.toml": data})
    assert says in " ".join(policy.notices)
    assert policy.style is (Style.STRICT if data.startswith(b"[") else Style.BALANCED)


def test_the_first_of_the_files_that_the_base_has_counts(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        ".kilo/review.toml": '[review]\nstyle = "lenient"',
        ".kilo-review.toml": '[review]\nstyle = "balanced"',
        ".github/kilo-review.toml": '[review]\nstyle = "strict"',
    }
    for name, style in zip(files, (Style.LENIENT, Style.BALANCED, Style.STRICT), strict=True):
        rest = {other: files[other] for other in list(files)[list(files).index(name) :]}
        assert policy_of(tmp_path / style.value, rest).style is style


@pytest.mark.parametrize("text", ['[review]\nstile = "strict"', "a = ", "[caps]\nmax_units = 0"])
def test_a_mistake_of_the_organisation_stops_with_file_line_and_remedy(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"organisation\.toml, line \d.*\n.*KILO_REVIEW_POLICY") as caught:
        policy_of(tmp_path, {}, text)
    assert caught.value.exit_code == 2
