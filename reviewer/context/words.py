"""Words: which names of a changed line are worth looking up. Keywords and the commonest built-ins are not."""

from __future__ import annotations

from typing import Final

MIN_LENGTH: Final = 3

# Keywords, literals and primitive types of every language that has a grammar here. A repository may define any
# other name, however common: how rare it is decides then.
STOP: Final = frozenset(
    """
    abstract and any arguments as assert async await base bool boolean break byte bytes case catch chan char class
    cls const continue declare decltype def default defer del delete dict do double each elif else elsif end ensure
    enum err except export extends extern false final finally float float32 float64 fmt fn for foreach from fun
    func function global goto if impl implements import in include inline instanceof int int16 int32 int64 int8
    interface internal is isinstance let list loop mod mut namespace native new nil node none not null number
    object of ok operator or out override package param params private property protected pub public raise range
    ref require rescue return returns rune sealed self short signed sizeof static str string strings struct super
    suspend switch synchronized template this throw throws trait true try tuple type typedef typename typeof uint
    uint16 uint32 uint64 uint8 undefined union unless unsafe unsigned unused use using val var virtual void
    volatile when where while with yield None True False String Integer Object Boolean Override
    args kwargs TODO FIXME NOTE size_t uint8_t uint16_t uint32_t uint64_t int32_t int64_t NULL nullptr static_cast
    auto constexpr noexcept endif ifdef ifndef elif define pragma
    """.split()  # noqa: SIM905 - two hundred quoted words would be unreadable
)
_RESERVED: Final = frozenset(("__init__", "__name__", "__file__", "__all__", "__dict__", "__class__", "__doc__"))


def worth_looking_up(name: str) -> bool:
    """Return whether a name can lead to a definition that says something.

    >>> [worth_looking_up(name) for name in ("parse_header", "self", "id", "void")]
    [True, False, False, False]
    """
    return len(name) >= MIN_LENGTH and name not in STOP and name not in _RESERVED
