"""Word the answer to a `/kilo` command that starts nothing; it holds no word of the comment."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from policies.words import Strategy

STRATEGIES: Final = tuple(strategy.value for strategy in Strategy)
HELP: Final = {
    f"/kilo review [--strategy {'|'.join(STRATEGIES)}] [--model NAME] [--full] [PATH…]": (
        "review the head now, or these paths of it alone; --full asks again for what was answered before"
    ),
    "/kilo estimate": "what a review would ask, and its price",
    "/kilo explain [ID]": "what stands behind a finding: in its thread, or with its id",
    "/kilo dismiss [ID] [reason]": "this finding is no fault: in its thread, or with its id",
    "/kilo fix [ID]": "a fix of a finding, offered only where it was checked: in its thread, or with its id",
    "/kilo pause": "no automatic reviews of this pull request",
    "/kilo resume": "automatic reviews again, and of the head if it was not reviewed",
    "/kilo cancel": "stop the reviews that wait or run",
    "/kilo usage": "what this pull request has cost, and what is left",
    "/kilo config": "the policy that holds here, and where each value comes from",
    "/kilo help": "this list",
}
USAGE: Final = tuple(HELP)


class Problem(StrEnum):
    """What is wrong with a command."""

    COMMAND = "command"
    OPTION = "option"
    STRATEGY = "strategy"
    MODEL = "model"
    WORDS = "words"
    PATH = "path"
    CLOSED = "closed"


_WORDS: Final = {
    Problem.COMMAND: "There is no such command.",
    Problem.OPTION: "There is no such option.",
    Problem.STRATEGY: f"`--strategy` takes one of {', '.join(f'`{name}`' for name in STRATEGIES)}.",
    Problem.MODEL: "`--model` takes the name of a model, such as `anthropic/claude-opus-5.5`.",
    Problem.WORDS: "This command takes no further words.",
    Problem.PATH: (
        "A path is a file, a folder or a glob such as `src/**/*.py`, written from the top of the repository, "
        "at most 20 of them: no `..`, no `/` at the start, no `!`."
    ),
    Problem.CLOSED: "The pull request is closed, and closed pull requests are not reviewed.",
}


def correction(problem: str) -> str:
    """Return the Markdown that answers a command with this Problem; any other word gets the usage alone."""
    lines = "\n".join(f"    {line}" for line in USAGE)
    why = _WORDS[Problem(problem)] if problem in set(Problem) else "This command could not be read."
    return f"{why} Nothing was started. What there is:\n\n{lines}"
