"""Which values look like secrets: made by a machine or chosen by a person; no code, reference, placeholder. Pure.

Values are at most MAX_VALUE characters long, which bounds what an expression can cost.
"""

from __future__ import annotations

import re
from typing import Final

from reviewer.prompts.linear import expression
from reviewer.prompts.secret_rules import entropy

# A value is judged by its beginning; what is longer is hidden to its end where the beginning is a secret.
MAX_VALUE: Final = 256
MIN_VALUE: Final = 8

# What makes a value code, a reference or a path, and no value at all.
_REFERENCE: Final = re.compile(
    r"[$%@]?[({<\[]|\$\w|%\w+%$|@\w+@$|(?:env|vault|secret|ssm|sm|op|ref\+\w+|arn|projects|file|https?|s3|gs|urn)"
    r"[:/]|(?:process\.env|os\.environ|secrets?|vars|env|config|settings|self|this|cls|request|args|options|opts"
    r"|params)\b[.\[]|\.{0,2}/|~/|\*{3}|\.{3}|[A-Za-z]:\\|%[sdr(]|-----BEGIN",
    re.IGNORECASE,
)
_ATTRIBUTE_PATH: Final = re.compile(r"[A-Za-z_]\w*(?:(?:\.|::|->|\?\.)[A-Za-z_]\w*)+[,;]?")
# Words of which people make values that are none; taken out, little is left of `testpassword123`.
_MADE_UP: Final = re.compile(
    r"your|example|placeholder|change[_-]?(?:me|it|this)|redacted|replace|insert|dummy|fake|mock|sample|default"
    r"|invalid|wrong|incorrect|correct|expected|actual|p[a@]ssw[o0]rd|passwd|passphrase|pass|pwd|secret|s3cret|token"
    r"|api|key|test|testing|user|admin|root|guest|demo|foo|bar|baz|qux|hello|world|qwerty|letmein|welcome|temp"
    r"|public|private|auth|access|refresh|bearer|login|client|server|value|string|random|some|super|strong|weak|good|bad"
    r"|old|new|valid|needed|required|unused|none|null|empty|missing|todo|tbd|here"
    r"|(?<![a-z0-9])(?:my|the|not|is|an?|for|in|of|to|and|or)(?![a-z0-9])"
    r"|postgres|mysql|redis|mongo|rabbit|minio|localhost|insecure|abc|long|short|first|second"
    r"|1234567890|123456789|12345678|1234567|123456|12345|1234|123|x{3,}|0{3,}|\*{2,}",
    re.IGNORECASE,
)
_RUN: Final = re.compile(r"[A-Za-z0-9]+")
_TURN: Final = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
# `PKCS7PrivateKeyTypes`: a type, not a value.
_TYPE_NAME: Final = r"\w*[A-Z][a-z]{3,}[A-Z][a-z]{2,}\w*"
_WORD_LIKE: Final = re.compile(r"[A-Za-z]{0,3}\d{0,4}[A-Z]?[a-z]+(?:[A-Z][a-z]+)*\d{0,4}")
_VERSION: Final = re.compile(r"[vV]?\d+(?:\.\d+)+\S*|\d{4}-\d\d-\d\d\S*|[\d.,:_-]+")
CODE: Final = frozenset("()[]{}<>$`")
_PROMPT: Final = re.compile(
    r"\b(?:your|enter|type|example|placeholder|change|the|a|is|for|passphrase)\b", re.IGNORECASE
)
_PHRASE: Final = re.compile(r"[A-Za-z]{2,}(?:[ -][A-Za-z]{2,}){3,}")


def is_secret(value: str, *, quoted: bool, strong: bool) -> bool:
    """Tell whether a value looks like a secret. `strong` names (passwords) need less of a look than tokens."""
    value = value.rstrip(".,;\\")
    if len(value) < MIN_VALUE or _REFERENCE.match(value) or _VERSION.fullmatch(value):
        return False
    if not quoted and (
        CODE & set(value) or _ATTRIBUTE_PATH.fullmatch(value) or expression(_TYPE_NAME).fullmatch(value)
    ):
        return False
    if "://" in value:
        return False  # the password in an address has a frame of its own
    if any(char.isspace() for char in value) or not _is_left_over(value):
        return False
    if is_random(value):
        return True
    return strong and quoted and _classes(value) >= 3 and len(value) >= MIN_VALUE + 2 * (value.isalnum())


def is_password(value: str) -> bool:
    """Tell whether the password of an address is one: not a word, a variable or a placeholder."""
    if len(value) < 6 or _REFERENCE.match(value) or CODE & set(value) or not _is_left_over(value):
        return False
    return is_random(value) or any(char.isdigit() for char in value) or _classes(value) >= 3


def is_random(value: str) -> bool:
    """Tell whether a part of a value is made up as by a password generator: letters and digits mixed."""
    for run in _RUN.findall(value):
        turns = len(_TURN.findall(run))
        if len(run) >= 6 and turns >= 2 and not _WORD_LIKE.fullmatch(run):
            return True
        if len(run) >= 20 and turns >= 1 and entropy(run) > 3.0:
            return True
    dense = "".join(_RUN.findall(value))
    mixed = dense != dense.lower() and dense != dense.upper() and any(char.isdigit() for char in dense)
    return len(dense) >= 20 and mixed and entropy(dense) > 3.8 and "/" not in value.strip("/")[:1]


def _is_left_over(value: str) -> bool:
    """Tell whether something is left of a value once the words are gone of which people make placeholders."""
    left = "".join(_RUN.findall(_MADE_UP.sub("", value)))
    return len(left) >= 4 and len(set(left.lower())) >= 4


def is_config_value(value: str, *, strong: bool) -> bool:
    """Tell whether a bare word in a configuration file is a password: too long for a keyword, no placeholder."""
    if not strong or len(value) < MIN_VALUE or _REFERENCE.match(value) or CODE & set(value):
        return False
    return len("".join(_RUN.findall(_MADE_UP.sub("", value)))) >= MIN_VALUE


def is_phrase(value: str) -> bool:
    """Tell whether a value is a passphrase of four words or more."""
    return bool(_PHRASE.fullmatch(value)) and not _PROMPT.search(value)


def _classes(value: str) -> int:
    kinds = (str.islower, str.isupper, str.isdigit, lambda char: not char.isalnum())
    return sum(any(kind(char) for char in value) for kind in kinds)
