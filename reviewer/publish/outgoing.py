"""The last look at what is about to be sent: as rendered, or as plain text where a secret shows in it. Pure.

Nothing is replaced inside rendered Markdown: a replacement can take away the backtick, fence or table row that
keeps foreign text from becoming markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from reviewer.publish.escape import fence
from reviewer.publish.marker import read_marker

AS_PLAIN_TEXT: Final = "A secret was found in this text as it was to be sent, so it is shown without formatting."
WITHHELD: Final = "A secret was found in this text as it was to be sent, so it is withheld."
# The texts of a check run that GitHub renders as Markdown; `title` is shown as it is.
_RENDERED: Final = ("summary", "text")


class Secrets(Protocol):
    """Finds secrets in a text, and replaces them."""

    def finds(self, text: str) -> bool: ...  # noqa: D102
    def __call__(self, text: str) -> str: ...  # noqa: D102


def outgoing(body: str, secrets: Secrets) -> str:
    """Return the Markdown to send for a rendered body; a marker on its first line stays there."""
    if not secrets.finds(body):
        return body
    marker, rest = "", body
    if read_marker(body) is not None:
        first, _, rest = body.partition("\n")
        marker = f"{first}\n"
    plain = f"{marker}{AS_PLAIN_TEXT}\n\n{fence(secrets(rest))}"
    return plain if not secrets.finds(plain) else f"{marker}{WITHHELD}"


def outgoing_output(output: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """Return the output of a check run as it is to be sent."""
    sent = dict(output)
    for name in _RENDERED:
        if name in sent:
            sent[name] = outgoing(sent[name], secrets)
    sent["title"] = secrets(sent["title"])
    if "annotations" in sent:
        sent["annotations"] = [
            {key: secrets(text) if key in ("title", "message") else text for key, text in row.items()}
            for row in sent["annotations"]
        ]
    return sent
