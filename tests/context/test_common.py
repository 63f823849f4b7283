"""A name that half of the tree uses is found where a keyword defines it, and a type before its own name is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reviewer.change.model import Unit
from reviewer.change.parse import parse_diff
from reviewer.context.common import COMMON_NAMES, names_to_define, phrases
from reviewer.context.gather import ContextGatherer
from reviewer.context.needs import Need
from reviewer.git.commit import GitSnapshot
from reviewer.syntax.uses import Role
from tests.context.repository import Repository


@pytest.mark.parametrize(
    ("family", "line"),
    [
        ("python", "class Request(Base):"),
        ("python", "    async def Request(self):"),
        ("ecmascript", "export default interface Request {"),
        ("go", "func (c *Client) Request(path string) error {"),
        ("jvm", "public final class Request {"),
        ("ruby", "  def self.Request(env)"),
        ("php", "abstract class Request"),
        ("rust", "pub struct Request<B> {"),
        ("c", "#define Request(x) (x)"),
        ("c_sharp", "public enum Request"),
    ],
)
def test_a_keyword_before_the_name_is_a_definition_in_every_family(family: str, line: str) -> None:
    assert any(re.search(rf"\b{phrase}\b", line) for phrase in phrases("Request", [family]))
    assert not any(re.search(rf"\b{phrase}\b", "x = Request(y)") for phrase in phrases("Request", [family]))


def test_only_common_names_that_are_called_or_types_are_defined_and_a_bounded_number_of_them() -> None:
    needs = [Need(f"Name{number}", Role.TYPE, 1.0, 1, "a.py", 1) for number in range(COMMON_NAMES + 5)]
    needs += [Need("plain", Role.NAME, 1.0, 1, "a.py", 1), Need("rare", Role.CALL, 1.0, 1, "a.py", 1)]
    common = frozenset(need.name for need in needs if need.name != "rare")
    found = names_to_define(needs, common)
    assert found == [f"Name{number}" for number in range(COMMON_NAMES)]
    assert names_to_define(needs[-2:], common) == []
    assert names_to_define([Need("Name1", Role.CALL, 1.0, 1, "notes.txt", 1)], common) == []


def users(count: int) -> dict[str, str]:
    body = "from core.request import Request\n\n\ndef view_{0}(request: Request) -> str:\n    return request.path\n"
    return {f"views/view_{number}.py": body.format(number) for number in range(count)}


def test_the_definition_of_a_name_that_every_file_uses_is_in_the_context(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repo")
    defined = "class Request:\n    '''Asked.'''\n\n    def __init__(self, path):\n        self.path = path\n"
    base = repository.commit({"core/request.py": defined, **users(60)})
    edited = users(1)["views/view_0.py"] + "\n\ndef home() -> Request:\n    return Request('/')\n"
    head = repository.commit({"views/view_0.py": edited})
    change = parse_diff(repository.diff(base, head), base=base, head=head)
    with GitSnapshot.open(repository.git_dir, head) as snapshot:
        assert "Request" in snapshot.common_words()
        gatherer = ContextGatherer(head=snapshot, base=None, change=change, count=len)
        items = gatherer.for_unit(Unit("whole", change.hunks, "all"), budget=2000)
    assert [item.path for item in items if "class Request" in item.text] == ["core/request.py"]


def test_a_file_that_defines_a_type_comes_before_many_that_have_fields_of_it(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repo")
    folder = "app/src/test/java/shop"
    holders = {
        f"{folder}/Holder{number}Test.java": (
            f"class Holder{number}Test {{\n  Settings settings = new Settings();\n  Settings make() {{\n"
            "    return settings;\n  }\n}\n"
        )
        for number in range(8)
    }
    base = repository.commit(
        {"app/src/main/java/shop/Settings.java": "public final class Settings {\n  int size;\n}\n", **holders}
    )
    head = repository.commit(
        {f"{folder}/NewTest.java": "class NewTest {\n  void run() {\n    new Settings().size = 2;\n  }\n}\n"}
    )
    change = parse_diff(repository.diff(base, head), base=base, head=head)
    with GitSnapshot.open(repository.git_dir, head) as snapshot:
        gatherer = ContextGatherer(head=snapshot, base=None, change=change, count=len)
        items = gatherer.for_unit(Unit("whole", change.hunks, "all"), budget=600)
    assert "public final class Settings" in "\n".join(item.text for item in items)
