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
from reviewer.change.render import render_unit
from reviewer.context.model import ContextItem, ContextKind
from reviewer.findings.model import Finding
from reviewer.models.model import Prompt
from reviewer.prompts.fence import fenced, prose, reveal
from reviewer.prompts.redact import redact
from reviewer.request import About

TITLE_LIMIT: Final = 200
BODY_LIMIT: Final = 1500
ANSWER_ECHO_LIMIT: Final = 4000


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
    unit: Unit,
    items: Sequence[ContextItem],
    *,
    about: About | None,
    shared: Sequence[ContextItem] = (),
    schema: Mapping[str, Any],
    max_output_tokens: int,
    small: bool = False,
) -> Built:
    """Build the prompt of a unit.

    `about` is None for a metadata-blind prompt: an author's framing cuts detection of security defects by
    16 to 93 points, and leaving it out restores it (https://arxiv.org/abs/2603.18740). `shared` items are the
    same for every unit of the change and stand before what differs.
    """
    system = system_text(small=small)
    redacted = 0
    stable = []
    for part, found in map(context_text, shared):
        stable.append(part)
        redacted += found
    # After what blind and other units share, so that both kinds hit the same cached prefix.
    if about is not None and (about.title or about.body):
        text, found = redact(_about_text(about))
        redacted += found
        stable.append(fenced("pull-request", text))
    own = []
    for part, found in map(context_text, items):
        own.append(part)
        redacted += found
    # Without line numbers: a quote finds its line, and numbers on every line cost a fifth of the prompt.
    diff = fenced("diff", render_unit(unit, numbered=False))
    prompt = Prompt(
        system=system,
        shared="\n\n".join(stable),
        unit="\n\n".join((*own, diff)),
        schema=schema,
        schema_name="review",
        max_output_tokens=max_output_tokens,
        version=prompt_version(system, schema),
    )
    return Built(prompt, redacted, sum(item.tokens for item in (*shared, *items)))


def repair_prompt(prompt: Prompt, answer: str, problem: str, hints: Sequence[Finding] = ()) -> Prompt:
    """Ask again after a failed check: the same question, what was answered, what is wrong with it.

    `hints` are analyser findings of high severity that the answer passed over.
    """
    said = fenced("previous-answer", reveal(answer[:ANSWER_ECHO_LIMIT]))
    parts = [prompt.unit, said, f"That answer cannot be used: {problem} Answer again, complete, in the same form."]
    if hints:
        rows = "\n".join(f"{hint.path}:{hint.line} {hint.title} ({hint.source})" for hint in hints)
        parts.append(f"Static analysers report these. Say whether each is a real problem:\n{fenced('hints', rows)}")
    return replace(prompt, unit="\n\n".join(parts))


def hinted_prompt(prompt: Prompt, items: Sequence[ContextItem]) -> Prompt:
    """Return the prompt with more context: what the model asked to look up."""
    parts = [text for text, _found in map(context_text, items)]
    return replace(prompt, unit="\n\n".join((*parts, prompt.unit)))


def _about_text(about: About) -> str:
    title, body = prose(about.title, limit=TITLE_LIMIT), prose(about.body, limit=BODY_LIMIT)
    return f"{title}\n\n{body}" if body else title


def context_text(item: ContextItem) -> tuple[str, int]:
    """Return a snippet as a prompt shows it, and how many secrets were taken out of it."""
    text, found = redact(reveal(item.text))
    if item.kind is ContextKind.GUIDELINE:
        return f"Review guidelines of the project ({item.path}):\n{fenced('guidelines', text)}", found
    where = f"{item.path}:{item.start_line}-{item.end_line}"
    return fenced("context", f"{where} {item.reason}\n{text}"), found
