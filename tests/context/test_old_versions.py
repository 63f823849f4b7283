"""Old versions: what a unit cannot see of the base, from real repositories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest

from reviewer.change.model import Change, Unit
from reviewer.change.parse import parse_diff
from reviewer.context import old_versions
from reviewer.context.gather import ContextGatherer
from reviewer.context.model import ContextItem, ContextKind
from reviewer.git.commit import GitSnapshot
from reviewer.git.limits import Limit, Reached
from tests.context.repository import Repository

CART = (
    "from shop.prices import vat\n\n\n"
    "def total(items, country):\n    result = 0\n    for item in items:\n"
    "        result += item.price\n    return vat(result, country)\n\n\n"
    "def clear(items):\n    items.clear()\n"
)
CHECKOUT = (
    "from shop.cart import total\n\n\ndef pay(items):\n    charge(total(items, 'de'))\n\n\n"
    "def show(items):\n    print(items)\n"
)
BASE = {
    "shop/__init__.py": "",
    "shop/prices.py": "def vat(amount, country):\n    return amount * 2\n",
    "shop/cart.py": CART,
    "shop/checkout.py": CHECKOUT,
}
LONG = "".join(f"    step_{number}(order)\n" for number in range(30))


class Reviewed:
    """A repository with one change, and what units of it are shown."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self.limits: tuple[Reached, ...] = ()
        self.base = ""

    def change(self, files: Mapping[str, str | None], *, base: Mapping[str, str] = BASE) -> tuple[str, str, Change]:
        before = self._repository.commit(base)
        after = self._repository.commit(files)
        return before, after, parse_diff(self._repository.diff(before, after), base=before, head=after)

    def items(
        self,
        files: Mapping[str, str | None],
        paths: Sequence[str],
        *,
        base: Mapping[str, str] = BASE,
        hunks: slice = slice(None),
        budget: int = 600,
        with_base: bool = True,
    ) -> list[ContextItem]:
        """Return the old versions beside a unit of the hunks of some paths."""
        before, after, change = self.change(files, base=base)
        self.base = before
        unit = Unit("the-unit", tuple(hunk for hunk in change.hunks if hunk.path in paths)[hunks], "")
        git_dir = self._repository.git_dir
        with GitSnapshot.open(git_dir, after) as head, GitSnapshot.open(git_dir, before) as old:
            gatherer = ContextGatherer(head=head, base=old if with_base else None, change=change)
            found = gatherer.for_unit(unit, budget=budget)
            self.limits = gatherer.limits_reached()
        return [item for item in found if item.kind is ContextKind.OLD_VERSION]


@pytest.fixture
def reviewed(tmp_path: Path) -> Reviewed:
    return Reviewed(Repository(tmp_path / "repo"))


def test_the_old_signature_stands_beside_a_caller_in_another_unit(reviewed: Reviewed):
    files = {
        "shop/cart.py": CART.replace("def total(items, country):", "def total(items, *, country, round=True):"),
        "shop/checkout.py": CHECKOUT.replace("total(items, 'de')", "total(list(items), 'de')"),
    }
    (item,) = reviewed.items(files, ["shop/checkout.py"])
    assert item.path == "shop/cart.py"
    assert (item.start_line, item.end_line) == (4, 4)
    assert item.text == "def total(items, country):"
    assert item.reason == "`total` as it was before this change"
    assert item.symbol == "total"


def test_what_the_diff_of_the_unit_shows_is_not_shown_again(reviewed: Reviewed):
    files = {
        "shop/cart.py": CART.replace("def total(items, country):", "def total(items, *, country, round=True):"),
        "shop/checkout.py": CHECKOUT.replace("total(items, 'de')", "total(list(items), 'de')"),
    }
    assert reviewed.items(files, ["shop/checkout.py", "shop/cart.py"]) == []


def test_without_a_base_nothing_is_old(reviewed: Reviewed):
    files = {
        "shop/cart.py": CART.replace("def total(items, country):", "def total(items, *, country, round=True):"),
        "shop/checkout.py": CHECKOUT.replace("total(items, 'de')", "total(list(items), 'de')"),
    }
    assert reviewed.items(files, ["shop/checkout.py"], with_base=False) == []


def test_a_definition_that_is_gone_is_shown_where_its_last_call_went(reviewed: Reviewed):
    files = {
        "shop/cart.py": CART[: CART.index("def total")] + CART[CART.index("def clear") :],
        "shop/checkout.py": CHECKOUT.replace("total(items, 'de')", "sum(item.price for item in items)"),
    }
    (item,) = reviewed.items(files, ["shop/checkout.py"])
    assert item.reason == "`total` as it was before this change (removed or renamed)"
    assert "return vat(result, country)" in item.text


def test_of_a_definition_that_moved_the_lines_that_changed_on_the_way_are_shown(reviewed: Reviewed):
    function = CART[CART.index("def total") : CART.index("def clear")]
    moved = function.replace("result += item.price", "result += item.price * item.count")
    files = {"shop/cart.py": CART.replace(function, ""), "shop/sums.py": moved}
    (item,) = reviewed.items(files, ["shop/sums.py"])
    assert item.path == "shop/cart.py"
    assert item.reason == "`total` as it was before this change (moved to shop/sums.py)"
    assert "        result += item.price\n" in item.text
    assert item.text.startswith("def total(items, country):\n")


def test_of_a_definition_that_only_moved_one_line_says_so(reviewed: Reviewed):
    function = CART[CART.index("def total") : CART.index("def clear")]
    files = {"shop/cart.py": CART.replace(function, ""), "shop/sums.py": f"# Sums.\n{function}"}
    (item,) = reviewed.items(files, ["shop/sums.py"])
    assert item.reason == "`total` as it was before this change (moved to shop/sums.py, unchanged)"
    assert item.text == "def total(items, country):"


def test_a_body_that_was_rewritten_elsewhere_is_shown_by_its_changed_lines(reviewed: Reviewed):
    body = f"def ship(order):\n{LONG}    weigh(order)\n{LONG}    return order\n"
    base = {**BASE, "shop/ship.py": body, "shop/post.py": "from shop.ship import ship\n\n\nship(1)\n"}
    files = {
        "shop/ship.py": body.replace("weigh(order)", "weigh(order, exact=False)"),
        "shop/post.py": "from shop.ship import ship\n\n\nship(first_order())\n",
    }
    # The hunk does not hold the line that defines it: git's header names the function.
    (item,) = reviewed.items(files, ["shop/post.py"], base=base, budget=2000)
    assert "    weigh(order)\n" in item.text
    assert item.text.count("\n") < 8
    assert item.text.startswith("def ship(order):\n…\n")


def test_a_function_that_only_gets_another_comment_is_not_worth_its_old_text(reviewed: Reviewed):
    commented = CART.replace("    result = 0\n", "    # Cents.\n    result = 0\n").replace(
        "def clear(items):\n", "# Empties it.\ndef clear(items):\n"
    )
    base = {**BASE, "shop/cart.py": CART.replace("    result = 0\n", "    # Euros.\n    result = 0\n")}
    files = {"shop/cart.py": commented, "shop/checkout.py": CHECKOUT.replace("'de'", "'fr'")}
    assert reviewed.items(files, ["shop/checkout.py"], base=base) == []


def test_a_short_function_that_a_unit_shows_in_pieces_is_shown_as_it_was(reviewed: Reviewed):
    rows = [f"    step_{number}(order)\n" for number in range(36)]
    new = [
        row.replace("order", "parcel") if at in (0, 1, 2, 3, 32, 33, 34, 35) else row for at, row in enumerate(rows)
    ]
    body, rewritten = (f"def ship(order):\n{''.join(part)}" for part in (rows, new))
    base, files = {**BASE, "shop/ship.py": body}, {"shop/ship.py": rewritten}
    (item,) = reviewed.items(files, ["shop/ship.py"], base=base, budget=2000)
    assert f"{item.text}\n" == body
    assert item.reason == "`ship` as it was before this change, whole"
    # One of the two pieces alone is an ordinary edit.
    assert reviewed.items(files, ["shop/ship.py"], base=base, hunks=slice(1), budget=2000) == []


def test_a_namesake_in_another_file_is_not_what_was_meant(reviewed: Reviewed):
    base = {**BASE, "other/cart.py": "def total(one, two, three):\n    return one\n"}
    files = {
        "other/cart.py": None,
        "shop/cart.py": CART.replace("vat(result, country)", "vat(total([], ''), country)"),
    }
    assert reviewed.items(files, ["shop/cart.py"], base=base) == []


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Return what is read while a test runs: commit and path."""
    seen: list[tuple[str, str]] = []
    original = GitSnapshot.read_many

    def read_many(self: GitSnapshot, paths: Iterable[str]) -> Mapping[str, bytes]:
        content = original(self, list(paths))
        seen.extend((self.commit, path) for path in content)
        return content

    monkeypatch.setattr(GitSnapshot, "read_many", read_many)
    return seen


def test_files_of_the_base_that_hold_credentials_are_not_read(reviewed: Reviewed, read: list[tuple[str, str]]):
    base = {**BASE, ".aws/keys.py": CART, "lib/keys.py": CART}
    moved = CART[CART.index("def total") :].replace("0", "1")
    rest = CART[CART.index("def clear") :]
    files = {".aws/keys.py": rest, "lib/keys.py": rest, "shop/sums.py": moved}
    items = reviewed.items(files, ["shop/sums.py"], base=base)
    assert {item.path for item in items} == {"lib/keys.py"}
    assert {path for commit, path in read if commit == reviewed.base} == {"lib/keys.py"}


def test_the_base_is_not_read_for_what_a_unit_shows(reviewed: Reviewed, read: list[tuple[str, str]]):
    files = {
        "shop/cart.py": CART.replace("(items, country)", "(items, *, country)").replace("= 0", "= total([], 1)")
    }
    assert reviewed.items(files, ["shop/cart.py"]) == []
    assert len({commit for commit, _ in read}) == 1


def test_of_an_edit_that_is_mostly_in_sight_the_rest_is_not_shown(reviewed: Reviewed):
    body = f"def ship(order, day):\n{LONG}    weigh(order)\n    pack(order)\n{LONG}    return order\n"
    edited = body.replace("weigh(order)", "weigh(order, 1)").replace("pack(order)", "pack(ship(1, 2))")
    files = {"shop/ship.py": edited.replace("return order", "return parcel")}
    base = {**BASE, "shop/ship.py": body}
    assert reviewed.items(files, ["shop/ship.py"], base=base, hunks=slice(1), budget=2000) == []
    # Of the same edit the other hunk shows the smaller part.
    files["shop/ship.py"] = files["shop/ship.py"].replace("return parcel", "return ship(parcel, 1)")
    (item,) = reviewed.items(files, ["shop/ship.py"], base=base, hunks=slice(1, 2))
    assert "    pack(order)\n" in item.text


def test_a_function_whose_head_the_unit_edits_has_not_moved(reviewed: Reviewed):
    body = f"def ship(order, day):\n    weigh(order)\n{LONG}    pack(order)\n    seal(order)\n    return order\n"
    edited = (
        body.replace("(order, day)", "(order)").replace("pack(order)", "pack(1)").replace("seal(order)", "seal(1)")
    )
    base, files = {**BASE, "shop/ship.py": body}, {"shop/ship.py": edited}
    (item,) = reviewed.items(files, ["shop/ship.py"], base=base, hunks=slice(1), budget=2000)
    assert item.reason == "`ship` as it was before this change"
    assert "    seal(order)\n" in item.text


def test_a_class_is_not_old_because_one_of_its_methods_is(reviewed: Reviewed):
    body = "class Box:\n    def weigh(self, unit):\n        return 1\n\n    def seal(self):\n        return 2\n"
    base = {**BASE, "shop/box.py": body}
    files = {
        "shop/box.py": body.replace("(self, unit)", "(self, *, unit, exact)"),
        "shop/checkout.py": CHECKOUT.replace("print(items)", "print(Box(items).weigh('kg'))"),
    }
    items = reviewed.items(files, ["shop/checkout.py"], base=base, budget=2000)
    assert [item.symbol for item in items] == ["weigh"]


def test_a_method_is_meant_where_it_is_called_not_where_its_name_is_a_variable(reviewed: Reviewed):
    body = "class Box:\n    def weight(self, unit):\n        return 1\n"
    base = {**BASE, "shop/box.py": body}
    files = {
        "shop/box.py": body.replace("(self, unit)", "(self, *, unit, exact)"),
        "shop/checkout.py": CHECKOUT.replace("print(items)", "print(items, weight)"),
    }
    assert reviewed.items(files, ["shop/checkout.py"], base=base, budget=2000) == []


def test_another_function_of_the_name_is_not_where_it_moved(reviewed: Reviewed):
    files = {
        "shop/cart.py": CART[: CART.index("def total")] + CART[CART.index("def clear") :],
        "shop/report.py": "def total(report):\n    report.sort()\n    return report.rows[-1]\n",
        "shop/checkout.py": CHECKOUT.replace("total(items, 'de')", "sum(item.price for item in items)"),
    }
    (item,) = reviewed.items(files, ["shop/checkout.py"], budget=2000)
    assert item.reason == "`total` as it was before this change (removed or renamed)"


def test_few_files_of_the_base_are_read_and_the_rest_is_reported(reviewed: Reviewed, read: list[tuple[str, str]]):
    names = [f"part_{number}" for number in range(old_versions.OLD_FILES + 3)]
    base = {f"shop/{name}.py": f"def {name}(one):\n    return one\n" for name in names}
    files: dict[str, str | None] = {path: text.replace("(one)", "(one, two)") for path, text in base.items()}
    files["shop/all.py"] = "".join(f"{name}(1)\n" for name in names)
    items = reviewed.items(files, ["shop/all.py"], base=base, budget=4000)
    assert len(items) == old_versions.OLD_FILES
    assert len({path for commit, path in read if commit == reviewed.base}) == old_versions.OLD_FILES
    assert Reached(Limit.OLD_FILES, old_versions.OLD_FILES, 3, "the-unit") in reviewed.limits


def test_a_huge_diff_is_looked_through_up_to_a_limit(reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(old_versions, "DIFF_LINES", 3)
    files = {
        "shop/cart.py": CART.replace("def total(items, country):", "def total(items, *, country, round=True):"),
        "shop/checkout.py": CHECKOUT.replace("total(items, 'de')", "total(list(items), 'de')"),
    }
    assert reviewed.items(files, ["shop/checkout.py"]) == []
    assert Limit.OLD_LINES in {item.limit for item in reviewed.limits}


def test_nothing_passes_the_budget_and_no_old_text_comes_twice(reviewed: Reviewed):
    names = ["total", "clear"]
    called = "".join(f"{name}(1)\n" for name in names * 3)
    files = {
        "shop/cart.py": CART.replace("(items", "(things, items"),
        "shop/all.py": f"from shop.cart import total, clear\n\n\n{called}",
    }
    items = reviewed.items(files, ["shop/all.py"], budget=400)
    assert sorted(item.symbol for item in items) == ["clear", "total"]
    assert sum(item.tokens for item in items) <= 400
