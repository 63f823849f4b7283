"""Which changed file a model means by the path that it wrote."""

from __future__ import annotations

import re
from typing import Final

from reviewer.change.anchor import Anchors

_LINES: Final = re.compile(
    # Linear: what is at work once is not given back (`*+`), and the rest of the text always matches.
    r"(?::|#)L?(?P<line>\d{1,8})(?:[:,-](?s:.*))?\Z"
    r"|(?<!\s)\s*+(?:\(\s*+)?lines?\s++(?P<word>\d{1,8})(?s:.*)\Z",
    re.IGNORECASE,
)


def changed_path(stated: str, anchors: Anchors) -> tuple[str | None, int]:
    """Return the changed path that is meant and the line that stands behind it, None and 0 where there is none.

    The path as it stands goes before every other reading: without a line behind it ("app.py:2", "app.py (line 2)"),
    a scheme, backslashes, in other case, without folders before it that the repository does not have.
    """
    if known := anchors.path_of(stated):
        return known, 0
    text = stated.strip().strip("`\"'").removeprefix("file://").replace("\\", "/")
    line = 0
    if lines := _LINES.search(text):
        text, line = text[: lines.start()].strip().strip("`\"'"), int(lines["line"] or lines["word"])
    path = anchors.path_of(text) if text else None
    return path or _without_case(text, anchors) or _longest_tail(text, anchors), line


def _without_case(text: str, anchors: Anchors) -> str | None:
    wanted = text.removeprefix("./").lower()
    found = [path for path in anchors.paths if path.lower() == wanted]
    return found[0] if len(found) == 1 else None


def _longest_tail(text: str, anchors: Anchors) -> str | None:
    """Return the changed path that the text ends with: "/workspace/shop/cart.py" is "shop/cart.py"."""
    parts = text.strip("/").split("/")
    tails = ("/".join(parts[start:]) for start in range(1, len(parts)))
    return next((tail for tail in tails if tail in anchors.paths), None)
