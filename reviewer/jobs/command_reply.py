"""Reply: one comment of ours that answers one command, posted once whatever is tried again."""

from __future__ import annotations

from collections.abc import Callable

from reviewer.github.client import GitHub
from reviewer.publish.marker import is_own


def reply_once(
    gh: GitHub, repository: str, number: int, body: str, *, mark: str, login: str, guard: Callable[[], object]
) -> None:
    """Post `body` under an unseen `mark`, unless a comment of `login` has it; `guard` raises for a lost lease."""
    text = f"<!-- kilo-app:{mark} -->"
    known = any(
        text in comment.body and is_own(comment.author, login) for comment in gh.comments(repository, number)
    )
    if not known:
        guard()
        gh.create_comment(repository, number, f"{text}\n{body}")
