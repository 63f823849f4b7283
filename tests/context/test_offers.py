"""What an offer is worth beside others, from real commits."""

from __future__ import annotations

from pathlib import Path

from reviewer.change.parse import parse_diff
from reviewer.context.definitions import Candidate, find_definitions
from reviewer.context.fill import Offer
from reviewer.context.needs import needs_of
from reviewer.context.offers import definition_offers
from reviewer.context.sources import Sources
from reviewer.git.commit import GitSnapshot
from tests.context.repository import Repository

TWICE = "class Dummy:\n    pass\n\n\ndef make():\n    class Dummy:\n        size = 1\n\n    return Dummy()\n"


def offered(tmp_path: Path, files: dict[str, str], edited: dict[str, str]) -> tuple[list[Candidate], list[Offer]]:
    """Return what is found for a change, and what is offered of it."""
    repository = Repository(tmp_path / "repo")
    base = repository.commit(files)
    head = repository.commit(edited)
    change = parse_diff(repository.diff(base, head), base=base, head=head)
    with GitSnapshot.open(repository.git_dir, head) as snapshot:
        sources = Sources(snapshot)
        needs = needs_of(change.hunks, sources)
        matches = {need.name: list(snapshot.search_words([need.name])) for need in needs}
        found = find_definitions(needs, matches, sources, shown={})
        return found, definition_offers(found, sources)


def valued(tmp_path: Path, files: dict[str, str], edited: dict[str, str]) -> list[tuple[Candidate, float]]:
    """Return what is found for a change, each with the value it is offered at."""
    found, offers = offered(tmp_path, files, edited)
    return list(zip(found, (offer.value for offer in offers), strict=True))


def test_a_second_definition_of_a_name_in_one_file_is_worth_less_than_alone(tmp_path: Path) -> None:
    found = valued(tmp_path, {"lib/dummy.py": TWICE}, {"app.py": "thing = Dummy()\n"})
    shares = sorted(round(value / item.value, 3) for item, value in found if item.need.name == "Dummy")
    assert shares == [0.3, 1.0]


def test_what_a_test_uses_is_worth_less_than_what_the_code_beside_it_uses(tmp_path: Path) -> None:
    library = {"lib/one.py": "def load_one():\n    return 1\n", "lib/two.py": "def load_two():\n    return 2\n"}
    edited = {"app.py": "print(load_one())\n", "tests/test_app.py": "assert load_two() == 2\n"}
    shares = {item.need.name: round(value / item.value, 3) for item, value in valued(tmp_path, library, edited)}
    assert shares == {"load_one": 1.0, "load_two": 0.5}


def test_in_a_change_of_tests_alone_what_they_use_keeps_its_worth(tmp_path: Path) -> None:
    library = {"lib/two.py": "def load_two():\n    return 2\n"}
    ((item, value),) = valued(tmp_path, library, {"tests/test_app.py": "assert load_two() == 2\n"})
    assert value == item.value


def test_a_member_of_another_type_than_the_named_one_is_worth_less(tmp_path: Path) -> None:
    library = {
        "a/adapter.cc": "Adapter* Adapter::Fetch() {\n  return made;\n}\n",
        "b/browser.cc": "Browser* Browser::Fetch() {\n  return made;\n}\n",
    }
    found = valued(tmp_path, library, {"app.cc": "void run() {\n  use(Adapter::Fetch());\n}\n"})
    values = {item.path: value for item, value in found if item.need.name == "Fetch"}
    assert values["b/browser.cc"] < values["a/adapter.cc"] / 2


def test_a_forward_declaration_is_not_shown(tmp_path: Path) -> None:
    body = "struct Store\n{\n    int size;\n    int used;\n};\n"
    files = {"store.h": "typedef struct Store Store;\n", "store.c": body}
    edited = {"run.c": "static int run(struct Store *store)\n{\n    return 1;\n}\n"}
    found, offers = offered(tmp_path, files, edited)
    assert {item.path for item in found if item.need.name == "Store"} == {"store.h", "store.c"}
    assert {offer.path for offer in offers if offer.symbol == "Store"} == {"store.c"}


def test_a_member_of_something_unknown_is_no_namesakes_in_another_folder(tmp_path: Path) -> None:
    library = {
        "a/blob.py": "class Blob:\n    def fetch(self):\n        return 1\n",
        "b/page.py": "class Page:\n    def fetch(self):\n        return 2\n",
        "app/near.py": "class Near:\n    def fetch(self):\n        return 3\n",
    }
    found = valued(tmp_path, library, {"app/run.py": "def run(job):\n    return job.fetch()\n"})
    values = {item.path: value for item, value in found if item.need.name == "fetch"}
    assert values["a/blob.py"] == values["b/page.py"] < values["app/near.py"] / 3


def test_a_projects_own_code_goes_before_the_copy_of_another_projects(tmp_path: Path) -> None:
    library = {
        "vendor/lib/pay.py": "def pay_order(order):\n    return 1\n",
        "shop/pay.py": "def pay_order(order):\n    return 2\n",
    }
    found = valued(tmp_path, library, {"app.py": "pay_order(first)\n"})
    assert {item.path for item, _value in found if item.need.name == "pay_order"} == {"shop/pay.py"}
    alone = valued(
        tmp_path / "alone", {"vendor/lib/pay.py": library["vendor/lib/pay.py"]}, {"app.py": "pay_order(1)\n"}
    )
    assert {item.path for item, _value in alone} == {"vendor/lib/pay.py"}
