from __future__ import annotations

from typing import Any

import pytest

from reviewer.errors import ConfigurationError
from reviewer.lsp.config import EditorConfig, OnSave, read_config
from reviewer.lsp.job import lower

WANTED = {"onSave": "model", "debounceMs": 7, "maxCost": 0.05, "asksReason": True}


@pytest.mark.parametrize(
    "given", [WANTED, {"kilo.review": WANTED}, {"kilo": {"review": WANTED}}, {"review": WANTED}]
)
def test_the_section_is_found_in_whatever_form_an_editor_sends_it(given: Any):
    assert read_config(given, EditorConfig()) == (EditorConfig(OnSave.MODEL, 7, "0.05", asks_reason=True), ())


@pytest.mark.parametrize("key", ["onSave", "debounceMs", "maxCost", "asksReason"])
def test_a_value_that_cannot_be_used_is_named_and_the_one_before_holds(key: str):
    before = EditorConfig(OnSave.OFF)
    config, (text,) = read_config({key: ["?"]}, before)
    assert config == before
    assert text.startswith(f"kilo.review.{key} cannot be ['?']: write ")


@pytest.mark.parametrize("given", [None, 3, [], "x", {"other": 1}, {"onSave": None}])
def test_what_is_no_configuration_changes_nothing(given: Any):
    assert read_config(given, EditorConfig()) == (EditorConfig(), ())


def test_of_two_limits_the_lower_holds():
    assert (lower("", ""), lower("0.5", ""), lower("", "0.5"), lower("$0.10", "0.5")) == ("", "0.5", "0.5", "0.10")
    with pytest.raises(ConfigurationError, match="is not an amount"):
        lower("much", "")
