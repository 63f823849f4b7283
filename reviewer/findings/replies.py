"""What a person's reply to a finding says of it, as far as that can be told without a model. Pure.

Only a reply that plainly rejects the finding dismisses it. Everything else is talk, in which we are silent.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

# A reply that says why has more to say than "no".
LEAST_WORDS: Final = 2
_FENCE: Final = re.compile(r"^\s{0,3}(`{3,}|~{3,}).*?(^\s{0,3}\1|\Z)", re.DOTALL | re.MULTILINE)
_QUOTE: Final = re.compile(r"^\s{0,3}>.*$", re.MULTILINE)
_CODE: Final = re.compile(r"`[^`\n]*`")
# Only at the beginning of a run of signs: from each of its signs anew, the search would be quadratic.
_SENTENCE: Final = re.compile(r"(?<![.!?;])[.!?;]+(?:\s|$)|\n")
_REJECTS: Final = re.compile(
    r"\b(?:false[ -]positives?|by design|on purpose|intended|intentional(?:ly)?|deliberate(?:ly)?|"
    r"won[’']?t[ -]?fix|wont[ -]?fix|will not (?:fix|change)|won[’']?t (?:fix|change|do)|"
    r"(?:not|(?:isn|aren|doesn|don|wasn)[’']?t) (?:really )?(?:an? )?"
    r"(?:bugs?|issues?|problems?|defects?|concerns?|relevant|applicable|needed|necessary|worth|true|correct|right|"
    r"the case|possible|reachable|apply|matter|happen)|"
    r"(?:can[’']?t|cannot|can not|can never|will never|never|won[’']?t) (?:happen|be|occur|reach)\w*|"
    r"already (?:\w+ )?(?:handled|checked|validated|guarded|escaped|covered|guaranteed|ensured)|"
    r"(?:handled|checked|validated|guarded|escaped|guaranteed|ensured) (?:by|in|at|before|above|upstream)|"
    r"(?:i|we) disagree|out of scope|no need|ignore this|nonsense|invalid finding|accepted risk|"
    r"we accept (?:this|the|that)|fine as (?:it )?is|works as (?:intended|designed))\b",
    re.IGNORECASE,
)
# "This is not intended" rejects nothing. Two words between: "was never really by design".
_NEGATED: Final = re.compile(r"(?:\b(?:not|never|no|hardly)|n[’']t)\s+(?:\w+\s+)?$", re.IGNORECASE)
_PLAIN: Final = re.compile(
    r"^(?:by design|on purpose|intended|intentional|deliberate|false[ -]positive|already|handled|checked|validated|"
    r"guarded|escaped|guaranteed|ensured|fine as|works as|out of scope|nonsense)",
    re.IGNORECASE,
)
_AGREES: Final = re.compile(
    r"\b(?:good (?:catch|point|find)|nice catch|you(?:[’']re| are) right|well spotted|agreed?|fixed|"
    r"fixing|will fix|i[’']ll fix|let me fix|on it|todo|to do|oops|my bad|follow[- ]up)\b",
    re.IGNORECASE,
)
# Words of agreement that promise at most another change: nothing was accepted yet.
_MAYBE_LATER: Final = re.compile(r"\b(?:todo|to do|follow[- ]up)\b", re.IGNORECASE)
_DOUBT: Final = re.compile(r"\b(?:maybe|perhaps|not sure|i think we should|or is it|is it|if)\b", re.IGNORECASE)


class Stance(StrEnum):
    """What a reply says of the finding."""

    REJECTS = "rejects"
    AGREES = "agrees"
    TALKS = "talks"


def stance_of(reply: str) -> Stance:
    """Return what a person's reply says of the finding that it answers."""
    text = _CODE.sub(" code ", _QUOTE.sub("", _FENCE.sub("", reply)))
    rejects = _rejects(text)
    agreed = _AGREES.search(text)
    if agreed is None:
        return Stance.REJECTS if rejects else Stance.TALKS
    doubted = rejects or "?" in text or _DOUBT.search(text) or _NEGATED.search(text[: agreed.start()])
    return Stance.TALKS if doubted or _MAYBE_LATER.search(text) else Stance.AGREES


def _rejects(text: str) -> bool:
    for sentence, end in _sentences(text):
        if end == "?" or _DOUBT.search(sentence) or len(sentence.split()) < LEAST_WORDS:
            continue
        if any(_stands(sentence, match) for match in _REJECTS.finditer(sentence)):
            return True
    return False


def _sentences(text: str) -> list[tuple[str, str]]:
    """Return the sentences of a text, each with the sign that ends it."""
    found, start = [], 0
    for match in _SENTENCE.finditer(text):
        found.append((text[start : match.start()], "?" if "?" in match[0] else "."))
        start = match.end()
    return [*found, (text[start:], ".")]


def _stands(sentence: str, match: re.Match[str]) -> bool:
    """Tell whether what rejects is meant so: "by design", not "hardly by design"."""
    return not (_PLAIN.match(match[0]) and _NEGATED.search(sentence[: match.start()]))
