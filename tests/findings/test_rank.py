import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.words import Severity, Tier
from reviewer.context.model import ContextItem, ContextKind
from reviewer.findings.model import Category
from reviewer.findings.rank import FEATURES, evidence_in_context, score
from reviewer.findings.similarity import FEATURES as PAIR_FEATURES
from reviewer.findings.similarity import load_weights
from tests.findings.builders import finding
from tests.shared import shared


@given(
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(Severity),
    st.sampled_from(Category),
    st.integers(1, 9),
    st.booleans(),
)
def test_more_confidence_agreement_or_evidence_never_lowers_the_score(
    low, high, severity, category, agreed, evidence
):
    low, high = sorted((low, high))

    def of(confidence, voices, known):
        found = finding(confidence=confidence, severity=severity, category=category)
        return score(found, agreed=voices, evidence_in_context=known)

    assert 0 < of(low, agreed, evidence) <= of(high, agreed, evidence) < 1
    assert of(low, agreed, evidence) <= of(low, agreed + 1, evidence)
    assert of(low, agreed, False) <= of(low, agreed, True)


def test_a_weaker_tier_is_believed_less():
    scores = [score(finding(), tier=tier) for tier in Tier]
    assert scores == sorted(scores)
    assert scores[0] < scores[-1]


def test_an_analyser_is_scored_by_the_severity_of_its_rule():
    scores = [score(finding(confidence=None, source="bandit:B602", severity=severity)) for severity in Severity]
    assert scores == sorted(scores)
    assert scores[-1] >= 0.8


def test_the_style_thresholds_mean_what_was_measured():
    assert score(finding(confidence=0.95)) >= 0.8
    assert 0.5 <= score(finding(confidence=0.6)) < 0.8
    assert score(finding(confidence=0.4)) >= 0.5
    assert 0.3 <= score(finding(confidence=0.3)) < 0.5
    assert score(finding(confidence=0.15)) < 0.3


ITEM = ContextItem("pkg/store.py", 10, 20, "def get(): ...", ContextKind.DEFINITION, "used", 5)


@pytest.mark.parametrize(
    ("evidence", "known"),
    [
        (("pkg/store.py:12",), True),
        (("store.py:20",), True),
        (("pkg/store.py:5-11",), True),
        (("pkg/store.py:L10-L12",), True),
        (("pkg/store.py:21",), False),
        (("pkg/other.py:12",), False),
        (("tore.py:12",), False),
        (("the docs",), False),
        (("pkg/store.py:" + "9" * 400,), False),
        ((), False),
    ],
)
def test_evidence_counts_only_where_it_was_really_shown(evidence, known):
    assert evidence_in_context(finding(evidence=evidence), [ITEM]) is known


def test_the_fitted_file_has_a_weight_for_every_feature():
    weights = load_weights()
    assert tuple(weights["worth"]) == FEATURES
    assert tuple(weights["same_issue"]) == PAIR_FEATURES


def test_the_fitted_file_is_what_the_script_fits():
    shared("data/findings-dev.jsonl.gz")
    from bench.fit.ranking import fit_worth, load

    assert fit_worth(load().values()) == pytest.approx(dict(load_weights()["worth"]), abs=1e-3)
