"""Read an answer's values from its text: to the end, or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from reviewer.findings.documents import Document, Documents, ends_early, find_documents
from reviewer.findings.mend import mend
from reviewer.findings.reasoning import without_reasoning
from reviewer.findings.schema import states_member
from reviewer.findings.shapes import Collected, collect, is_finding

# An object that begins behind the answer and goes no further: a second answer that was cut off.
_BEGINS_OBJECT: Final = re.compile(r"""\{\s*(?:["']|$)|\[\s*$""")
# The same before an answer: nothing but a name stands between the bracket and the answer.
_BROKEN_OFF: Final = re.compile(r"""[{\[]\s*(?:["'][\w ]*["']?\s*:?\s*)?\0""")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an answer says. `problem` is why it was not read to its end, "" where it was.

    `cut` says that it ends in the middle. Where there is a problem, `findings` are those that were whole.
    """

    findings: Sequence[Any] = ()
    lookups: Sequence[Any] = ()
    uncertain: bool = False
    problem: str = ""
    cut: bool = False
    documents: Sequence[Any] = field(default=(), repr=False)


def read_json(text: str) -> Reading:
    """Read every answer that a text holds; one that is damaged is mended where that is certain.

    Several answers (an example, a draft, a repetition) count together and each finding of them once, so that none
    is lost to a guess which was meant.
    """
    said = without_reasoning(_unquoted(text))
    documents = find_documents(said)
    collected = [collect(document.value) for document in documents.found]
    values = [document.value for document in documents.found]
    problem = _problem(documents, collected)
    if problem and states_member(documents.rest) and documents.finished:
        mended = mend(said)
        if mended is not None:
            collected, problem, values = [collect(mended)], "", [mended]
    cut = bool(problem) and (ends_early(said) or not said.strip())
    return Reading(
        findings=_each_once(collected),
        lookups=[lookup for one in collected for lookup in one.lookups],
        uncertain=any(one.uncertain for one in collected),
        problem=problem,
        cut=cut,
        documents=values,
    )


def _problem(documents: Documents, collected: Sequence[Collected]) -> str:
    if not documents.finished:
        return "the answer nests too deeply to be read"
    listed = [problem for one in collected for problem in one.problems]
    if listed:
        return "; ".join(dict.fromkeys(listed))[:300]
    if states_member(documents.rest):
        return "the answer is no whole JSON: a part of it could not be read"
    if not any(one.answered for one in collected):
        return 'the answer holds no JSON object with a list named "findings"'
    if _BEGINS_OBJECT.search(documents.after) or _BROKEN_OFF.search(documents.rest):
        return "the answer begins twice and one of the two does not end"
    if _only_findings(documents.found) and documents.rest.count("[") != documents.rest.count("]"):
        return "the list of findings does not end"
    return ""


def _only_findings(found: Sequence[Document]) -> bool:
    return any(is_finding(document.value) for document in found)


def _each_once(collected: Sequence[Collected]) -> list[Any]:
    """Return the findings of all answers; what a later answer repeats word for word is left out."""
    kept: list[Any] = []
    seen: set[str] = set()
    for one in collected:
        names = [json.dumps(item, sort_keys=True, default=str) for item in one.findings]
        kept += [item for item, name in zip(one.findings, names, strict=True) if name not in seen]
        seen.update(names)
    return kept


def _unquoted(text: str) -> str:
    """Return the text inside, where the whole answer was encoded as one JSON string."""
    if not text.lstrip().startswith('"'):
        return text
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str) else text
