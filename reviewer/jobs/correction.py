"""Word the answer to a `/kilo` command that starts nothing; it holds no word of the comment."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from policies.words import Strategy

STRATEGIES: Final = tuple(strategy.value for strategy in Strategy)
USAGE: Final = (f"/kilo review [--strategy {'|'.join(STRATEGIES)}] [--model NAME]", "/kilo estimate")


class Problem(StrEnum):
    """What is wrong with a command."""

    COMMAND = "command"
    OPTION = "option"
    STRATEGY = "strategy"
    MODEL = "model"


_WORDS: Final = {
    Problem.COMMAND: "There is no such command.",
    Problem.OPTION: "There is no such option.",
    Problem.STRATEGY: f"`--strategy` takes one of {', '.join(f'`{name}`' for name in STRATEGIES)}.",
    Problem.MODEL: "`--model` takes the name of a model, such as `anthropic/claude-opus-5.5`.",
}


def correction(problem: str) -> str:
    """Return the Markdown that answers a command with this Problem; any other word gets the usage alone."""
    lines = "\n".join(f"    {line}" for line in USAGE)
    why = _WORDS[Problem(problem)] if problem in set(Problem) else "This command could not be read."
    return f"{why} Nothing was started. What there is:\n\n{lines}"
