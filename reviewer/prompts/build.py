"""From a unit and its context to a Prompt: the stable part first, untrusted text fenced, secrets out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any, Final

from reviewer.change.model import Unit
from reviewer.change.paths import quote
from reviewer.change.render import render_unit
from reviewer.context.model import ContextItem
from reviewer.context.surroundings import NOTHING_AROUND, Surroundings
from reviewer.findings.model import Finding
from reviewer.models.model import Prompt
from reviewer.prompts.about import About
from reviewer.prompts.change_in_code import render_in_code
from reviewer.prompts.fence import fenced, prose, reveal
from reviewer.prompts.redact import redact
from reviewer.prompts.snippets import context_texts

TITLE_LIMIT: Final = 200
BODY_LIMIT: Final = 1500
ANSWER_ECHO_LIMIT: Final = 4000
# So many files of the rest of a change are named.
ELSEWHERE: Final = 12
ADD: Final = (
    "Now add what this shows about the diff above. Your findings stand without being repeated; one that you repeat "
    "with the same quote replaces the earlier one, and with a confidence of 0 withdraws it."
)
MORE: Final = "Fill `needs` only where something still decides a finding."
NO_MORE: Final = "There are no further look-ups: leave `needs` empty."


@dataclass(frozen=True, slots=True)
class Shown:
    """What a prompt shows of the code: the unit, the lines around its hunks, and snippets from elsewhere."""

    unit: Unit
    items: tuple[ContextItem, ...] = ()
    around: Surroundings = NOTHING_AROUND


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """The form of an answer: its schema, its most tokens, and whether a small model fills it in."""

    schema: Mapping[str, Any]
    max_output_tokens: int
    small: bool = False


@dataclass(frozen=True, slots=True)
class RestOfChange:
    """What else a change holds: files reviewed apart, those left out by policy, and whether a test is changed."""

    apart: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    tested: bool = True


@dataclass(frozen=True, slots=True)
class Round:
    """What a model answered and what it was shown of what it asked for."""

    answer: str
    items: tuple[ContextItem, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """A prompt, how many secrets were taken out of its context, and how many tokens are context."""

    prompt: Prompt
    redacted: int
    context_tokens: int


@cache
def system_text(*, small: bool = False) -> str:
    """Return the instructions that every review prompt starts with; the `small` ones fit a small model's head."""
    name = "system-small.md" if small else "system.md"
    return resources.files(__package__).joinpath(name).read_text("utf-8").strip()


def prompt_version(system: str, schema: Mapping[str, Any]) -> str:
    """Digest of instructions and schema: results bought with other ones are not reused."""
    payload = system + json.dumps(schema, sort_keys=True)
    return hashlib.sha256(payload.encode()).hexdigest()[:12]


def build_prompt(
    shown: Shown,
    form: AnswerForm,
    *,
    about: About | None,
    shared: Sequence[ContextItem] = (),
    rest: RestOfChange | None = None,
) -> Built:
    """Build the prompt of a unit; `rest` says what else the change holds, where that is known.

    `about` is None for a metadata-blind prompt: an author's framing cuts detection of security defects by
    16 to 93 points, and leaving it out restores it (https://arxiv.org/abs/2603.18740). `shared` items are the
    same for every unit of the change and stand before what differs.
    """
    system = system_text(small=form.small)
    # The same bytes for every unit of the change, so that provider caches hit: no name is shortened for this one.
    stable, redacted = context_texts(shared)
    # After what blind and other units share, so that both kinds hit the same cached prefix.
    if about is not None and (about.title or about.body):
        text, found = redact(_about_text(about))
        redacted += found
        stable.append(fenced("pull-request", text))
    own, found = context_texts(shown.items, paths=shown.unit.paths)
    redacted += found
    unit = shown.unit
    code = render_unit(unit, numbered=False) if form.small else render_in_code(unit, shown.around)
    if rest is not None and not form.small:
        code = f"{code}\n{_rest_text(rest)}"
    prompt = Prompt(
        system=system,
        shared="\n\n".join(stable),
        unit="\n\n".join((*own, fenced("diff", code))),
        schema=form.schema,
        schema_name="review",
        max_output_tokens=form.max_output_tokens,
        version=prompt_version(system, form.schema),
    )
    return Built(prompt, redacted, sum(item.tokens for item in (*shared, *shown.items)))


def repair_prompt(
    prompt: Prompt, answer: str, problem: str, hints: Sequence[Finding] = (), *, advice: str = ""
) -> Prompt:
    """Ask again after a failed check: the same question, what was answered, what is wrong with it, what to do.

    `hints` are analyser findings of high severity that the answer passed over.
    """
    parts = [prompt.more] if prompt.more else []
    if answer.strip():
        parts.append(fenced("previous-answer", reveal(answer[:ANSWER_ECHO_LIMIT])))
    again = " ".join(part for part in (advice, "Answer once more, complete, in the same form.") if part)
    # What is wrong may quote the answer, and the answer may quote the diff: it is data too.
    parts.append(f"Your answer cannot be used:\n{fenced('problem', reveal(problem))}\n{again}")
    if hints:
        rows = "\n".join(f"{hint.path}:{hint.line} {hint.title} ({hint.source})" for hint in hints)
        parts.append(
            f"Static analysers report these:\n{fenced('hints', reveal(rows))}\n"
            "Report each that is a real problem as a finding. One that is not: report it too, as low, with a "
            "confidence under 0.2, and say in `body` why not."
        )
    return replace(prompt, more="\n\n".join(parts))


def continued_prompt(
    prompt: Prompt, rounds: Sequence[Round], *, paths: Sequence[str] = (), more: bool = False
) -> Prompt:
    """Continue a question with each answer so far and what was looked up; `more` says that it may ask again.

    Each round only appends, so that all that was sent before is read from the provider's cache.
    """
    parts = []
    for number, shown in enumerate(rounds, start=1):
        texts, _found = context_texts(shown.items, paths=paths)
        if shown.answer.strip():
            parts.append(f"Your answer:\n{fenced('previous-answer', reveal(shown.answer[:ANSWER_ECHO_LIMIT]))}")
        parts += ["What you asked for:", *texts, f"{ADD} {MORE if more or number < len(rounds) else NO_MORE}"]
    return replace(prompt, more="\n\n".join(parts))


def _rest_text(rest: RestOfChange) -> str:
    """Say what a reader would else look for: a hunk that uses what this part shows, a lock file, a test."""
    lines = []
    if rest.apart:
        lines.append(f"### also changed, reviewed apart: {_named(rest.apart)}")
    if rest.left_out:
        lines.append(f"### also changed, left out by policy: {_named(rest.left_out)}")
    if not lines:
        lines.append("### this is the whole change")
    if not rest.tested:
        lines.append("### no test file is changed")
    return "\n".join(lines)


def _named(paths: Sequence[str]) -> str:
    more = len(paths) - ELSEWHERE
    return ", ".join(quote(path) for path in paths[:ELSEWHERE]) + (f" and {more} more" if more > 0 else "")


def _about_text(about: About) -> str:
    title, body = prose(about.title, limit=TITLE_LIMIT), prose(about.body, limit=BODY_LIMIT)
    return f"{title}\n\n{body}" if body else title
