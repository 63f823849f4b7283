"""An analyser that can find nothing in a change is not started."""

from __future__ import annotations

import base64

import pytest

from reviewer.evidence.needed import needed_tools
from tests.evidence.snippets import added

ALL = ("ruff", "bandit", "gitleaks")
TOKEN = "gh" + "p_" + "a1B2c3D4e5F6a7B8c9D0e1F2a3B4c5D6e7F8"


def needed(text: str, path: str = "a.py", tools: tuple[str, ...] = ALL) -> frozenset[str]:
    return needed_tools(added({path: text}), {path: text.encode()}, tools)


@pytest.mark.parametrize(
    "text",
    [
        f"x = '{TOKEN}'\n",
        "PASSWORD = 'correct-horse-7'\n",
        "-----BEGIN RSA PRIVATE KEY-----\n",
        f"x = '{base64.b64encode(TOKEN.encode()).decode()}'\n",
        "x = '%67%68%70%5f'\n",
        r"x = '\x67\x68\x70\x5f'" + "\n",
    ],
)
def test_gitleaks_is_started_for_a_keyword_of_its_rules_or_what_may_be_encoded(text: str):
    assert "gitleaks" in needed(text)


@pytest.mark.parametrize(
    "text",
    [
        "def total(rows):\n    return sum(rows)\n",
        "def test_a_name_that_goes_on_and_on_for_long(): ...\n",
        "uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8\n",
        "for key in sorted(rows, key=itemgetter): keys.append(key_of(row))\n",
    ],
)
def test_gitleaks_is_not_started_where_no_added_line_can_hold_a_secret(text: str):
    assert "gitleaks" not in needed(text)


@pytest.mark.parametrize("text", ["m = torch.load(f)\n", "m = AutoModel.from_pretrained(n)\n"])
def test_bandit_is_started_for_what_ruff_does_not_find(text: str):
    assert "bandit" in needed(text)


def test_bandit_is_started_for_a_file_that_ruff_cannot_read():
    text = b"# -*- coding: latin-1 -*-\n# caf\xe9\n"
    assert "bandit" in needed_tools(added({"a.py": "x"}), {"a.py": text}, ALL)


def test_bandit_is_left_to_ruff_otherwise_but_only_where_ruff_runs():
    assert "bandit" not in needed("eval(x)\n")
    assert "bandit" in needed("eval(x)\n", tools=("bandit", "gitleaks"))
