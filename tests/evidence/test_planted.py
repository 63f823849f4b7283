"""Of the planted defects of each language the analysers find at least what docs/explanation/performance.md says."""

from __future__ import annotations

import pytest

from bench.planted import found, languages, planted
from reviewer.evidence.tools import LANGUAGE_TOOLS

EACH = 20


@pytest.mark.parametrize("language", ["go", "sql"])
def test_most_planted_defects_are_found_without_a_key(language: str):
    files = planted(language)
    assert len(files) == EACH
    assert len(found(files, LANGUAGE_TOOLS)) >= 16
    assert len(found(files, ("ruff", "bandit", "zizmor"))) <= 1


def test_each_of_fifteen_languages_has_twenty_planted_defects():
    assert {language: len(planted(language)) for language in languages()} == dict.fromkeys(languages(), EACH)
    assert len(languages()) == 15
