from __future__ import annotations

import gzip
import json
import math
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.features import features
from policies.identifiers import pieces, words
from policies.learned import Model, shipped
from policies.load import load_policy
from policies.rules import ChangedPart, SensitiveRules, builtin_rules
from policies.sensitivity import LIKELIHOOD_LINES, assess, likelihood, threshold_for
from reviewer.change.parse import parse_diff
from tests.shared import shared

RULES = builtin_rules()
THRESHOLD = load_policy().sensitivity_threshold

lines = st.lists(st.text(max_size=80), max_size=6).map(tuple)
parts = st.lists(
    st.builds(ChangedPart, st.sampled_from(["a.py", "lib/auth.rb", "x/y.c", "README.md", "t.json"]), lines, lines),
    max_size=4,
).map(tuple)


def judge(path: str, *added: str, removed: tuple[str, ...] = ()):  # type: ignore[no-untyped-def]
    return assess((ChangedPart(path, added, removed),), RULES, threshold=THRESHOLD)


def test_security_code_is_told_from_routine_and_says_why() -> None:
    hot = judge("src/session.py", "if not compare_digest(token, session.csrf_token):", "    raise Forbidden()")
    calm = judge("src/cart.py", "def total(items):", "    return sum(item.price for item in items)")
    assert hot.sensitive
    assert hot.probability > THRESHOLD > calm.probability
    assert not calm.sensitive
    assert calm.reasons == ()
    assert any("session" in reason for reason in hot.reasons)


def test_a_reason_never_repeats_a_secret() -> None:
    token = "ghp_" + "a1B2" * 9
    found = judge("deploy/settings.py", f'TOKEN = "{token}"')
    assert found.sensitive
    assert token not in " ".join(found.reasons)


def test_no_other_rule_repeats_the_line_that_holds_a_secret() -> None:
    token = "ghp_" + "a1B2" * 9
    found = judge(
        "deploy/settings.py", f'requests.get(url, verify=False, headers="{token}")', f'PASSWORD = "{token}"'
    )
    assert len(found.reasons) >= 3
    assert token not in " ".join(found.reasons)
    assert token[:12] not in " ".join(found.reasons)


def test_php_does_not_change_pointers_and_a_stack_of_a_page_is_no_memory() -> None:
    php = judge("src/Login.php", "$this->session->login($user->token);", "$this->auth->check($password);")
    page = judge("web/Login.tsx", "<Stack><Heap/></Stack>", "const token = session.password", "free(pointer)")
    assert php.sensitive
    assert not any("pointers" in reason for reason in php.reasons)
    assert not any("memory" in reason for reason in page.reasons)
    assert "pointer added" not in features((ChangedPart("a.php", ("$a->b();",), ()),)).numbers
    assert "pointer added" in features((ChangedPart("a.c", ("a->b();",), ()),)).numbers


@pytest.mark.parametrize(
    ("path", "line", "feature"),
    [
        ("a.php", "namespace App\\Http;", "rule isolation share"),
        ("A.cs", "using System;", "rule process share"),
        ("A.java", "System.out.println(x);", "rule process share"),
        ("a.go", "proto.Marshal(m)", "rule prototype share"),
        ("a.tsx", "<Box padding={2} />", "rule crypto share"),
        ("a.tsx", "<Stack wrap />", "rule memory share"),
        ("a.js", "import x from '../y'", "dots added"),
        ("a.rs", "fn f() -> u8 {", "pointer added"),
        ("a.java", "xs.map(x -> y)", "pointer added"),
    ],
)
def test_words_that_mean_something_else_in_a_language_do_not_count_there(
    path: str, line: str, feature: str
) -> None:
    assert feature not in features((ChangedPart(path, (line,), ()),)).numbers


def test_a_vendored_copy_that_was_changed_by_hand_is_code() -> None:
    seen = features((ChangedPart("vendor/acme/auth.go", ("if !token.Valid() {",), ()),))
    assert seen.code
    assert seen.words


def test_a_small_unit_needs_less_doubt_than_a_large_one() -> None:
    line = ("x = total_of(items)",)
    small, large = (ChangedPart("a.py", line, ()),), (ChangedPart("a.py", line * 400, ()),)
    assert threshold_for(0.5, small, 0.5) < 0.5 < threshold_for(0.5, large, 0.5)
    assert threshold_for(0.5, small, 0.0) == pytest.approx(0.5)


@settings(max_examples=60)
@given(st.floats(0, 1), parts, st.floats(0, 1))
def test_the_threshold_for_a_size_is_a_probability_and_ends_stay_ends(
    threshold: float, changed: tuple[ChangedPart, ...], weight: float
) -> None:
    assert 0.0 <= threshold_for(threshold, changed, weight) <= 1.0
    assert threshold_for(0.0, changed, weight) == 0.0
    assert threshold_for(1.0, changed, weight) == 1.0


def test_an_explanation_names_only_what_is_in_the_change() -> None:
    found = judge("lib/parse.c", "  if(len > MAX_LEN)", "    return CURLE_TOO_LARGE;", "  memcpy(buf, src, len);")
    assert found.sensitive
    named = [reason.split("`")[1] for reason in found.reasons if reason.startswith("changes `")]
    text = "if(len > MAX_LEN) return CURLE_TOO_LARGE; memcpy(buf, src, len); lib parse c".lower()
    assert all(name in text for name in named)


def test_prose_and_tests_are_not_judged_by_their_words() -> None:
    assert judge("docs/auth.md", "passwords and tokens and csrf").probability < 0.05
    assert judge("tests/test_auth.py", "assert login('a', 'password')").probability < 0.05


def test_rules_alone_work_where_policy_switches_the_model_off() -> None:
    rules = SensitiveRules(rules=RULES.rules, learned=False)
    calm = assess((ChangedPart("auth.py", ("token = csrf",), ()),), rules, threshold=THRESHOLD)
    hot = assess((ChangedPart("a.py", ("get(url, verify=False)",), ()),), rules, threshold=THRESHOLD)
    assert (calm.probability, calm.sensitive) == (0.0, False)
    assert (hot.probability, hot.sensitive) == (1.0, True)


def test_the_threshold_is_policys() -> None:
    part = (ChangedPart("src/session.py", ("session.token = new_token()",), ()),)
    assert assess(part, RULES, threshold=0.0).sensitive
    assert not assess(part, RULES, threshold=1.0).sensitive


@settings(max_examples=60)
@given(parts)
def test_every_change_gets_a_probability_and_the_same_one_twice(changed: tuple[ChangedPart, ...]) -> None:
    first = assess(changed, RULES, threshold=THRESHOLD)
    assert 0.0 <= first.probability <= 1.0
    assert first == assess(changed, RULES, threshold=THRESHOLD)
    assert first.sensitive == bool(first.reasons)


@settings(max_examples=60)
@given(parts)
def test_what_the_model_weighed_adds_up_to_its_score(changed: tuple[ChangedPart, ...]) -> None:
    seen = features(changed)
    model = shipped()
    assert model.score(seen) == pytest.approx(model.bias + sum(model.contributions(seen).values()), abs=1e-9)


@settings(max_examples=60)
@given(parts)
def test_the_quick_estimate_is_the_probability_where_it_reads_everything(changed: tuple[ChangedPart, ...]) -> None:
    assert likelihood(changed, RULES) == pytest.approx(assess(changed, RULES, threshold=THRESHOLD).probability)


def test_the_quick_estimate_stops_reading_where_it_says() -> None:
    calm = ("total = 1",) * LIKELIHOOD_LINES
    late = (ChangedPart("a.py", (*calm, "get(url, verify=False)"), ()),)
    assert likelihood(late, RULES) < THRESHOLD
    assert assess(late, RULES, threshold=THRESHOLD).probability == 1.0


def test_no_figure_and_word_share_a_name() -> None:
    model = shipped()
    assert not set(model.numbers) & set(model.words)


def test_calibration_is_monotone_and_saturates() -> None:
    model = shipped()
    curve = [model.probability(score / 4) for score in range(-40, 41)]
    assert curve == sorted(curve)
    assert model.probability(-1e9) < 0.001
    assert model.probability(1e9) > 0.999


def test_one_enormous_figure_does_not_decide_alone() -> None:
    model = Model({"added": (0.0, 1.0, 0.1)}, {}, 0.0, 1.0, 0.0)
    assert model.score(features((ChangedPart("a.py", ("x",) * 100_000, ()),))) <= 0.4


def test_identifiers_come_apart_in_every_style() -> None:
    assert pieces("setHTTPCookie") == pieces("set_http_cookie") == ("set", "http", "cookie")
    assert "httpcookie" in words("setHTTPCookie")


def test_the_model_sees_how_much_of_a_change_is_source() -> None:
    bump = ChangedPart("package.json", ('"qs": "6.0.4"',), ('"qs": "6.0.3"',))
    code = ChangedPart("src/query.js", ("parse(text)",) * 5, ())
    assert "source" not in features((bump,)).numbers
    assert "source share" not in features((bump,)).numbers
    both = features((bump, code)).numbers
    assert both["source"] == 1.0
    assert both["source share"] == pytest.approx(5 / 8)


def test_structure_is_counted_by_side() -> None:
    added = ("static int read_tag(char *p)", "  while (n) x = (size_t)n;", "  return s->len;")
    seen = features((ChangedPart("a.c", added, ("  return s->len;",)),)).numbers
    one = math.log(2)
    assert (seen["define net"], seen["loop net"], seen["cast net"]) == pytest.approx((one, one, one))
    assert (seen["pointer added"], seen["pointer removed"]) == pytest.approx((one, one))
    assert "pointer net" not in seen


def test_advisory_ids_are_not_features() -> None:
    seen = features((ChangedPart("a.py", ("# see CVE-2024-12345 and GHSA-abcd-efgh-ijkl",), ()),))
    assert not any(word[1:] in {"cve", "ghsa"} for word in seen.words)


def test_the_shipped_model_orders_the_development_set() -> None:
    """A sanity check on seen data; `python -m bench routing` has the figures that count, repositories held out."""
    scores: dict[str, list[float]] = defaultdict(list)
    with gzip.open(shared("data/routing-dev.jsonl.gz"), "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            row = json.loads(line)
            if number % 5 or len(row["diff"]) > 20_000:
                continue
            change = parse_diff(row["diff"])
            changed = tuple(
                ChangedPart(
                    item.path,
                    tuple(x.text for hunk in item.hunks for x in hunk.added),
                    tuple(x.text for hunk in item.hunks for x in hunk.removed),
                )
                for item in change.files
            )
            scores[row["label"]].append(assess(changed, RULES, threshold=THRESHOLD).probability)
    share = {label: sum(p >= THRESHOLD for p in found) / len(found) for label, found in scores.items()}
    assert share["routine"] < 0.25
    assert share["security_fix"] > 0.7
    assert share["vuln_intro"] > 0.7
