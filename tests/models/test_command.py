from __future__ import annotations

import argparse
import json
from decimal import Decimal
from pathlib import Path

import pytest

from reviewer.errors import ConfigurationError
from reviewer.models.command import add_arguments, main
from reviewer.settings import Settings


def run(tmp_path: Path, *words: str, **environ: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    settings = Settings.from_environ({"KILO_REVIEW_CACHE_DIR": str(tmp_path), **environ})
    return main(parser.parse_args(["--no-local", *words]), settings)


def test_the_table_shows_tier_model_route_prices_and_why_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, ANTHROPIC_API_KEY="sk-ant-secret") == 0
    out = capsys.readouterr().out
    heading, *lines = out.splitlines()
    assert heading.split() == ["TIER", "MODEL", "ROUTE", "$/M", "IN", "$/M", "OUT", "$/M", "CACHED", "USABLE"]
    opus = next(line for line in lines if "anthropic/claude-opus-5-5" in line)
    assert opus.split()[0] == "frontier"
    assert opus.endswith("yes")
    assert next(line for line in lines if "gpt-6-luna" in line).endswith("set KILO_API_KEY")
    assert "sk-ant-secret" not in out
    assert "\x1b" not in out


def test_json_has_every_field_and_prices_as_decimal_strings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--format", "json", "--tier", "frontier", ANTHROPIC_API_KEY="x") == 0
    rows = json.loads(capsys.readouterr().out)
    row = next(row for row in rows if row["provider"] == "anthropic")
    assert {row["tier"] for row in rows} == {"frontier"}
    assert row["route"] == "own-key"
    assert row["usable"] is True
    assert row["reason"] == ""
    assert Decimal(row["prices"]["input"]) > 0
    varies = next(row for row in rows if row["model"] == "kilo-auto/frontier")
    assert varies["prices"] is None


def test_nothing_usable_is_said_and_is_exit_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--usable") == 2
    captured = capsys.readouterr()
    assert captured.out == "no model to show\n"
    assert "KILO_API_KEY" in captured.err


def test_the_organisation_s_policy_decides_what_is_usable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[providers]\ndeny-models = ["*opus*"]\n')
    run(tmp_path, "--format", "json", ANTHROPIC_API_KEY="x", KILO_REVIEW_POLICY=str(policy))
    rows = {row["model"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["claude-opus-5-5"]["rule"] == "deny-models"
    assert rows["claude-sonnet-5-5"]["usable"]


@pytest.mark.parametrize("text", [None, "[providers]\nforbid-training = 3\n", "not toml ["])
def test_a_policy_that_cannot_be_used_is_an_error_with_its_name(tmp_path: Path, text: str | None) -> None:
    policy = tmp_path / "policy.toml"
    if text is not None:
        policy.write_text(text)
    with pytest.raises(ConfigurationError, match=r"policy\.toml"):
        run(tmp_path, KILO_REVIEW_POLICY=str(policy))
