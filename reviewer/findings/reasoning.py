"""Take what a model wrote while it reasoned off its answer."""

from __future__ import annotations

import re
from typing import Final

from reviewer.findings.documents import find_documents
from reviewer.findings.schema import states_member

_NAMES: Final = r"(?:seed:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|analysis|reflection|scratchpad)"
# <think>, <|think|>, [THINK] (Magistral), ◁think▷ (Kimi).
_OPEN: Final = re.compile(rf"<\|?{_NAMES}\|?>|\[THINK\]|◁think▷", re.IGNORECASE)
_CLOSE: Final = re.compile(rf"</\|?{_NAMES}\|?>|<\|/{_NAMES}\|>|\[/THINK\]|◁/think▷", re.IGNORECASE)
# https://cookbook.openai.com/articles/openai-harmony: only the channel "final" is for the user.
_CHANNEL: Final = re.compile(r"<\|channel\|>\s*(?P<name>\w+)[^<]{0,200}(?:<\|constrain\|>[^<]{0,50})?<\|message\|>")
_CHANNEL_END: Final = re.compile(r"<\|(?:end|return|start|call)\|>")
# Blocks of reasoning in one answer.
_MAX_BLOCKS: Final = 50


def without_reasoning(text: str) -> str:
    """Return the answer without the reasoning that stands before it; "" where the text ends while reasoning.

    A tag inside a JSON document is part of a quote and stays. A lone closing tag ends reasoning whose opening tag
    the server took away, unless pieces of a damaged answer stand before it.
    """
    channels = list(_CHANNEL.finditer(text))
    if channels and text.lstrip().startswith("<|"):
        return "\n".join(_message(text, match) for match in channels if match["name"] == "final")
    for _block in range(_MAX_BLOCKS):
        documents = find_documents(text)
        opening = next((tag for tag in _OPEN.finditer(text) if not documents.inside(tag.start())), None)
        closings = [tag for tag in _CLOSE.finditer(text) if not documents.inside(tag.start())]
        first = next((tag for tag in closings if opening is None or tag.start() > opening.end()), None)
        lone = [tag for tag in closings if opening is None or tag.start() < opening.start()]
        if lone:
            before = text[: lone[-1].start()]
            if states_member(find_documents(before).rest):
                return text
            text = text[lone[-1].end() :]
        elif opening is not None and first is not None:
            text = f"{text[: opening.start()]}\n{text[first.end() :]}"
        elif opening is not None:
            return text[: opening.start()]
        else:
            return text
    return text


def _message(text: str, channel: re.Match[str]) -> str:
    end = _CHANNEL_END.search(text, channel.end())
    return text[channel.end() : end.start() if end else len(text)]
