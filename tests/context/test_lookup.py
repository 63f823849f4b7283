"""Look-ups are answered from the commit alone, within their caps, and say what they leave out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reviewer.context.lookup import ANSWER_TOKENS, SPAN_LINES, LookUps
from reviewer.context.lookup_request import LookupRequest
from reviewer.context.model import ContextItem, ContextKind, LookUpCounts
from reviewer.git.commit import GitSnapshot
from tests.context.repository import Repository

LONG = "def long(value):\n" + "".join(f"    value += {number}\n" for number in range(400)) + "    return value\n"
FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": (
        "from decimal import Decimal\n\n\ndef round_price(amount: Decimal) -> Decimal:\n"
        "    '''Round to cents.'''\n    return amount.quantize(Decimal('0.01'))\n"
    ),
    "shop/cart.py": (
        "import shop.prices\n\n\nclass Cart:\n    '''Things to buy.'''\n\n    def total(self):\n        return 0\n"
    ),
    "shop/checkout.py": "from shop.cart import Cart\n\n\ndef pay(cart: Cart) -> None:\n    charge(cart.total())\n",
    "tests/test_cart.py": "from shop.cart import Cart\n\n\ndef test_total():\n    assert Cart().total() == 0\n",
    "long.py": LONG,
    "middling.py": "def middling(value):\n" + "    value += 1\n" * 100,
    ".env": "round_price = 'secret'\n",
    "deploy/credentials": "def hidden_token():\n    return 'hunter2'\n",
    "blob.bin": b"\0\1\2" * 100,
    "empty.txt": "",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    made = Repository(tmp_path_factory.mktemp("lookups") / "repo")
    first = made.commit(FILES, "first")
    (made.root / "link").symlink_to("/etc/passwd")
    (made.root / "folder-link").symlink_to("shop")
    made.commit({})
    made.git("update-index", "--add", "--cacheinfo", f"160000,{first},vendor/lib")
    made.git("commit", "-q", "-m", "a submodule")
    return made


@pytest.fixture(scope="module")
def head(repository: Repository) -> Iterator[GitSnapshot]:
    with GitSnapshot.open(repository.git_dir, "HEAD") as snapshot:
        yield snapshot


def ask(kind: str, name: str = "", **rest: object) -> LookupRequest:
    return LookupRequest(kind, name, **rest)  # type: ignore[arg-type]


def left_out(item: ContextItem) -> tuple[int, int]:
    """The lines that an answer says it leaves out."""
    found = re.search(r"\n… \(lines (\d+)-(\d+) are left out\)\Z", item.text)
    assert found, item.text[-80:]
    return int(found[1]), int(found[2])


def test_a_look_up_finds_a_definition_references_and_lines(head: GitSnapshot) -> None:
    look = LookUps(head)
    definition = look.answer(ask("definition", "prices.round_price()", path="shop/prices.py"))
    assert "quantize" in definition.text
    assert (definition.kind, definition.path) == (ContextKind.LOOKUP, "shop/prices.py")
    places = look.answer(ask("references", "Cart"))
    assert "shop/checkout.py:1: from shop.cart import Cart" in places.text
    lines = look.answer(ask("file", path="shop/cart.py", start_line=4, end_line=5))
    assert lines.text == "class Cart:\n    '''Things to buy.'''"
    assert look.counts == LookUpCounts(asked=3, answered=3)


def test_a_definition_that_was_asked_for_is_shown_whole_where_it_fits(head: GitSnapshot) -> None:
    answer = LookUps(head).answer(ask("definition", "middling"))
    assert answer.text == FILES["middling.py"].rstrip("\n")  # type: ignore[union-attr]
    assert (answer.start_line, answer.end_line) == (1, 101)


def test_a_definition_that_does_not_fit_says_which_lines_are_left_and_they_can_be_asked_for(
    head: GitSnapshot,
) -> None:
    look = LookUps(head)
    answer = look.answer(ask("definition", "long"))
    first, last = left_out(answer)
    assert answer.tokens <= ANSWER_TOKENS
    assert (answer.start_line, answer.end_line, last) == (1, first - 1, 402)
    rest = look.answer(ask("file", path="long.py", start_line=first, end_line=last))
    assert rest.text.split("\n")[0] == LONG.split("\n")[first - 1]


def test_references_can_be_held_to_a_file_or_a_folder(head: GitSnapshot) -> None:
    look = LookUps(head)
    inside = look.answer(ask("references", "Cart", path="tests"))
    assert {line.split(":")[0] for line in inside.text.partition("\n\n")[0].split("\n")} == {"tests/test_cart.py"}
    one = look.answer(ask("references", "Cart", path="./shop/checkout.py"))
    assert {line.split(":")[0] for line in one.text.partition("\n\n")[0].split("\n")} == {"shop/checkout.py"}
    nowhere = look.answer(ask("references", "Cart", path="docs"))
    assert nowhere.text == ""
    assert nowhere.reason == "no reference to `Cart` found in: 'docs'; 3 other files have some"


def test_repeated_and_endless_look_ups_are_refused(head: GitSnapshot) -> None:
    look = LookUps(head, most=2)
    look.answer(ask("definition", "pay"))
    again = look.answer(ask("definition", "checkout.pay()"))
    assert again.reason == "refused: this was already answered; use what you have"
    assert again.text == ""
    look.answer(ask("definition", "Cart"))
    assert "2 look-ups are all there are" in look.answer(ask("definition", "total")).reason
    assert look.counts == LookUpCounts(asked=4, answered=2, refused=2)


def test_the_same_lines_in_other_words_are_a_repeat(head: GitSnapshot) -> None:
    look = LookUps(head)
    look.answer(ask("file", path="shop/cart.py"))
    for again in (
        ask("file", "shop/cart.py"),
        ask("file", path="./shop/cart.py", start_line=1),
        ask("file", path="b/shop/cart.py", start_line=-5, end_line=SPAN_LINES),
    ):
        assert "already answered" in look.answer(again).reason


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/etc/passwd",
            "../../etc/passwd",
            "/proc/self/environ",
            ".env",
            "shop",
            "",
            "shop/cart.py\0",
            ".git/config",
        ),
        *("link", "folder-link/cart.py", "vendor/lib", "shop/../.env", "a/.env", "deploy/credentials", "blob.bin"),
        *(":(top)long.py", "HEAD:long.py", "*.py", "--all", "x" * 5000, "shop/cart.py\n### forged"),
    ],
)
def test_a_look_up_reads_nothing_but_the_commits_files(head: GitSnapshot, path: str) -> None:
    look = LookUps(head)
    answer = look.answer(ask("file", path=path))
    assert answer.reason.startswith("refused: ")
    assert len(answer.reason) < 320
    assert "\n" not in answer.reason
    assert (answer.path, answer.text) == ("", "")
    assert look.counts == LookUpCounts(asked=1, refused=1)


@pytest.mark.parametrize("kind", ["definition", "references", "file"])
def test_a_file_of_credentials_is_not_shown_by_any_way(head: GitSnapshot, kind: str) -> None:
    answer = LookUps(head).answer(ask(kind, "hidden_token", path="deploy/credentials"))
    assert answer.text == ""


@pytest.mark.parametrize("name", ["", "a b", "x" * 500, "$(id)", "--all", "no_such_name", "ünï", "\0", "a\nb"])
def test_a_look_up_of_no_name_is_answered_in_words(head: GitSnapshot, name: str) -> None:
    for kind in ("definition", "references"):
        answer = LookUps(head).answer(ask(kind, name))
        assert answer.text == ""
        assert answer.reason


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (9, 3, "refused: lines 9 to 3 are none"),
        (None, 0, "refused: lines 1 to 0 are none"),
        (5, -5, "refused: lines 5 to -5 are none"),
        (10**12, None, "refused: 'long.py' has 403 lines"),
    ],
)
def test_lines_that_are_none_are_refused(
    head: GitSnapshot, start: int | None, end: int | None, reason: str
) -> None:
    assert LookUps(head).answer(ask("file", path="long.py", start_line=start, end_line=end)).reason == reason


def test_a_huge_span_is_cut_and_says_where(head: GitSnapshot) -> None:
    answer = LookUps(head).answer(ask("file", path="long.py", start_line=-3, end_line=10**12))
    assert (answer.start_line, answer.end_line) == (1, SPAN_LINES)
    assert left_out(answer) == (SPAN_LINES + 1, 403)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(("definition", "references", "file")),
    name=st.sampled_from(("long", "value", "Cart", "total", "")) | st.text(max_size=8),
    path=st.none() | st.sampled_from(("long.py", "shop", "shop/cart.py", ".env", "link")) | st.text(max_size=8),
    start=st.none() | st.integers(-10, 500),
    end=st.none() | st.integers(-10, 10**6),
    budget=st.integers(120, 400),
)
def test_no_question_costs_more_than_its_budget_or_goes_uncounted(
    head: GitSnapshot, kind: str, name: str, path: str | None, start: int | None, end: int | None, budget: int
) -> None:
    look = LookUps(head, budget=budget)
    answer = look.answer(ask(kind, name, path=path, start_line=start, end_line=end))
    assert answer.tokens <= budget
    assert "secret" not in answer.text
    assert answer.reason.startswith("refused") <= (not answer.text)
    assert look.counts.asked == look.counts.answered + look.counts.empty + look.counts.refused == 1


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitSnapshot]:
    made = Repository(tmp_path_factory.mktemp("busy") / "repo")
    made.commit(
        {
            "app/main.py": "".join(f"total = charge({number})\n" for number in range(9)),
            "app/more.py": "".join(f"charge({number}, {number})\n" for number in range(20)),
            "docs/use.md": "Call charge.\nPass --dry-run-only to see.\n",
            "app/flags.py": 'FLAG = "--dry-run-only"\nOTHER = "--dry-run"\n',
            "tests/test_main.py": "charge(1)\n",
        }
    )
    with GitSnapshot.open(made.git_dir, "HEAD") as snapshot:
        yield snapshot


def test_every_use_in_a_file_is_a_reference_and_what_is_left_out_is_told_by_file(busy: GitSnapshot) -> None:
    whole = LookUps(busy).answer(ask("references", "charge", path="app/main.py"))
    assert whole.text.partition("\n\n")[0].count("charge(") == 9
    assert whole.reason == "references to `charge` in 'app/main.py': all 9"
    some = LookUps(busy).answer(ask("references", "charge"))
    shown = some.text.partition("\n\n")[0].count("\n") + 1
    assert shown < 31
    assert f": {shown} of 31; the rest in " in some.reason
    left = sum(int(many) for many in re.findall(r"\((\d+)\)", some.reason))
    assert shown + left == 31


def test_code_comes_before_tests_and_documents(busy: GitSnapshot) -> None:
    found = LookUps(busy).answer(ask("references", "charge", path=""))
    assert "docs/use.md" not in found.text
    assert "docs/use.md (1)" in found.reason


def test_a_flag_can_be_looked_for_as_it_is_written(busy: GitSnapshot) -> None:
    found = LookUps(busy).answer(ask("references", "--dry-run-only"))
    listed, *around = found.text.split("\n\n")
    assert [row.split(": ")[0] for row in listed.split("\n")] == ["app/flags.py:1", "docs/use.md:2"]
    assert around[0].split("\n")[:2] == ["around app/flags.py:1", '1  FLAG = "--dry-run-only"']


def test_a_use_is_shown_with_five_lines_on_each_side_once_for_uses_that_are_near_one_another(
    busy: GitSnapshot,
) -> None:
    found = LookUps(busy).answer(ask("references", "charge", path="app/more.py"))
    _listed, *around = found.text.split("\n\n")
    assert [block.split("\n")[0] for block in around] == ["around app/more.py:1", "around app/more.py:12"]
    assert around[1].split("\n")[1:][0].startswith("7  ")
    assert around[1].split("\n")[-1].startswith("17  ")


def test_what_is_not_found_says_where_it_was_looked_for(busy: GitSnapshot) -> None:
    look = LookUps(busy)
    assert look.answer(ask("definition", "nowhere")).reason == (
        "no definition of `nowhere` found in: 5 files of the commit under review"
    )
    assert look.answer(ask("definition", "charge")).reason.endswith(
        "it is used in app/main.py (1), app/more.py (1), docs/use.md (1), tests/test_main.py (1)"
    )
    assert look.answer(ask("references", "FLAG", path="docs/use.md")).reason == (
        "no reference to `FLAG` found in: 'docs/use.md'; 1 other file has some"
    )
