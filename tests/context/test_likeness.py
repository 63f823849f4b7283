"""How like the changed files a path is, by its name and its place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviewer.context.likeness import COMPARED, Touched, likely_paths, path_tokens, rarity_of_tokens

PATHS = st.lists(
    st.sampled_from(["src", "lib", "http", "Client", "test_client", "parse"]), min_size=1, max_size=4
).map(lambda parts: "/".join(parts) + ".py")


def test_a_rare_folder_in_common_says_more_than_one_that_all_have() -> None:
    paths = [f"src/part/{name}.py" for name in ("alpha", "beta", "gamma")] + [
        "src/cookies/jar.py",
        "src/cookies/a.py",
    ]
    touched, rarity = Touched.of(frozenset({"src/cookies/morsel.py"})), rarity_of_tokens(paths)
    near, far = (touched.likeness(path, rarity) for path in ("src/cookies/jar.py", "src/part/alpha.py"))
    assert near["place"] > far["place"] == 0
    assert near["place_log"] > far["place_log"] == 0


def test_a_token_of_every_path_is_not_rare_at_all() -> None:
    rarity = rarity_of_tokens(["src/alpha.py", "src/beta.py"])
    assert rarity["src"] == 0 < rarity["alpha"]


def test_words_of_names_are_told_apart_by_case_and_marks() -> None:
    assert path_tokens("src/HTTPServer/parse_header-2.spec.ts") == {"src", "http", "server", "parse", "header"}


def test_a_test_of_a_changed_file_and_the_source_of_a_changed_test_are_told() -> None:
    source, test = Touched.of(frozenset({"src/cart.py"})), Touched.of(frozenset({"tests/test_cart.py"}))
    assert source.likeness("tests/test_cart.py", {})["its_test"] == 1
    assert test.likeness("src/cart.py", {})["its_source"] == 1


def test_of_a_change_of_thousands_of_files_some_are_compared() -> None:
    touched = Touched.of(frozenset(f"src/part_{number:05}.py" for number in range(5000)))
    assert COMPARED / 2 < len(touched.some) <= COMPARED


@given(st.frozensets(PATHS, min_size=1), PATHS)
def test_every_likeness_is_finite_and_none_but_a_logarithm_is_over_one(changed: frozenset[str], path: str) -> None:
    found = Touched.of(changed).likeness(path, rarity_of_tokens([*changed, path]))
    assert all(0 <= value <= 1 + 1e-9 for name, value in found.items() if name != "place_log")
    assert 0 <= found["place_log"] < 10


@given(st.frozensets(PATHS, min_size=1), st.lists(PATHS))
def test_likely_paths_leave_out_the_changed(changed: frozenset[str], paths: list[str]) -> None:
    assert changed.isdisjoint(likely_paths(Touched.of(changed), paths))
