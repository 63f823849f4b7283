"""What a change does to a guard: which lines it really adds and takes out, and what became of its conditions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from policies.identifiers import MAX_LINE_CHARACTERS, MAX_LINES

_SPACE: Final = re.compile(r"\s+")
_COMMENT: Final = re.compile(r"^(?:#(?!\[|include|if|\s*pragma)|//|/\*|\*(?:\s|/|$)|--\s|<!--|;|\"\"\"|''')")
# Of a longer line so many characters are judged: code that decides something is shorter.
LONGEST_LINE: Final = 500
_TOKEN: Final = re.compile(
    r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[A-Za-z_$@][\w$]*[!?]?(?!=)|\d[\w.]*|"
    r"===|!==|<=>|<<=|>>=|<<|>>|<=|>=|==|!=|&&|\|\||->|=>|::|[^\w\s]"
)
# Operators that decide which way a comparison or a condition goes; an operator turns into one of its own row.
_TURNS: Final = (
    frozenset({"<", "<=", ">", ">=", "==", "===", "!=", "!==", "eq", "ne", "-lt", "-gt"}),
    frozenset({"&&", "||", "and", "or", "&", "|"}),
)
_ROW: Final = {operator: f"<{index}>" for index, row in enumerate(_TURNS) for operator in row}
_NEGATIONS: Final = frozenset({"!", "not"})
_CONDITION: Final = re.compile(
    r"^(?:\}?\s*(?:else\s+if|elsif|elif|elseif|if|unless|while|until|when|guard|case|for)\b|return\b.*[=<>&|!]|"
    r"(?:assert|require|ensure|check)\w*!?[\s(]|&&|\|\||and\b|or\b)|\b(?:if|unless)\b.{1,200}$|&&|\|\||\sand\s|\sor\s"
)
# A guard in one line: a condition with what it refuses.
_GUARD: Final = re.compile(
    r"^(?:if|unless|guard|else if|elif|elsif)\b.*(?:\breturn\b|\braise\b|\bthrow\b|\babort\b|\bgoto\b|\breject\b|"
    r"\bdie\b|\bexit\b|\bcontinue\b|\bpanic\b)|"
    r"^(?:return|raise|throw|abort|die|halt|redirect_to)\b.*\s(?:if|unless)\s|"
    r"^(?:assert|require|ensure|precondition|debug_assert|BUG_ON|Preconditions\.\w+|Assert\.\w+|Objects\.\w+|"
    r"g_return_val_if_fail|checkArgument)!?[\s(]|"
    r"^(?:raise|throw|panic!?|abort)\b"
)


_REFUSAL: Final = re.compile(r"^(?:return|raise|throw|abort|goto|reject|die|exit|panic|halt|res\.\w+|wp_die)\b")
# Loads a file, or marks what is not written yet: neither refuses anything.
_LOADS: Final = re.compile(
    r"^require\b\s*\(?\s*['\"]|NotImplemented|not implemented|unreachable|todo!|unimplemented!"
)
_OPENS: Final = re.compile(r"^\}?\s*(?:if|unless|guard|else if|elif|elsif)\b")
# A line of prose has none of what code is made of.
_CODE: Final = re.compile(r"[(){}\[\];=<>&|!_]|:$|\w\?|\w\.\w")
_PREPROCESSOR: Final = ("#if", "#elif", "#ifdef", "#ifndef", "@trigger_error")


class NetLines:
    """The lines that a change of one file adds and takes out; a line on both sides was moved and is neither."""

    __slots__ = ("added", "removed")

    def __init__(self, added: Sequence[str], removed: Sequence[str]) -> None:
        plus, minus = _counted(added), _counted(removed)
        self.added = tuple((plus - minus).elements())
        self.removed = tuple((minus - plus).elements())

    def __len__(self) -> int:
        return len(self.added) + len(self.removed)


def _counted(lines: Sequence[str]) -> Counter[str]:
    cut = (_SPACE.sub(" ", line[:MAX_LINE_CHARACTERS]).strip() for line in lines[:MAX_LINES])
    return Counter(line for line in cut if line and not _COMMENT.match(line))


@lru_cache(maxsize=4096)
def tokens(line: str) -> tuple[str, ...]:
    """Split a line of code of any language, LONGEST_LINE of it at most, into words, texts, numbers, operators."""
    return tuple(_TOKEN.findall(line[:LONGEST_LINE]))


def turned(net: NetLines) -> str:
    """Return the line whose comparison, connective or negation the change turns round, "" where there is none."""
    before = {_outline(line): line for line in net.removed if _decides(line)}
    for line in net.added:
        old = before.get(_outline(line))
        if old is not None and tokens(old) != tokens(line) and _decides(line):
            return line
    return ""


def weakened(net: NetLines) -> str:
    """Return the condition that loses a part joined by "and", or gains one joined by "or", "" where none does."""
    for old in net.removed:
        if not _decides(old):
            continue
        for new in net.added:
            # What refuses gets weaker by losing either kind of part, what allows by losing an "and".
            lost = ("&&", "and", "||", "or", "+") if _GUARD.search(old) else ("&&", "and", "+")
            if _loses(tokens(old), tokens(new), lost) or _loses(tokens(new), tokens(old), ("||", "or")):
                return new
    return ""


def dropped(net: NetLines) -> str:
    """Return the guard that is taken out while nothing that decides is put in, "" where there is none."""
    if len(net.added) > len(net.removed) or any(_decides(line) or _GUARD.search(line) for line in net.added):
        return ""
    if any(map(_REFUSAL.search, net.removed)):
        opened = next(filter(_OPENS.search, net.removed), "")
        if opened:
            return opened
    return next((line for line in net.removed if _GUARD.search(line) and not _LOADS.search(line)), "")


SHAPES: Final[Mapping[str, Callable[[NetLines], str]]] = {
    "turned": turned,
    "weakened": weakened,
    "dropped": dropped,
}


def _decides(line: str) -> bool:
    return bool(_CONDITION.search(line) and _CODE.search(line)) and not line.startswith(_PREPROCESSOR)


@lru_cache(maxsize=4096)
def _outline(line: str) -> tuple[str, ...]:
    """Return the tokens with every operator that can be turned replaced by its row, without negations."""
    return tuple(_ROW.get(token, token) for token in tokens(line) if token not in _NEGATIONS)


def _loses(longer: Sequence[str], shorter: Sequence[str], joins: tuple[str, ...]) -> bool:
    """Return True where the shorter line is the longer one without one run of tokens that a join is in."""
    missing = len(longer) - len(shorter)
    if missing < 2 or len(shorter) < 2:
        return False
    start = 0
    while start < len(shorter) and longer[start] == shorter[start]:
        start += 1
    end = 0
    while end < len(shorter) - start and longer[-1 - end] == shorter[-1 - end]:
        end += 1
    if start + end < len(shorter):
        return False
    return any(join in longer[start : start + missing] for join in joins)
