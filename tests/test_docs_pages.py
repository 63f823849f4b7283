"""Pages about providers, other reviewers and common questions are held to the tables and pages that they repeat."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from policies.load import load_policy
from reviewer.errors import ConfigurationError
from reviewer.git.git import git_environment
from reviewer.models.catalogue import catalogue
from reviewer.settings import PROVIDER_KEYS, Settings
from tests.shared import ROOT

DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def rows(text: str) -> list[list[str]]:
    """Return the cells of every row of a page's tables, without their headings."""
    lines = [line for line in text.split("\n") if line.startswith("|")]
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [cells for cells in found if not set("".join(cells)) <= set("-: ")]


def table() -> dict[str, dict[str, Any]]:
    text = (ROOT / "policies" / "defaults" / "models.toml").read_text("utf-8")
    providers: dict[str, dict[str, Any]] = tomllib.loads(text)["providers"]
    return providers


# --- providers -----------------------------------------------------------------------------------------------


def test_the_page_of_providers_has_every_provider_with_what_the_table_says_of_it():
    words = {True: "yes", False: "no", None: "not published"}
    expected = [
        [
            f"`{name}`",
            row["name"],
            f"`{row['key']}`",
            words[row.get("trains_on_prompts")],
            f"{row['retention_days']} days" if "retention_days" in row else "not published",
            row.get("location", "not published"),
        ]
        for name, row in table().items()
        if row.get("key")
    ]
    assert [cells for cells in rows(page("how-to/providers.md")) if len(cells) == 6][1:] == expected
    assert {cells[2].strip("`"): cells[0].strip("`") for cells in expected} == PROVIDER_KEYS


def test_the_page_of_providers_has_every_local_server_with_its_address_and_window():
    expected = [
        [f"`{name}`", row["name"], f"`{row['base_url']}`", f"{row['context']:,}"]
        for name, row in table().items()
        if row["payment"] == "local"
    ]
    assert [cells for cells in rows(page("how-to/providers.md")) if len(cells) == 4][1:] == expected
    for name, _title, _address, _window in expected:
        assert f"`KILO_REVIEW_{name.strip('`').upper()}_BASE_URL`" in page("how-to/providers.md")


def opened(environ: dict[str, str], *, private: bool = False, fixed: str = "", policy: str = "") -> set[str]:
    rules = load_policy(organisation=policy).providers
    settings = Settings.from_environ(environ)
    found = catalogue(settings, rules, private=private, discover_local=False, fixed=fixed, price_all=False)
    return {f"{entry.candidate.provider}/{entry.candidate.model}" for entry in found if entry.usable}


def test_an_address_of_ones_own_is_asked_for_everything_and_needs_a_model():
    address = {"KILO_REVIEW_MODEL_URL": "https://models.example.com/v1", "KILO_API_KEY": "k" * 20}
    assert opened({**address, "KILO_REVIEW_MODEL": "qwen3-coder"}) == {"endpoint/qwen3-coder"}
    with pytest.raises(ConfigurationError):
        opened(address)


def test_azure_is_used_by_name_with_an_address():
    azure = {"AZURE_OPENAI_API_KEY": "k" * 20, "KILO_REVIEW_AZURE_BASE_URL": "https://r.openai.azure.com/openai/v1"}
    assert opened(azure) == set()
    assert opened(azure, fixed="azure/ours") == {"azure/ours"}


def test_the_policy_of_the_page_keeps_out_what_it_says():
    block = re.search(r"^```toml\n(.*?)^```", page("how-to/providers.md"), re.MULTILINE | re.DOTALL)
    assert block is not None
    keys = {"KILO_API_KEY": "k" * 20, "DEEPSEEK_API_KEY": "k" * 20, "ANTHROPIC_API_KEY": "k" * 20}
    free = opened(keys)
    assert any(name.startswith("deepseek/") for name in free)
    assert "kilo/kilo-auto/free" in free
    kept = opened(keys, private=True, policy=block[1])
    assert kept
    assert {name.partition("/")[0] for name in kept} == {"anthropic"}
    assert "kilo/kilo-auto/free" not in opened(
        keys, private=True, policy="[providers.private]\nforbid-training = true\n"
    )


# --- deploy --------------------------------------------------------------------------------------------------


def test_no_variable_tells_git_which_authority_to_trust(monkeypatch: pytest.MonkeyPatch):
    for name in ("GIT_SSL_CAINFO", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, "/nowhere.pem")
    assert [name for name, value in git_environment().items() if "nowhere" in value or "SSL" in name] == []


def test_the_page_of_deployment_links_every_file_of_it():
    text = page("how-to/deploy.md")
    for name in (
        "docker/Dockerfile",
        "docker/compose.yml",
        "systemd",
        "kubernetes/kustomization.yaml",
        "proxy/nginx.conf",
        "proxy/Caddyfile",
    ):
        assert f"](../../deploy/{name})" in text
        assert (ROOT / "deploy" / name).exists()
    assert "`deploy/docker/env.example`" in text or "deploy/docker/env.example " in text


# --- other reviewers, questions --------------------------------------------------------------------------------


def test_what_is_said_of_another_product_has_an_address_and_the_day_on_which_it_was_read():
    text = page("explanation/comparison.md")
    said = [cells for cells in rows(text.partition("## What was measured here")[0]) if len(cells) == 3][1:]
    assert len(said) >= 9
    for _topic, theirs, ours in said:
        assert re.search(r"\]\(https://[^)]+\)", theirs)
        assert "](" in ours or ours in ("as above", "github.com, a command line, CI")
    assert re.search(r"Read on \d+ December 2026", text)


def test_every_figure_beside_another_product_stands_on_a_page_that_says_how_it_was_measured():
    measured = [cells for cells in rows(page("explanation/comparison.md")) if len(cells) == 4][1:]
    source = page("explanation/performance.md") + page("explanation/context.md")
    assert len(measured) == 4
    for _what, ours, theirs, command in measured:
        for cell in (ours, theirs):
            figure = re.match(r"\**([\d.–]+)", cell)
            assert figure is not None
            assert figure[1] in source
        assert re.match(r"`python -m bench \w+", command)


def test_every_answer_to_a_question_leads_on():
    answers = re.split(r"\n\n(?=\*\*)", page("faq.md").partition("\n\n")[2])
    assert len(answers) >= 12
    assert [answer for answer in answers if not re.match(r"\*\*.+\?\*\* ", answer.replace("\n", " "))] == []
    assert [answer for answer in answers if "](" not in answer] == []
