"""The user guide of the policy file is held to the keys and defaults that the code has."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from policies.keys import KEYS
from policies.load import load_policy

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "policy.md").read_text(encoding="utf-8")
DEFAULTS = tomllib.loads((ROOT / "policies" / "defaults" / "default.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(KEYS))
def test_every_key_is_on_the_page(name: str) -> None:
    section, _, last = name.rpartition(".")
    assert f"[{section}]" in PAGE or f"[{name}]" in PAGE or not section
    assert re.search(rf"`(?:{re.escape(name)}|{re.escape(last)})`|\[\[?{re.escape(name)}\]", PAGE), name


@pytest.mark.parametrize(
    "name", sorted(name for name in KEYS if name.partition(".")[0] in {"caps", "review", "money", "triggers"})
)
def test_the_page_shows_the_default_that_holds(name: str) -> None:
    section, _, last = name.partition(".")
    value = DEFAULTS[section][last]
    row = re.search(rf"^\| `(?:{re.escape(name)}|{re.escape(last)})` \| (.*?) \|", PAGE, re.MULTILINE)
    assert row is not None, name
    shown = row.group(1)
    if isinstance(value, bool):
        assert shown == f"`{str(value).lower()}`"
    elif isinstance(value, str):
        assert shown == f'`"{value}"`'
    elif isinstance(value, int):
        assert shown == f"`{value}`"
    else:
        assert shown == ("`[]`" if not value else shown)


def test_the_threshold_on_the_page_is_the_one_that_holds() -> None:
    assert f"| `threshold` | `{load_policy().sensitivity_threshold}` |" in PAGE


def test_every_example_on_the_page_is_a_policy() -> None:
    blocks = re.findall(r"(?:^    .*\n?)+", PAGE, re.MULTILINE)
    examples = [block for block in blocks if re.search(r"^    \[", block, re.MULTILINE)]
    assert len(examples) >= 2
    for example in examples:
        text = "\n".join(line[4:] for line in example.splitlines())
        assert load_policy(organisation=text).notices == ()
