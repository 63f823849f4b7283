"""The page of the analysers has the rules that are shipped."""

from __future__ import annotations

import re

from policies.keys import ANALYSERS
from reviewer.evidence.run import WIDE_HIT
from reviewer.evidence.sandbox import FILE_LIMIT, TIME_LIMIT
from tools.analysers_page import PAGE, page

TEXT = PAGE.read_text("utf-8")


def test_the_tables_are_those_of_the_shipped_rules():
    assert page(TEXT) == TEXT, "run: python tools/analysers_page.py"


def test_every_analyser_has_a_row():
    assert re.findall(r"^\| `([\w-]+)` \|[^|]+\|[^|]+\|$", TEXT.partition("## Rules")[0], re.MULTILINE) == list(
        ANALYSERS
    )


def test_the_limits_are_those_in_force():
    assert f"stopped after {TIME_LIMIT:.0f} s" in TEXT
    assert f"Files above {FILE_LIMIT // 2**20} MiB" in TEXT
    assert f"spans {WIDE_HIT} lines or more" in TEXT
