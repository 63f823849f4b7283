"""Who uses what a change edits: callers, implementers and tests, from real commits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from reviewer.change.parse import parse_diff
from reviewer.context.callers import CALLERS_PER_NAME, caller_offers, changed_definitions, touched_lines
from reviewer.context.fill import Offer
from reviewer.context.model import ContextKind
from reviewer.context.sources import Sources
from reviewer.git.commit import GitSnapshot
from tests.context.repository import Repository

BASE = {
    "shop/base.py": (
        "class Store:\n    def open(self, key):\n        return key\n    def shut_down(self):\n        pass\n"
    ),
    "shop/disk.py": "from shop.base import Store\n\n\nclass Disk(Store):\n    pass\n",
    "shop/run.py": "from shop.base import Store\n\n\ndef run():\n    Store().shut_down()\n",
    "tests/test_base.py": "from shop.base import Store\n\n\ndef test_it():\n    Store().shut_down()\n",
    "web/run.js": "shut_down();\n",
}


def offers_for(
    tmp_path: Path, edited: Mapping[str, str], names: list[str], more: Mapping[str, str] = MappingProxyType({})
) -> list[Offer]:
    repository = Repository(tmp_path / "repo")
    base = repository.commit({**BASE, **more})
    head = repository.commit(edited)
    change = parse_diff(repository.diff(base, head), base=base, head=head)
    with GitSnapshot.open(repository.git_dir, head) as snapshot:
        sources = Sources(snapshot)
        changed = changed_definitions(change.hunks, sources)
        matches = {name: list(snapshot.search_words([name])) for name in names}
        shown = {hunk.path: [(hunk.new_start, hunk.new_start + hunk.new_length - 1)] for hunk in change.hunks}
        return caller_offers(changed, matches, sources, shown=shown)


def test_callers_and_tests_of_an_edited_method_are_told_apart(tmp_path: Path) -> None:
    edited = {"shop/base.py": BASE["shop/base.py"].replace("        pass\n", "        self.key = None\n")}
    offers = offers_for(tmp_path, edited, ["shut_down"])
    kinds = {offer.path: offer.kind for offer in offers}
    assert kinds == {"shop/run.py": ContextKind.CALLER, "tests/test_base.py": ContextKind.TEST}
    assert all("`shut_down`, which this change edits" in offer.reason for offer in offers)


def test_a_method_that_is_called_as_a_statement_has_a_caller(tmp_path: Path) -> None:
    edited = {"shop/base.py": BASE["shop/base.py"].replace("        pass\n", "        self.key = None\n")}
    offers = offers_for(
        tmp_path, edited, ["shut_down"], {"shop/late.py": "def end(store):\n    store.shut_down()\n"}
    )
    assert "shop/late.py" in {offer.path for offer in offers}


def test_a_class_that_builds_on_an_edited_one_says_so(tmp_path: Path) -> None:
    edited = {"shop/base.py": BASE["shop/base.py"].replace("class Store:", "class Store(dict):")}
    offers = offers_for(tmp_path, edited, ["Store"])
    assert [offer.reason for offer in offers if offer.path == "shop/disk.py"] == [
        "builds on `Store`, which this change edits"
    ]


def test_a_changed_signature_is_worth_more_than_a_changed_body(tmp_path: Path) -> None:
    body = {"shop/base.py": BASE["shop/base.py"].replace("        pass\n", "        self.key = None\n")}
    signature = {"shop/base.py": BASE["shop/base.py"].replace("shut_down(self)", "shut_down(self, now)")}
    of_body = offers_for(tmp_path / "one", body, ["shut_down"])
    of_signature = offers_for(tmp_path / "two", signature, ["shut_down"])
    assert {offer.path for offer in of_body} == {offer.path for offer in of_signature}
    assert max(offer.value for offer in of_signature) > max(offer.value for offer in of_body)


def test_a_few_callers_stand_for_many_the_nearest_first(tmp_path: Path) -> None:
    users = {f"far/user_{number}.py": BASE["shop/run.py"] for number in range(9)}
    edited = {"shop/base.py": BASE["shop/base.py"].replace("        pass\n", "        self.key = None\n")}
    offers = offers_for(tmp_path, edited, ["shut_down"], users)
    assert len(offers) == CALLERS_PER_NAME
    assert [offer.path for offer in offers[:2]] == ["tests/test_base.py", "shop/run.py"]
    assert offers[0].value > offers[-1].value


def test_the_line_that_uses_a_name_is_shown_and_not_the_one_that_imports_it(tmp_path: Path) -> None:
    more = {"shop/user.py": "from shop.base import Store\n\n\n\n\nKINDS = [Store]\n"}
    edited = {"shop/base.py": BASE["shop/base.py"].replace("class Store:", "class Store(dict):")}
    (offer,) = [offer for offer in offers_for(tmp_path, edited, ["Store"], more) if offer.path == "shop/user.py"]
    assert "KINDS" in offer.forms[0].text


def test_touched_lines_are_those_added_and_those_around_what_is_gone() -> None:
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1,4 +1,4 @@\n one\n-two\n three\n+new\n four\n"
    (hunk,) = parse_diff(diff).hunks
    assert touched_lines(hunk) == {2, 3}


def test_who_uses_what_a_test_defines_is_worth_less_than_who_uses_code(tmp_path: Path) -> None:
    helper = "def prepare(size):\n    return size\n"
    more = {
        "tests/test_help.py": helper,
        "shop/help.py": helper.replace("prepare", "arrange"),
        "tests/test_user.py": "prepare(1)\n",
        "shop/user.py": "arrange(1)\n",
    }
    edited = {path: more[path].replace("size)", "size, more)") for path in ("tests/test_help.py", "shop/help.py")}
    values = {offer.path: offer.value for offer in offers_for(tmp_path, edited, ["prepare", "arrange"], more)}
    assert values["tests/test_user.py"] < values["shop/user.py"] / 2


def test_a_comment_that_speaks_of_a_name_uses_nothing(tmp_path: Path) -> None:
    more = {
        "shop/doc.py": "# Call shut_down() when done.\n",
        "shop/use.py": "def use():\n    Store().shut_down()\n",
    }
    edited = {"shop/base.py": BASE["shop/base.py"].replace("        pass\n", "        self.key = None\n")}
    paths = {offer.path for offer in offers_for(tmp_path, edited, ["shut_down"], more)}
    assert "shop/use.py" in paths
    assert "shop/doc.py" not in paths


def test_a_docstring_that_names_what_is_edited_calls_nothing(tmp_path: Path) -> None:
    more = {"shop/notes.py": 'def note():\n    """\n    See shut_down for the end.\n    """\n    return 1\n'}
    edited = {"shop/base.py": BASE["shop/base.py"].replace("        pass\n", "        self.key = None\n")}
    assert "shop/notes.py" not in {offer.path for offer in offers_for(tmp_path, edited, ["shut_down"], more)}


def test_a_name_that_is_defined_nearer_by_means_that_one(tmp_path: Path) -> None:
    more = {
        "web/base.py": "def shut_down():\n    return 0\n",
        "web/page.py": "from web.base import shut_down\n\n\ndef leave():\n    return shut_down()\n",
        "shop/deep/far.py": "def leave(store):\n    return store.shut_down()\n",
    }
    edited = {"shop/base.py": BASE["shop/base.py"].replace("        pass\n", "        self.key = None\n")}
    found = {offer.path for offer in offers_for(tmp_path, edited, ["shut_down"], more)}
    assert "shop/deep/far.py" in found
    assert "web/page.py" not in found
