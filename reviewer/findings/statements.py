"""Statements about a change and what became of them: met, not met or not visible, with the line that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from reviewer.change.quotes import squeeze
from reviewer.findings.reading import read_json
from reviewer.findings.remarks import remarks

MAX_QUOTE: Final = 400
MAX_WHY: Final = 300
# A shorter line, such as a brace, shows nothing.
MIN_QUOTE: Final = 4


class Outcome(StrEnum):
    """What a change shows of a statement."""

    MET = "met"
    NOT_MET = "not met"
    NOT_VISIBLE = "not visible"


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement and what the change shows of it; `quote` is the line that shows it, "" where none does."""

    name: str
    text: str
    gate: bool = False
    outcome: Outcome = Outcome.NOT_VISIBLE
    quote: str = ""
    why: str = ""


def read_outcomes(text: str, statements: Sequence[Statement], *, shown: str) -> tuple[Statement, ...]:
    """Return the statements with the outcomes that an answer gives them.

    `met` and `not met` count only with a line that is among the lines `shown` and is no remark: a comment that
    claims something is no proof of it. Whatever else an answer says, or leaves out, is not visible; so is a
    statement that it answers in two ways.
    """
    said: dict[int, list[Statement]] = {}
    for document in read_json(text).documents:
        rows = document.get("answers") if isinstance(document, dict) else None
        for row in rows if isinstance(rows, list) else ():
            number = row.get("number") if isinstance(row, dict) else None
            if type(number) is int and 1 <= number <= len(statements):
                said.setdefault(number, []).append(_outcome(statements[number - 1], row))
    proofs = _lines(shown)
    return tuple(
        _proven(statement, said.get(number, []), proofs) for number, statement in enumerate(statements, start=1)
    )


def _outcome(statement: Statement, row: dict[str, object]) -> Statement:
    word, quote, why = row.get("answer"), row.get("line"), row.get("why")
    known = {outcome.value: outcome for outcome in Outcome}
    return replace(
        statement,
        outcome=known.get(
            word.strip().lower().replace("_", " ") if isinstance(word, str) else "", Outcome.NOT_VISIBLE
        ),
        quote=quote[:MAX_QUOTE].strip() if isinstance(quote, str) else "",
        why=" ".join(why[:MAX_WHY].split()) if isinstance(why, str) else "",
    )


def _proven(statement: Statement, said: Sequence[Statement], proofs: dict[str, bool]) -> Statement:
    if not said:
        return replace(statement, why="the model gave no answer that could be read")
    if len({each.outcome for each in said}) > 1:
        return replace(statement, why="the model answered in two ways")
    answer = said[-1]
    if answer.outcome is Outcome.NOT_VISIBLE:
        return replace(answer, quote="")
    line = squeeze(answer.quote)
    if len(line) < MIN_QUOTE or line not in proofs:
        why = f"the model says {answer.outcome.value}, and names no line of the change that shows it"
        return replace(statement, why=why)
    if proofs[line]:
        return replace(statement, why=f"the model says {answer.outcome.value}, and names only a comment")
    return replace(answer, quote=line)


def _lines(shown: str) -> dict[str, bool]:
    """Return the lines without number and sign, each with whether it is only ever a remark."""
    bare = [_bare(line) for line in shown.split("\n")]
    found: dict[str, bool] = {}
    for line, remark in zip(bare, remarks(bare), strict=True):
        known = squeeze(line)
        found[known] = remark and found.get(known, True)
    return found


def _bare(line: str) -> str:
    """Take the number and the sign off a line as `render_in_code` writes it."""
    if line.startswith("-"):
        return line[1:]
    number, _, rest = line.partition(" ")
    return rest[1:] if number.isdigit() else line
