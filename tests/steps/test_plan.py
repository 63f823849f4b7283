"""What a plan says of the rest of its change."""

from __future__ import annotations

from collections import Counter

from reviewer.change.model import Change, Unit
from reviewer.change.parse import parse_diff
from reviewer.steps.plan import elsewhere
from reviewer.steps.prepare import Prepared
from reviewer.steps.request import ReviewRequest
from reviewer.steps.scope import Scope


def unit(name: str, *paths: str) -> Unit:
    text = "".join(f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-old {name}\n+new {name}\n" for path in paths)
    return Unit(name, parse_diff(text).hunks, "a reason")


def prepared(*units: Unit) -> Prepared:
    change = Change("", "", ())
    counts = Counter(path for unit in units for path in unit.paths)
    return Prepared(ReviewRequest(change), Scope((), ()), change, units, units_of_path=counts)


def test_the_rest_of_a_change_is_named_own_files_first_then_those_beside_them() -> None:
    mine = unit("one", "shop/cart.py", "shop/price.py")
    others = (unit("two", "docs/cart.md", "shop/tax.py"), unit("three", "shop/cart.py"))
    assert elsewhere(mine, prepared(mine, *others)) == ("shop/cart.py", "shop/tax.py", "docs/cart.md")


def test_a_change_that_is_one_unit_has_no_rest() -> None:
    mine = unit("one", "shop/cart.py")
    assert elsewhere(mine, prepared(mine)) == ()
