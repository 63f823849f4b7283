"""Take our own secrets out of every text that leaves, in whatever form a model was made to write them. Pure.

`reviewer.prompts.redact` knows what secrets of any issuer look like; this knows the very values of this process:
as they are, reversed, in hexadecimal, in base64 at each alignment, percent-encoded, cut short at either end, or
split by blanks, quotes and the like.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from reviewer.prompts.redact import PLACEHOLDER, has_token, redact, redact_tokens
from reviewer.text.secret_value import SecretForm, secret_form

# A piece this long of a secret is treated as the secret; a shorter run meets ordinary text by accident.
PIECE: Final = 12

_PEM_LINE: Final = re.compile(r"-----[A-Z ]{1,64}-----")


class OwnSecrets:
    """Replaces the given secrets, and whatever looks like one of another issuer, by `[redacted]`.

    Values that are no secrets by their form (`reviewer.text.secret_value`) are left alone. Values are redacted
    before they are rendered; what is rendered is only looked at, with `finds`.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._pieces: dict[int, set[str]] = {}
        for secret in secrets:
            how = secret_form(secret)
            if how is SecretForm.NONE:
                continue
            for form in _forms(_PEM_LINE.sub("", secret)):
                letters = _letters(form)
                if not letters:
                    continue
                size = len(letters) if how is SecretForm.WHOLE else min(PIECE, len(letters))
                known = self._pieces.setdefault(size, set())
                known.update(letters[at : at + size] for at in range(len(letters) - size + 1))

    def __call__(self, text: str) -> str:
        """Return text without secrets."""
        return redact(self.own(text))[0]

    def finds(self, text: str) -> bool:
        """Tell whether a text that is already rendered holds one of our secrets or a token of a known format.

        Values known by the name beside them are not looked for: our own Markdown would look like such names.
        """
        return has_token(text) or self.own(text) != text

    def in_json(self, text: str) -> str:
        """Return a text that a program reads without our own secrets and without tokens of a known format.

        Values known by the name beside them stay: cutting one out could take a quote along.
        """
        return redact_tokens(self.own(text))

    def own(self, text: str) -> str:
        """Return text without the secrets of this process."""
        if not self._pieces:
            return text
        places = [at for at, char in enumerate(text) if char.isalnum()]
        letters = "".join(text[at] for at in places).lower()
        # `lower` may lengthen a letter (İ): positions would drift.
        if len(letters) != len(places):
            letters = "".join(text[at].lower()[0] for at in places)
        hidden: list[tuple[int, int]] = []
        for size, known in self._pieces.items():
            for at in range(len(letters) - size + 1):
                if letters[at : at + size] in known:
                    hidden.append((places[at], places[at + size - 1] + 1))
        return _cut(text, sorted(hidden))


def _forms(secret: str) -> Iterable[str]:
    data = secret.strip().encode("utf-8", "surrogateescape")
    yield secret
    yield secret[::-1]
    yield data.hex()
    yield quote(data, safe="")
    for lead in range(3):
        # The first and last letters of each alignment also encode the neighbours: they are left off.
        encoded = base64.b64encode(b"\0" * lead + data).decode("ascii").rstrip("=")
        yield encoded[(0, 2, 3)[lead] : len(encoded) - 1]


def _letters(text: str) -> str:
    return "".join(char for char in text if char.isalnum()).lower()


def _cut(text: str, spans: list[tuple[int, int]]) -> str:
    out: list[str] = []
    at = end = 0
    start = -1
    for begin, stop in spans:
        if start < 0 or begin > end:
            if start >= 0:
                out += [text[at:start], PLACEHOLDER]
                at = end
            start = begin
        end = max(end, stop)
    if start >= 0:
        out += [text[at:start], PLACEHOLDER]
        at = end
    out.append(text[at:])
    return "".join(out)
