"""The user guide of the policy file is held to the keys and defaults that the code has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from policies.invalid import PolicyInvalid
from policies.keys import ANALYSERS, KEYS, TRIGGERS
from policies.load import load_policy
from policies.readers import PROVIDER_KEYS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "policy.md").read_text(encoding="utf-8")
DEFAULTS = tomllib.loads((ROOT / "policies" / "defaults" / "default.toml").read_text(encoding="utf-8"))


def rows() -> dict[str, list[str]]:
    """Return key -> cells of its row, from the tables under `## [section]` and "Top level"."""
    found = {}
    for title, text in re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL):
        section = next(iter(re.findall(r"`\[(\w+)\]`", title)), "")
        if section == "providers":
            continue
        if not section and title != "Top level":
            continue
        for line in re.findall(r"^\| (`[a-z_.]+` \|.*)\|$", text, re.MULTILINE):
            name, *cells = (cell.strip() for cell in line.split(" |"))
            name = name.strip("`")
            found[name if "." in name or not section else f"{section}.{name}"] = cells
    return found


ROWS = rows()
# These have examples and tables of their own instead of a row.
WITHOUT_A_ROW = {"checks", "limits", "providers", "routing.paths", "routing.labels"}


def test_every_key_has_a_row_and_every_row_is_a_key() -> None:
    assert set(ROWS) == set(KEYS) - WITHOUT_A_ROW


@pytest.mark.parametrize("name", sorted(WITHOUT_A_ROW))
def test_a_key_without_a_row_has_a_section(name: str) -> None:
    assert f"`[{name}]`" in PAGE or f"`[[{name}]]`" in PAGE


def default(name: str) -> object:
    value: object = DEFAULTS
    for part in name.split("."):
        assert isinstance(value, dict), name
        value = value[part]
    return value


# Defaults that are too long for a cell are told in words.
IN_WORDS = {
    "paths.include": "`[]` (everything)",
    "paths.always": "workflows, actions, CI files",
    "review.analysers": "all ten",
    "triggers.on": "all but `labeled`",
}


@pytest.mark.parametrize("name", sorted(ROWS))
def test_the_page_shows_the_default_that_holds(name: str) -> None:
    value, shown = default(name), ROWS[name][0]
    if name in IN_WORDS:
        assert shown == IN_WORDS[name]
        assert value == [] or name != "paths.include"
    elif isinstance(value, bool):
        assert shown == f"`{str(value).lower()}`"
    elif value == ["kilo:skip"]:
        assert shown == '`["kilo:skip"]`'
    elif isinstance(value, str):
        assert shown == f'`"{value}"`'
    else:
        assert shown == f"`{value}`"


def test_the_defaults_in_words_are_those_of_the_file() -> None:
    assert default("review.analysers") == list(ANALYSERS)
    assert len(ANALYSERS) == 10
    assert set(TRIGGERS) - set(default("triggers.on")) == {"labeled"}


RANGES = {
    name: (int(found[1]), int(found[2].replace(",", "")))
    for name, cells in ROWS.items()
    if isinstance(default(name), int | float) and (found := re.fullmatch(r"(\d+) to ([\d,]+)", cells[1]))
}


def test_every_number_has_a_range() -> None:
    numbers = {name for name in ROWS if not isinstance(default(name), bool) and isinstance(default(name), int)}
    assert len(numbers) > 10
    assert numbers <= set(RANGES)


@pytest.mark.parametrize("name", sorted(RANGES))
def test_the_range_of_a_key_is_the_one_that_is_enforced(name: str) -> None:
    section, _, last = name.partition(".")
    low, high = RANGES[name]
    for value in (low, high):
        load_policy(organisation=f"[{section}]\n{last} = {value}")
    for value in (low - 1, high + 1):
        with pytest.raises(PolicyInvalid):
            load_policy(organisation=f"[{section}]\n{last} = {value}")


@pytest.mark.parametrize("name", sorted(ROWS))
def test_every_word_that_the_page_allows_can_be_written(name: str) -> None:
    words = re.findall(r"`([a-z_-]+)`", ROWS[name][1])
    value = default(name)
    if not words or not re.fullmatch(r"(?:`[a-z_-]+` ?)+", ROWS[name][1]):
        return
    section, _, last = name.rpartition(".")
    header = f"[{section}]\n" if section else ""
    for word in words:
        text = f'["{word}"]' if isinstance(value, list) else f'"{word}"'
        load_policy(organisation=f"{header}{last} = {text}")


def test_the_threshold_on_the_page_is_the_one_that_holds() -> None:
    assert f"| `threshold` | `{load_policy().sensitivity_threshold}` |" in PAGE


def test_every_example_on_the_page_is_a_policy() -> None:
    blocks = re.findall(r"(?:^    .*\n?)+", PAGE, re.MULTILINE)
    examples = [block for block in blocks if re.search(r"^    \[", block, re.MULTILINE)]
    assert len(examples) >= 2
    for example in examples:
        text = "\n".join(line[4:] for line in example.splitlines())
        assert load_policy(organisation=text).notices == ()


def test_the_table_of_provider_rules_has_every_rule_and_no_other() -> None:
    section = PAGE.partition("## `[providers]`")[2].partition("\n## ")[0]
    rules = re.findall(r"`([a-z-]+)`", " ".join(re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)))
    assert {rule.replace("-", "_") for rule in rules} == set(PROVIDER_KEYS)
