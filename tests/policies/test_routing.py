from __future__ import annotations

import os
from pathlib import Path

import pytest

from policies.load import load_policy
from policies.routing import Decision, Signals, route, signals_for
from policies.rules import ChangedPart
from policies.sensitivity import Sensitivity
from policies.words import Severity, Strategy, Tier
from tests.policies.samples import SAMPLES, Sample

GOLDEN = Path(__file__).parent / "routes.golden.md"
CALM = Sensitivity(0.05, sensitive=False, reasons=())
HOT = Sensitivity(0.9, sensitive=True, reasons=("decides who somebody is",))


def decide(sample: Sample) -> Decision:
    policy = load_policy(organisation=sample.organisation, repository=sample.repository)
    signals = signals_for(
        sample.parts,
        policy,
        labels=sample.labels,
        command_strategy=sample.command,
        evidence_severity=sample.evidence,
    )
    return route(signals, policy)


def test_forty_sample_changes_are_routed_as_the_golden_table_says() -> None:
    """UPDATE_GOLDEN=1 writes the table anew; read it before committing it."""
    assert len(SAMPLES) == 40
    rows = ["| change | file | tier | blind | reasons |", "|---|---|---|---|---|"]
    for sample in SAMPLES:
        decision = decide(sample)
        reasons = "; ".join(decision.reasons).replace("|", "\\|")
        blind = "yes" if decision.metadata_blind else ""
        rows.append(f"| {sample.name} | {sample.parts[0].path} | {decision.tier.label} | {blind} | {reasons} |")
    table = "\n".join(rows) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(table, encoding="utf-8")
    assert table == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("a README paragraph", Tier.FREE),
        ("a changelog", Tier.FREE),
        ("a test of a login", Tier.EFFICIENT),
        ("a small function", Tier.EFFICIENT),
        ("an action's version", Tier.EFFICIENT),
        ("a CSRF check", Tier.FRONTIER),
        ("a removed length check", Tier.FRONTIER),
        ("a live credential", Tier.FRONTIER),
        ("a privileged workflow", Tier.FRONTIER),
        ("a database migration", Tier.FRONTIER),
    ],
)
def test_the_golden_table_holds_what_routing_is_for(name: str, tier: Tier) -> None:
    sample = next(sample for sample in SAMPLES if sample.name == name)
    assert decide(sample).tier is tier


def test_every_route_has_a_reason() -> None:
    assert all(decide(sample).reasons and all(decide(sample).reasons) for sample in SAMPLES)


def test_documentation_about_security_stays_cheap_and_sees_the_metadata() -> None:
    decision = route(Signals(("SECURITY.md",), CALM, documentation_only=True), load_policy())
    assert decision == Decision(Tier.FREE, ("documentation only",), metadata_blind=False)


def test_a_sensitive_unit_is_blind_to_metadata_unless_policy_says_otherwise() -> None:
    signals = Signals(("a.py",), HOT)
    assert route(signals, load_policy()).metadata_blind
    open_eyed = load_policy(organisation="[review]\nmetadata_blind = false")
    assert not route(signals, open_eyed).metadata_blind


def test_a_command_goes_before_a_label_before_a_path_before_the_policy() -> None:
    policy = load_policy(
        organisation='strategy = "balanced"\n[routing.paths]\n"src/**" = "efficient"\n', repository=None
    )
    base = {"paths": ("src/a.py",), "sensitivity": CALM}
    assert route(Signals(("lib/a.py",), CALM), policy).tier is Tier.BALANCED
    assert route(Signals(**base), policy).tier is Tier.EFFICIENT
    assert route(Signals(**base, labels=("kilo:free",)), policy).tier is Tier.FREE
    everything = Signals(**base, labels=("kilo:free",), command_strategy=Strategy.FRONTIER)
    assert route(everything, policy).tier is Tier.FRONTIER


def test_the_dearest_of_several_labels_wins() -> None:
    decision = route(Signals(("a.py",), CALM, labels=("kilo:free", "Kilo:Balanced")), load_policy())
    assert decision.tier is Tier.BALANCED
    assert "label Kilo:Balanced asks for balanced" in decision.reasons


def test_neither_a_label_nor_a_path_takes_a_sensitive_unit_down() -> None:
    policy = load_policy(repository='[routing.paths]\n"**" = "free"')
    by_path = route(Signals(("a.py",), HOT), policy)
    by_label = route(Signals(("a.py",), HOT, labels=("kilo:free",)), load_policy())
    assert by_path.tier is by_label.tier is Tier.FRONTIER
    assert "so it keeps frontier" in by_path.reasons[0]


def test_an_entitled_command_may_take_a_sensitive_unit_down_and_the_reason_says_so() -> None:
    decision = route(Signals(("a.py",), HOT, command_strategy=Strategy.FREE), load_policy())
    assert decision.tier is Tier.FREE
    assert "although the unit looks security-sensitive" in decision.reasons[0]


def test_a_path_rule_for_some_files_raises_the_unit_and_never_lowers_the_others() -> None:
    policy = load_policy(organisation='[routing.paths]\n"docs/**" = "free"\n"core/**" = "balanced"')
    assert route(Signals(("docs/a.md", "src/a.py"), CALM), policy).tier is Tier.EFFICIENT
    assert route(Signals(("core/a.py", "src/a.py"), CALM), policy).tier is Tier.BALANCED


@pytest.mark.parametrize("command", [None, *Strategy])
@pytest.mark.parametrize("sensitivity", [CALM, HOT])
@pytest.mark.parametrize("labels", [(), ("kilo:frontier",), ("kilo:free",)])
def test_the_bounds_hold_against_everybody(
    command: Strategy | None, sensitivity: Sensitivity, labels: tuple[str, ...]
) -> None:
    policy = load_policy(organisation='min_tier = "efficient"\nmax_tier = "balanced"')
    signals = Signals(("a.py",), sensitivity, labels=labels, command_strategy=command)
    assert Tier.EFFICIENT <= route(signals, policy).tier <= Tier.BALANCED


def test_evidence_raises_a_routine_unit_one_step_and_leaves_a_sensitive_one() -> None:
    calm = Signals(("a.py",), CALM, evidence_severity=Severity.HIGH)
    assert route(calm, load_policy()).tier is Tier.BALANCED
    assert route(Signals(("a.py",), CALM, evidence_severity=Severity.MEDIUM), load_policy()).tier is Tier.EFFICIENT
    assert route(Signals(("a.py",), HOT, evidence_severity=Severity.HIGH), load_policy()).tier is Tier.FRONTIER


def test_attributes_decide_what_documentation_is() -> None:
    parts = (ChangedPart("spec/openapi.yaml", ("title: Shop",), ()),)
    policy = load_policy()
    assert not signals_for(parts, policy).documentation_only
    stated = signals_for(parts, policy, attributes_of=lambda _path: {"linguist-documentation": "true"})
    assert stated.documentation_only
