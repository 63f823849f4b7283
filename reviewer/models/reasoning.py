"""Take a model's reasoning off its answer, where a server leaves both in one text.

Thinking models write in front of their answer, between tags of their family: `<think>`, `<thought>`, `[THINK]`,
OpenAI's harmony channels. Servers are meant to take that off; many do not, and some take off only the opening tag.
A draft inside the reasoning is no answer.
"""

from __future__ import annotations

import json
import re
from typing import Final

_NAMES: Final = r"(?:think|thinking|thought|thoughts|reasoning|reflection|analysis|scratchpad|seed:think)"
OPENING: Final = re.compile(rf"<{_NAMES}>|\[THINK\]|<\|(?:begin_of_)?(?:thought|think)\|>", re.IGNORECASE)
CLOSING: Final = re.compile(rf"</{_NAMES}>|\[/THINK\]|<\|end_of_(?:thought|think)\|>|◁/think▷", re.IGNORECASE)
# https://cookbook.openai.com/articles/openai-harmony
_CHANNEL: Final = "<|channel|>"
_FINAL: Final = re.compile(r"<\|channel\|>\s*final[^<]{0,80}(?:<\|[a-z]{1,20}\|>[^<]{0,40}){0,2}?<\|message\|>")
_FINAL_END: Final = re.compile(r"<\|(?:end|return|call)\|>")
# What is left of the channels where a server drops the special tokens and keeps the words.
_BARE_FINAL: Final = re.compile(r"assistant\s?final(?=\s*[{\[`])")
# Braces that are tried as the start of an object, to tell which tags stand inside a string of the answer.
_STARTS: Final = 200


def without_reasoning(text: str) -> str:
    """Return what follows the reasoning; "" where the reasoning never ends, the text itself where there is none."""
    if _CHANNEL in text:
        return _final_channel(text)
    if text.lstrip().startswith("analysis") and (found := _BARE_FINAL.search(text)):
        return text[found.end() :]
    before, at = "", 0
    while (opened := OPENING.search(text, at)) and text.find("{", at, opened.start()) < 0:
        closed = CLOSING.search(text, opened.end())
        if closed is None:
            return ""
        before += text[at : opened.start()]
        at = closed.end()
    return _after_lone_closing(before + text[at:])


def _final_channel(text: str) -> str:
    """Return the last message of the final channel, "" where the model never opened it."""
    starts = [found.end() for found in _FINAL.finditer(text)]
    if not starts:
        return ""
    end = _FINAL_END.search(text, starts[-1])
    return text[starts[-1] : end.start() if end else len(text)]


def _after_lone_closing(text: str) -> str:
    """Cut after the last closing tag that is no part of a string inside an answer."""
    if CLOSING.search(text) is None:
        return text
    objects = _objects(text)
    after = 0
    for closed in CLOSING.finditer(text):
        if not any(start < closed.start() < end for start, end in objects):
            after = closed.end()
    return text[after:]


def _objects(text: str) -> list[tuple[int, int]]:
    """Return where JSON objects stand in a text; one that is cut off or damaged reaches to the end."""
    found = []
    start = text.find("{")
    for _ in range(_STARTS):
        if start < 0:
            break
        try:
            _, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        except (ValueError, RecursionError):
            if not text[:start].strip().removeprefix("```json").strip("`\n "):
                # The answer itself, cut off or damaged: what it quotes is no end of reasoning.
                return [(start, len(text))]
            end = start + 1
        else:
            found.append((start, end))
        start = text.find("{", end)
    return found
