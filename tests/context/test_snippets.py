"""How a definition is shown: short for a few tokens, whole for more."""

from __future__ import annotations

from reviewer.context.snippets import definition_snippets
from reviewer.syntax.symbols import Source


def test_a_line_that_holds_only_the_name_of_a_type_is_worth_less_than_one_that_says_more() -> None:
    fields = "".join(f"    int field_{number};\n" for number in range(9))
    source = Source("a.h", f"typedef struct {{\n{fields}}} order_t;\n".encode())
    stub, *_, whole = definition_snippets(source, source.by_name["order_t"][0])
    assert stub.text == "} order_t;"
    python = Source("a.py", f"class Order(Base):\n{fields}".encode())
    telling, *_ = definition_snippets(python, python.by_name["Order"][0])
    assert stub.worth < telling.worth / 2
    assert whole.worth == 1.0


def test_a_long_type_without_members_of_its_own_can_be_shown_by_its_beginning() -> None:
    fields = "".join(f"    int field_{number};\n" for number in range(70))
    source = Source("a.h", f"typedef struct {{\n{fields}}} order_t;\n".encode())
    begin = definition_snippets(source, source.by_name["order_t"][0])[1]
    assert begin.text.startswith("typedef struct {\n    int field_0;")
    assert begin.text.endswith("are left out)")


def test_half_a_signature_is_worth_less_than_all_of_it() -> None:
    parameters = "".join(f"    value_{number}: int,\n" for number in range(6))
    source = Source("a.py", f"def add(\n{parameters}) -> int:\n    return value_0\n".encode())
    half, signature, _ = definition_snippets(source, source.definitions[0])
    assert half.text == "def add("
    assert half.worth < signature.worth / 2


def test_the_short_form_of_a_definition_is_its_whole_signature() -> None:
    signature = "static int add(\n    int first,\n    int second)"
    source = Source("a.c", f"{signature}\n{{\n    int sum = first;\n    return sum + second;\n}}\n".encode())
    shortest, *_ = definition_snippets(source, source.definitions[0])
    assert shortest.text == signature


def test_a_getter_is_worth_less_than_other_short_code() -> None:
    getter, other = (
        Source("a.py", f"def {name}(self):\n    return self.name\n".encode()) for name in ("get_name", "named")
    )
    worths = [definition_snippets(source, source.definitions[0])[0].worth for source in (getter, other)]
    assert worths[0] < worths[1] == 1.0
