"""Words: which names of a changed line are worth looking up. Keywords and the commonest built-ins are not."""

from __future__ import annotations

from typing import Final

MIN_LENGTH: Final = 3

# Keywords, literals and primitive types of every language that has a grammar here, and names of standard
# libraries so common that their definition in a repository is a coincidence.
STOP: Final = frozenset(
    """
    abstract and any array arguments as assert async await base bool boolean break byte bytes case catch chan char
    class cls const constructor continue copy debug declare decltype def default defer del delete dict do double
    each elif else elsif end ensure enum err error errors except export extends extern false final finally float
    float32 float64 fmt fn for foreach from fun func function get global go goto if impl implements import in
    include inline instanceof int int16 int32 int64 int8 interface internal is isinstance it item items key keys
    lambda len let list log long loop map match mod module move mut name namespace native new next nil node none
    not null number object of ok operator option or out override package param params parent pass path
    private property protected pub public raise range ref require rescue return returns rune self sealed send set
    short signed sizeof size some static std str string strings struct super suspend switch synchronized template
    test then this throw throws trait true try tuple type typedef typename typeof uint uint16 uint32 uint64 uint8
    undefined union unless unsafe unsigned unused use using val value values var virtual void volatile when where
    while with yield None True False String Integer Object Boolean List Map Set Vec Option Some Result Err Ok Box
    Arc Rc Promise Array Number Error Exception Record Partial Date Math JSON console println print printf sprintf
    Sprintf Errorf Println Printf append make cap Int Long Float Double Char Unit Any Nothing Void Override
    describe expect beforeEach afterEach should assertEquals assertTrue toString equals hashCode length push pop
    args kwargs init main data result results index count text line lines file files left right start stop todo
    TODO FIXME NOTE size_t uint8_t uint16_t uint32_t uint64_t int32_t int64_t NULL nullptr static_cast auto
    constexpr noexcept endif ifdef ifndef elif define pragma typing Optional Union Callable Iterable Sequence
    """.split()  # noqa: SIM905 - two hundred quoted words would be unreadable
)


def worth_looking_up(name: str) -> bool:
    """Return whether a name can lead to a definition that says something.

    >>> [worth_looking_up(name) for name in ("parse_header", "self", "id", "Map")]
    [True, False, False, False]
    """
    return len(name) >= MIN_LENGTH and name not in STOP and not name.startswith("__")
