"""How the code around a hunk is shown: where it is for a few tokens, more of it for more."""

from __future__ import annotations

from reviewer.context.snippets import definition_snippets, enclosing_snippets
from reviewer.context.symbols import Source

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
    short, long = enclosing_snippets(SOURCE, (14, 16), "@@ -14,3 +14,3 @@")
    assert [line for line in short.text.split("\n") if "…" not in line] == ["class Cart:", "    def total(self):"]
    assert short.worth < long.worth
    assert len(short.text) < len(long.text)
    assert not short.lines & {14, 15, 16}


def test_a_header_that_names_the_function_still_leaves_its_class_to_be_said() -> None:
    forms = enclosing_snippets(SOURCE, (14, 16), "@@ -14,3 +14,3 @@     def total(self):")
    assert "class Cart:" in forms[0].text
    assert len(forms) == 2


def test_what_the_header_says_already_is_not_sold_again() -> None:
    source = Source("shop/run.py", "\n".join(["def run():", *("    step()" for _ in range(20))]).encode())
    assert len(enclosing_snippets(source, (10, 12), "@@ -10,3 +10,3 @@ def run():")) == 1


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
