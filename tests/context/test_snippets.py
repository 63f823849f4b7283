"""How the code around a hunk is shown: where it is for a few tokens, more of it for more."""

from __future__ import annotations

from reviewer.context.snippets import definition_snippets, enclosing_snippets
from reviewer.syntax.symbols import Source

LINES = [
    "class Cart:",
    "    size = 0",
    "",
    "    def total(self):",
    *(f"        step_{number}()" for number in range(20)),
    "        return 1",
]
SOURCE = Source("shop/cart.py", "\n".join(LINES).encode())


def test_the_short_form_names_the_class_and_the_function_and_the_long_one_shows_more() -> None:
    short, long, whole = enclosing_snippets(SOURCE, (14, 16), "@@ -14,3 +14,3 @@")
    assert [line for line in short.text.split("\n") if "…" not in line] == ["class Cart:", "    def total(self):"]
    assert short.worth < long.worth < whole.worth
    assert len(short.text) < len(long.text) < len(whole.text)
    assert whole.lines == {1, *range(4, 14), *range(17, len(LINES) + 1)}


def test_a_header_that_names_the_function_still_leaves_its_class_to_be_said() -> None:
    forms = enclosing_snippets(SOURCE, (14, 16), "@@ -14,3 +14,3 @@     def total(self):")
    assert "class Cart:" in forms[0].text
    assert len(forms) == 3


def test_what_the_header_says_already_is_not_sold_again() -> None:
    source = Source("shop/run.py", "\n".join(["def run():", *("    step()" for _ in range(20))]).encode())
    assert all("step" in form.text for form in enclosing_snippets(source, (10, 12), "@@ -10,3 +10,3 @@ def run():"))


def test_the_closing_brace_of_a_function_that_the_header_names_is_not_worth_a_line() -> None:
    source = Source("a.go", b"package a\n\nfunc Close() {\n\tfree()\n\n}\n")
    assert enclosing_snippets(source, (4, 4), "@@ -4 +4 @@ func Close() {") == []


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


def test_outside_of_everything_there_is_nothing_to_show() -> None:
    assert enclosing_snippets(Source("a.py", b"x = 1\ny = 2\n"), (1, 2), "@@ -1,2 +1,2 @@") == []


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
