"""Which analysers can find anything in a change: a process that cannot is not started. Pure."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Collection, Mapping
from typing import Final

from reviewer.change.model import Change
from reviewer.evidence.sandbox import beside_python
from reviewer.prompts.linear import expression
from reviewer.prompts.secret_rules import rules as secret_rules
from reviewer.prompts.secret_rules import token_spans

# Of so many added characters it takes longer to tell than to search.
LARGE: Final = 200_000
# What bandit finds and ruff does not is about these calls (rules.toml).
_ONLY_BANDIT: Final = re.compile(rb"torch|from_pretrained|load_dataset|_download\b")
# A name and, after a sign, a value: what gitleaks' general rule looks for, which is not in `secret_rules`. A value
# without a digit is none to it.
_NAMED_VALUE: Final = (
    r"(?i)(?:access|api|auth|key|cred|passw|pwd|secret|token)[ \t\w.-]{0,30}[\s'\"\])]{0,4}(?:[=:>,|?(]{1,3})"
    r"[\x60'\"\s=({]{0,6}([\w.=+/-]{10,})"
)
# Gitleaks undoes encodings before it looks: base64 and hex in one long word, percent and backslash escapes.
_WORD: Final = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2}){4}|(?:\\x[0-9A-Fa-f]{2}){4}|-----BEGIN")
_PRINTABLE: Final = re.compile(rb"[\t\n\r -~]+")


def needed_tools(change: Change, texts: Mapping[str, bytes], tools: Collection[str]) -> frozenset[str]:
    """Return those of the analysers that could find something.

    Gitleaks is needed where an added line matches one of its rules, names a secret beside a value, or holds what
    may be an encoding; bandit where ruff does not run or cannot read a file, or where a file holds a call that
    only bandit judges.
    """
    needed = set(tools)
    if "gitleaks" in needed and not _may_hold_secret(change):
        needed.discard("gitleaks")
    python = [data for path, data in texts.items() if path.endswith((".py", ".pyi"))]
    left_to_ruff = "ruff" in needed and beside_python("ruff") is not None
    if left_to_ruff and not any(_ONLY_BANDIT.search(data) or not _is_utf8(data) for data in python):
        needed.discard("bandit")
    return frozenset(needed)


def _is_utf8(data: bytes) -> bool:
    """Tell whether ruff can read a file; bandit obeys the encoding that the file declares."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _may_hold_secret(change: Change) -> bool:
    added = "\n".join(line.text for file in change.files for hunk in file.hunks for line in hunk.added)
    if len(added) > LARGE:
        return True
    named = (match.group(1) or "" for match in expression(_NAMED_VALUE).finditer(added))
    if any(map(_has_digit, named)) or _ESCAPES.search(added):
        return True
    if any(_is_encoding(match.group()) for match in _WORD.finditer(added)):
        return True
    # Keywords as short as `s.` are in most texts, so the rule itself decides.
    return next(token_spans(added, secret_rules().words.found(added)), None) is not None


def _has_digit(text: str) -> bool:
    return any(sign.isdigit() for sign in text)


def _is_encoding(word: str) -> bool:
    """Tell whether a word is the base64 or hex form of a text, as a checksum or an identifier is not."""
    bare = word.rstrip("=")
    for decode in (bytes.fromhex, lambda text: base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")):
        with contextlib.suppress(ValueError):
            if _PRINTABLE.fullmatch(decode(bare)):
                return True
    return False
