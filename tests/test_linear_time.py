"""No text takes more than linear time: every expression of the product, and every parser of foreign text.

Expressions are collected from the source, so that a new one is tested without being listed. What is measured is how
the processor time grows with the text, never the time itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from policies.guards import LONGEST_LINE as LONGEST_CODE_LINE
from reviewer.change.parse import parse_diff
from reviewer.context.definitions import LONGEST_QUALIFIER
from reviewer.errors import KiloReviewError
from reviewer.findings.reading import read_json
from reviewer.models.redact import redactor
from reviewer.prompts.fence import prose, reveal
from reviewer.prompts.redact import LONGEST_LINE, redact, redact_lines
from reviewer.prompts.secret_values import MAX_VALUE
from reviewer.publish.escape import code, fence, plain, visible
from reviewer.publish.marker import read_marker
from reviewer.publish.redact_own_secrets import OwnSecrets
from reviewer.publish.sanitize import markdown, title
from reviewer.syntax.symbols import Source
from reviewer.syntax.uses import uses_in_lines, uses_in_strings
from tests.expressions import THOROUGH, Used, bad_texts, expressions
from webhooks.commands import parse_command

SMALL, LARGE, MEGABYTE = 256, 1024, 1024 * 1024
LONG = MEGABYTE if THOROUGH else MEGABYTE // 16
# Four times the text may take so many times as long: a quadratic expression takes sixteen times.
GROWTH = 9
# Less than this is noise of the clock.
NOISE = 0.0003
# Expressions that only meet short texts: name -> (longest text, why).
CAPPED = {
    "policies.guards._TOKEN": (LONGEST_CODE_LINE, "one line of code"),
    "reviewer.context.definitions._OUTSIDE": (LONGEST_QUALIFIER, "a slice of the line before a name"),
    "reviewer.prompts.secret_values._ATTRIBUTE_PATH": (MAX_VALUE, "one value"),
    "reviewer.prompts.secret_values._PHRASE": (MAX_VALUE, "one value"),
}
PARTS = 4


def grows(used: Used, make: Callable[[int], str], small: int, large: int) -> bool:
    """Tell whether the time grows faster than the text; measured again where it seems to."""
    limit = GROWTH * large / small / 4
    once = used.seconds(make(large))
    if once < NOISE or once < limit * used.seconds(make(small)):
        return False
    once = used.seconds(make(large), tries=5)
    return once >= NOISE and once > limit * used.seconds(make(small), tries=9)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_expression_takes_linear_time_on_what_is_worst_for_it(part: int) -> None:
    slow = []
    for used in expressions()[part::PARTS]:
        if used.name in CAPPED:
            continue
        worst: tuple[float, Callable[[int], str] | None] = (0.0, None)
        for make in bad_texts(used):
            if grows(used, make, SMALL, LARGE):
                slow.append((used.name, make(40)))
                break
            worst = max(worst, (used.seconds(make(LARGE)), make), key=lambda pair: pair[0])
        else:
            if worst[1] and grows(used, worst[1], LONG // 8, LONG):
                slow.append((used.name, f"{LONG} of {worst[1](20)!r}"))
    assert slow == []


def test_the_list_of_expressions_with_short_texts_names_expressions_that_exist() -> None:
    assert set(CAPPED) <= {used.name for used in expressions()}
    assert len(expressions()) > 120


def test_the_measure_sees_a_quadratic_expression() -> None:
    import re

    used = Used("x", re.compile(r"\s+$"), ("search",))
    assert any(grows(used, make, SMALL, LARGE) for make in bad_texts(used))


def seconds(work: Callable[[str], object], text: str, tries: int = 1) -> float:
    best = float("inf")
    for _ in range(tries):
        start = time.thread_time()
        work(text)
        best = min(best, time.thread_time() - start)
    return best


def within(times: float, work: Callable[[str], object], small: str, large: str) -> bool:
    """Tell whether a large text takes at most so many times as long as a small one; measured again where not."""
    for tries in (1, 3, 9):
        if seconds(work, large, tries) <= times * max(seconds(work, small, 3 * tries), NOISE):
            return True
    return False


HARD = {
    "pwd": "pwd",
    "password=": "password=",
    "jwt": "eyJ",
    "names": "api_key_secret_token_",
    "addresses": "://a:b",
    "quotes": '\\"',
    "apostrophes": "it's ",
    "blanks": " ",
    "backticks": "`",
    "stars": "**a",
    "brackets": "[(",
    "comments": "<!--",
    "blocks": "/*",
    "markers": "-----BEGIN RSA PRIVATE KEY-----",
    "lines": "x = 1\n",
    "blank letters": "\u3164a",
    "marks": "e\u0301",
    "at": "@a#1$",
    "words of tokens": "sk-ghp_AKIAxoxb-ya29.hf_npm_",
    "curl": "curl -u a:",
    "base64": "QUJD/+",
    "sections": "<password>",
}
# Every function that foreign text goes through whole, before anything is cut.
READERS: dict[str, Callable[[str], object]] = {
    "redact": redact,
    "own secrets": OwnSecrets(["canary-Zk39xQ7pLm2VtR8wYb5N"]),
    "secrets of providers": redactor(["canary-Zk39xQ7pLm2VtR8wYb5N"]),
    "reveal": reveal,
    "prose": lambda text: prose(text, limit=1500),
    "visible": visible,
    "plain": plain,
    "code": code,
    "fence": fence,
    "title": title.__wrapped__,
    "markdown": markdown.__wrapped__,
    "marker": read_marker,
    "command": parse_command,
    "diff": lambda text: _read(lambda: parse_diff(f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n+{text}")),
    "answer": read_json,
    "uses": lambda text: uses_in_lines([(1, text)]),
    "strings": lambda text: uses_in_strings([(1, text)]),
    "definitions": lambda text: Source("x.unknown", text.encode("utf-8", "replace")).definitions,
}
SIZE = LONG // 8


def _read(work: Callable[[], object]) -> None:
    try:
        work()
    except KiloReviewError:
        return


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_of_foreign_text_takes_linear_time_on_hard_text(reader: str) -> None:
    work = READERS[reader]
    slow = {}
    for name, pump in HARD.items():
        small, large = (pump * (size // len(pump)) for size in (SIZE // 4, SIZE))
        if seconds(work, large) > max(0.003, GROWTH * seconds(work, small)):
            ratio = seconds(work, large, 3) / seconds(work, small, 5)
            if ratio > GROWTH:
                slow[name] = ratio
    assert slow == {}


DECLARED = {
    "one a line": "export function a1(x: number): void;\n",
    "open brackets": "func (\n",
    "modifiers": "export\n",
    "deep": " def a\n",
    "never indented": "class a\n\n",
}


@pytest.mark.parametrize("shape", DECLARED)
def test_definitions_are_found_in_a_megabyte_of_declarations_in_linear_time(shape: str) -> None:
    def work(text: str) -> object:
        return Source("x.unknown", text.encode()).definitions

    pump = DECLARED[shape]
    small, large = (pump * (size // len(pump)) for size in (LONG // 4, LONG))
    assert within(GROWTH, work, small, large)


@pytest.mark.parametrize("name", HARD)
def test_lines_of_hard_text_are_redacted_in_linear_time(name: str) -> None:
    line = HARD[name] * (LONGEST_LINE // len(HARD[name]))
    count = max(3, LONG // LONGEST_LINE)
    assert within(2.5 * count, redact, line, "\n".join([line] * count))


def test_the_rest_of_an_endless_line_is_left_out_and_said_to_be() -> None:
    token = "gh" + "p_" + "a1B2" * 9
    endless = f"{token} " + "x" * MEGABYTE + token
    (line,), count = redact_lines([endless])
    assert len(line) <= LONGEST_LINE
    assert line.startswith("[redacted] xxx")
    assert "more characters of this line are left out]" in line
    assert count == 1
    assert redact_lines([line]) == ([line], 0)
