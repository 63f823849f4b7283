"""Commands in comments, and comments that only look like one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.words import Strategy
from reviewer.jobs.payload import Work
from webhooks.commands import LONGEST_COMMENT, CommandInvalid, ReviewCommand, parse_command

REVIEW = ReviewCommand(Work.REVIEW)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/kilo review", REVIEW),
        ("   /kilo   review  ", REVIEW),
        ("/kilo review\r\n", REVIEW),
        ("/kilo Review", REVIEW),
        ("Could you?\n/kilo review\nThanks", REVIEW),
        ("Could you?\n\n/kilo review", REVIEW),
        ("/kilo estimate", ReviewCommand(Work.ESTIMATE)),
        ("/kilo review\n/kilo estimate", REVIEW),
        ("/kilo review --strategy frontier", ReviewCommand(Work.REVIEW, Strategy.FRONTIER)),
        ("/kilo review --strategy=AUTO", ReviewCommand(Work.REVIEW, Strategy.AUTO)),
        (
            "/kilo review --model anthropic/claude_x_y --strategy free",
            ReviewCommand(Work.REVIEW, Strategy.FREE, "anthropic/claude_x_y"),
        ),
        ("> you said\n\n/kilo review", REVIEW),
        ("```\ncode\n```\n/kilo review", REVIEW),
    ],
)
def test_a_line_of_its_own_is_a_command(text: str, command: ReviewCommand):
    assert parse_command(text) == command


@pytest.mark.parametrize(
    "text",
    [
        "",
        "review",
        "Please /kilo review",
        "/kiloreview",
        "/kilo-review",
        "\u200b/kilo review",
        "> /kilo review",
        "> > /kilo review",
        "> quoted\n/kilo review",
        "```\n/kilo review\n```",
        "~~~~\n```\n/kilo review\n~~~~",
        "```\n/kilo review",
        "    /kilo review",
        "\t/kilo review",
        "`/kilo review`",
        "`one\n/kilo review\ntwo`",
        "- /kilo review",
        "- item\n\n  /kilo review",
        "# /kilo review",
        "heading\n/kilo review\n---",
        "<!--\n/kilo review\n-->",
        "<details>\n/kilo review\n</details>",
        "text <!-- \n/kilo review\n --> text",
        "[/kilo review](x)",
    ],
)
def test_quoted_fenced_and_hidden_text_is_nobodys_command(text: str):
    assert parse_command(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "/kilo",
        "/kilo dance",
        "/kilo review ../etc/passwd",
        "/kilo review /etc/passwd",
        "/kilo review !shop",
        "/kilo review " + "x" * 201,
        "/kilo review " + " ".join(f"f{n}.py" for n in range(21)),
        "/kilo estimate shop",
        "/kilo review --strategy",
        "/kilo review --strategy cheap",
        "/kilo review --model",
        "/kilo review --model $(id)",
        "/kilo review --model " + "x" * 200,
        "/kilo review --base-url http://169.254.169.254/",
        "/kilo review --key abc",
        "/kilo review --provider x",
    ],
)
def test_a_command_that_does_not_exist_says_what_does(text: str):
    invalid = parse_command(text)
    assert isinstance(invalid, CommandInvalid)
    assert "/kilo review [--strategy" in invalid.reason


def test_a_comment_is_read_up_to_a_limit():
    assert parse_command("a\n\n" * 2000 + "/kilo review") == REVIEW
    assert parse_command("a" * LONGEST_COMMENT + "\n/kilo review") is None


@pytest.mark.parametrize("filler", ["[", "*a_ ", "![[]()", "[a](<", "> ", "`" * 7 + " ", "<", "&", "- ", "\\"])
def test_hostile_markdown_costs_little_more_than_none(filler: str):
    # A ratio against plain text in the same run, since machines differ; the bound is what it costs to be slow.
    def cost(text: str) -> float:
        started = time.process_time()
        parse_command("/kilo nothing\n\n" + text[: LONGEST_COMMENT - 100])
        return time.process_time() - started

    plain = min(cost("word " * 4000) for _ in range(3))
    assert min(cost(filler * 20_000) for _ in range(3)) < max(plain * 100, 0.5)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("/kilo review shop/orders.py", ("shop/orders.py",)),
        ("/kilo review ./shop shop --full", ("shop",)),
        # Marks that Markdown would take for emphasis, and what people put into backticks.
        ("/kilo review src/*.py tests/*.py", ("src/*.py", "tests/*.py")),
        ("/kilo review shop/__init__.py", ("shop/__init__.py",)),
        ("/kilo review `shop/__init__.py`", ("shop/__init__.py",)),
        ("/kilo review a=b.py", ("a=b.py",)),
    ],
)
def test_a_review_may_be_kept_to_paths(text: str, paths: tuple[str, ...]):
    command = parse_command(text)
    assert isinstance(command, ReviewCommand)
    assert command.paths == paths


@given(st.text(max_size=400))
def test_no_text_breaks_it(text: str):
    parse_command("/kilo review " + text)
    parse_command(text + "\n/kilo review")


@given(st.text(alphabet="/kilo review\n>`- \t~<!", max_size=80))
def test_whatever_is_quoted_line_by_line_is_no_command(text: str):
    assert parse_command("\n".join("> " + line for line in text.split("\n"))) is None
