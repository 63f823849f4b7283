"""Right answers, and the damage that models, servers and networks do to them."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.findings.builders import answer, stated

# Texts in which the characters of JSON, regular expressions, templates and reasoning tags stand.
QUOTES = (
    "        found += row.price * row.count",
    "    pattern = re.compile(r'\\d+\\s*[{\\[]', re.I)",
    'log("a \\"quoted\\" word", {"findings": []})',
    "if (x) { return {}; }",
    "<think>{}</think>",
    "data = {'title': 1, \"severity\": 'high'}",
    "path = C:\\new\\users\\table",
    "// TODO: https://example.test/a#b",
)
TITLES = (
    "Count may be missing",
    'The "quoted" case is lost',
    "Backslash \\d is not escaped",
    "Null, [1, 2] and {}",
)
BODIES = (
    "row.count is None for gifts, so the product raises TypeError.",
    "Braces { and [ are counted, \"} too\", so the parser stops early. See f(x)[0], d['k'].",
    'It returns True or None; `"findings": []` stands in the log. /* so */ # 1',
)


@dataclass(frozen=True)
class Damaged:
    """A text that was an answer, how it was damaged, and the titles of the findings that the answer had."""

    text: str
    how: str
    titles: tuple[str, ...]


def whole_answer(chance: random.Random) -> tuple[str, tuple[str, ...]]:
    """Return an answer with one to four findings, and their titles."""
    findings = [
        stated(
            title=f"{chance.choice(TITLES)} {number}",
            body=chance.choice(BODIES),
            quote=chance.choice(QUOTES),
            line=chance.randint(0, 9),
            severity=chance.choice(("critical", "high", "medium", "low")),
            suggestion=chance.choice((None, "        x = {'a': [1]}\n        y = \"b\"")),
            evidence=chance.choice(([], ["shop/row.py:3"])),
        )
        for number in range(chance.randint(1, 4))
    ]
    text = answer(*findings) if chance.random() < 0.8 else json.dumps(findings)
    if chance.random() < 0.3:
        text = json.dumps(json.loads(text), indent=2)
    return text, tuple(found["title"] for found in findings)


def damaged(seed: int) -> Damaged:
    """Return the damaged answer of a seed."""
    chance = random.Random(seed)
    text, titles = whole_answer(chance)
    name = chance.choice(sorted(WAYS))
    return Damaged(WAYS[name](text, chance), name, titles)


def _somewhere(text: str, chance: random.Random) -> int:
    return chance.randrange(len(text))


def _deleted(text: str, chance: random.Random) -> str:
    at = _somewhere(text, chance)
    return text[:at] + text[at + 1 :]


def _inserted(text: str, chance: random.Random) -> str:
    at = _somewhere(text, chance)
    return text[:at] + chance.choice("\"'\\,:{}[]`\n\t x0") + text[at:]


def _replaced(text: str, chance: random.Random) -> str:
    at = _somewhere(text, chance)
    return text[:at] + chance.choice("\"'\\,:{}[]`\n x0") + text[at + 1 :]


def _comma_missing(text: str, chance: random.Random) -> str:
    commas = [match.start() for match in re.finditer(r"(?<=[\"\]}\dle]),(?=\s*[\"{])", text)]
    at = chance.choice(commas)
    return text[:at] + text[at + 1 :]


def _comma_too_many(text: str, chance: random.Random) -> str:
    at = chance.choice([match.start() for match in re.finditer(r"[}\]]", text)])
    return text[:at] + "," + text[at:]


def _comment(text: str, chance: random.Random) -> str:
    at = chance.choice([match.end() for match in re.finditer(r"[{\[,](?=\s*[\"{])", text)])
    return text[:at] + chance.choice((" // one\n", " /* two words */ ", " # three\n")) + text[at:]


def _python(text: str, chance: random.Random) -> str:
    return str(json.loads(text))


def _python_words(text: str, chance: random.Random) -> str:
    return re.sub(
        r"(?<=: )(?:null|false|true)\b", lambda word: {"null": "None"}.get(word[0], word[0].title()), text
    )


def _backslash_bare(text: str, chance: random.Random) -> str:
    return text.replace("\\\\", "\\")


def _one_backslash_bare(text: str, chance: random.Random) -> str:
    places = [match.start() for match in re.finditer(r"\\", text)]
    at = chance.choice(places) if places else 0
    return text[:at] + text[at + 1 :]


def _quotes_bare(text: str, chance: random.Random) -> str:
    return text.replace('\\"', '"')


def _cut(text: str, chance: random.Random) -> str:
    data = text.encode()
    return data[: chance.randrange(len(data))].decode("utf-8", "ignore")


def _cut_in_fence(text: str, chance: random.Random) -> str:
    return "```json\n" + _cut(text, chance)


def _draft(text: str, chance: random.Random) -> str:
    opening, closing = chance.choice(
        (("<think>", "</think>"), ("", "</think>"), ("[THINK]", "[/THINK]"), ("<thought>", "</thought>"))
    )
    return f'{opening}\nDraft: {{"findings": []}}\nNo, there is more: {{"a": [1]}}\n{closing}\n{text}'


def _draft_never_closed(text: str, chance: random.Random) -> str:
    return f'<think>\nDraft: {{"findings": []}}\nWait: {_cut(text, chance)}'


def _harmony(text: str, chance: random.Random) -> str:
    thought = '<|channel|>analysis<|message|>Maybe {"findings": []}?<|end|><|start|>assistant'
    return f"{thought}<|channel|>final<|message|>{text}"


def _example_before(text: str, chance: random.Random) -> str:
    return f'{{"lookups": [], "findings": [], "uncertain": false}} would say that nothing is wrong, but:\n{text}'


def _example_after(text: str, chance: random.Random) -> str:
    return f'{text}\nIf nothing were wrong I would answer {{"findings": []}}.'


def _twice(text: str, chance: random.Random) -> str:
    return f"{text}\n{text}"


def _twice_with_none(text: str, chance: random.Random) -> str:
    return f"{text}{answer()}" if chance.random() < 0.5 else f"{answer()}{text}"


def _twice_and_cut(text: str, chance: random.Random) -> str:
    return f"{text[: chance.randrange(1, len(text))]}\n{answer()}"


def _key_twice(text: str, chance: random.Random) -> str:
    return text[:-1] + ', "findings": []}' if text.endswith("}") else text[:-1] + ', {"findings": []}]'


def _encoded(text: str, chance: random.Random) -> str:
    value = json.loads(text)
    found = value if isinstance(value, list) else value["findings"]
    return json.dumps({"lookups": [], "findings": json.dumps(found), "uncertain": False})


def _tool_call(text: str, chance: random.Random) -> str:
    value: Any = json.loads(text)
    value = {"findings": value} if isinstance(value, list) else value
    member = chance.choice(("arguments", "parameters"))
    call = json.dumps({"name": "review", member: json.dumps(value) if chance.random() < 0.5 else value})
    return f"<tool_call>\n{call}\n</tool_call>" if chance.random() < 0.5 else call


def _two_damages(text: str, chance: random.Random) -> str:
    return _deleted(_inserted(text, chance), chance)


WAYS: dict[str, Callable[[str, random.Random], str]] = {
    name.removeprefix("_").replace("_", " "): way
    for name, way in list(globals().items())
    if name.startswith("_") and name not in ("_somewhere",) and callable(way) and way.__module__ == __name__
}
