from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from policies.providers import ProviderRules
from policies.words import Payment, Tier
from reviewer.errors import ConfigurationError
from reviewer.models.catalogue import Usable, catalogue
from reviewer.models.discover import prefer
from reviewer.models.meter import NullMeter
from reviewer.models.open import open_client
from reviewer.models.protocols import PROTOCOLS, modes_of
from reviewer.models.table import shipped_table
from reviewer.settings import PROVIDER_KEYS, Settings


def settings_of(tmp_path: Path, **values: str) -> Settings:
    return Settings.from_environ({"KILO_REVIEW_CACHE_DIR": str(tmp_path), **values})


def listed(settings: Settings, rules: ProviderRules | None = None, **values: Any) -> tuple[Usable, ...]:
    options: dict[str, Any] = {"private": False, "discover_local": False, **values}
    return catalogue(settings, rules or ProviderRules(), **options)


def usable(found: tuple[Usable, ...]) -> list[str]:
    return [entry.candidate.name for entry in found if entry.usable]


def test_the_shipped_table_is_whole() -> None:
    table = shipped_table()
    assert {row.key for row in table.providers.values() if row.key} == set(PROVIDER_KEYS)
    for row in table.models:
        provider = table.providers[row.provider]
        assert provider.protocol in PROTOCOLS
        assert (row.structured or provider.structured) in PROTOCOLS[provider.protocol].modes
        assert row.context > row.max_output > 0
    assert {row.tier for row in table.models} == set(Tier)
    assert len({(row.provider, row.model) for row in table.models}) == len(table.models)


def test_without_keys_nothing_is_usable_and_every_reason_names_the_variable(tmp_path: Path) -> None:
    found = listed(settings_of(tmp_path))
    assert found
    for entry in found:
        assert not entry.usable
        assert entry.reason == f"set {shipped_table().providers[entry.candidate.provider].key}"
        assert not entry.reason.endswith(" ")


def test_a_key_makes_its_provider_usable_on_every_tier_that_it_serves(tmp_path: Path) -> None:
    found = listed(settings_of(tmp_path, ANTHROPIC_API_KEY="sk-ant-x"))
    assert usable(found) == [
        "anthropic/claude-haiku-5-5",
        "anthropic/claude-sonnet-5-5",
        "anthropic/claude-opus-5-5",
    ]
    assert all(entry.price is not None for entry in found if entry.usable)


def test_tiers_are_in_order_and_the_table_s_preference_is_kept_inside(tmp_path: Path) -> None:
    found = listed(settings_of(tmp_path, KILO_API_KEY="k", OPENAI_API_KEY="o"))
    tiers = [entry.candidate.tier for entry in found]
    assert tiers == sorted(tiers)
    frontier = [
        name
        for name, tier in zip(usable(found), (e.candidate.tier for e in found if e.usable), strict=True)
        if tier is Tier.FRONTIER
    ]
    assert frontier[0].startswith("kilo/")
    assert "openai/gpt-6.1-sol" in frontier
    assert {entry.candidate.payment for entry in found if entry.usable} == {Payment.GATEWAY, Payment.OWN_KEY}


def test_policy_rules_out_by_name_and_says_which_rule(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, KILO_API_KEY="k", DEEPSEEK_API_KEY="d", ANTHROPIC_API_KEY="a")
    rules = ProviderRules(max_output_price=Decimal(10), private=ProviderRules(forbid_training=True))
    public = {entry.candidate.name: entry for entry in listed(settings, rules)}
    private = {entry.candidate.name: entry for entry in listed(settings, rules, private=True)}
    assert public["anthropic/claude-opus-5-5"].rule == "max-output-price"
    assert public["anthropic/claude-sonnet-5-5"].usable
    # A varying price cannot be shown to hold a ceiling.
    assert public["kilo/kilo-auto/frontier"].rule == "max-output-price"
    assert public["deepseek/deepseek-v4-flash"].usable
    assert private["deepseek/deepseek-v4-flash"].rule == "private.forbid-training"
    assert private["kilo/kilo-auto/free"].rule == "private.forbid-training"
    assert private["anthropic/claude-sonnet-5-5"].usable


def test_offline_only_this_machine_is_usable(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, OPENAI_API_KEY="k", KILO_REVIEW_OFFLINE="1")
    found = listed(settings)
    assert usable(found) == []
    assert all("offline" in entry.reason for entry in found)


def test_a_base_url_that_no_model_lives_at_is_refused_with_the_reason(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, OPENAI_API_KEY="k", KILO_REVIEW_OPENAI_BASE_URL="http://169.254.169.254/v1")
    entry = next(entry for entry in listed(settings) if entry.candidate.provider == "openai")
    assert not entry.usable
    assert "metadata" in entry.reason


def test_a_fixed_model_is_the_only_one(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, ANTHROPIC_API_KEY="a", OPENAI_API_KEY="o")
    found = listed(settings, fixed="anthropic/claude-opus-5-5")
    assert usable(found) == ["anthropic/claude-opus-5-5"]
    assert next(entry for entry in found if entry.usable).candidate.tier is Tier.FRONTIER
    others = [entry for entry in found if entry.candidate.provider == "openai"]
    assert {entry.reason for entry in others} == {"not used: anthropic/claude-opus-5-5 is named instead"}


def test_a_fixed_model_that_the_table_does_not_list_is_taken_as_it_is_named(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, OPENAI_API_KEY="o")
    (entry,) = (entry for entry in listed(settings, fixed="openai/gpt-5.4-mini") if entry.usable)
    assert entry.candidate.model == "gpt-5.4-mini"
    assert entry.candidate.tier is Tier.EFFICIENT
    assert entry.price is not None
    (mystery,) = (entry for entry in listed(settings, fixed="openai/gpt-99-mystery") if entry.usable)
    assert mystery.price is None


def test_a_fixed_model_is_held_to_the_rules_all_the_same(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, OPENAI_API_KEY="o")
    found = listed(settings, ProviderRules(deny_providers=("openai",)), fixed="openai/gpt-6-luna")
    assert usable(found) == []
    assert found[0].rule == "deny-providers" or any(entry.rule == "deny-providers" for entry in found)


def test_kilo_s_own_routes_are_found_by_their_short_name(tmp_path: Path) -> None:
    found = listed(settings_of(tmp_path, KILO_API_KEY="k"), fixed="kilo-auto/balanced")
    assert usable(found) == ["kilo/kilo-auto/balanced"]


@pytest.mark.parametrize(
    ("name", "keys", "chosen"),
    [
        ("openai/gpt-6-luna", ("OPENAI_API_KEY", "KILO_API_KEY"), "openai/gpt-6-luna"),
        ("openai/gpt-6-luna", ("KILO_API_KEY",), "kilo/openai/gpt-6-luna"),
        ("openai/gpt-6-luna", ("OPENROUTER_API_KEY",), "openrouter/openai/gpt-6-luna"),
        ("openai/gpt-oss-120b", ("GROQ_API_KEY",), "groq/openai/gpt-oss-120b"),
        ("z-ai/glm-5.3", ("KILO_API_KEY",), "kilo/z-ai/glm-5.3"),
        ("gpt-6-luna", ("OPENAI_API_KEY",), "openai/gpt-6-luna"),
        ("kilo/openai/gpt-6-luna", ("KILO_API_KEY", "OPENAI_API_KEY"), "kilo/openai/gpt-6-luna"),
        ("ollama/some-model:7b", (), "ollama/some-model:7b"),
    ],
)
def test_a_name_means_the_provider_whose_key_is_there(
    tmp_path: Path, name: str, keys: tuple[str, ...], chosen: str
) -> None:
    found = listed(settings_of(tmp_path, **dict.fromkeys(keys, "k")), fixed=name)
    assert usable(found) == [chosen]


def test_a_named_model_without_any_key_says_which_key_to_set(tmp_path: Path) -> None:
    found = listed(settings_of(tmp_path), fixed="openai/gpt-6-luna")
    entry = next(entry for entry in found if entry.candidate.name == "openai/gpt-6-luna")
    assert (entry.usable, entry.reason) == (False, "set OPENAI_API_KEY")


@pytest.mark.parametrize("name", ["gpt-6", "nobody/gpt", "openai/", "/"])
def test_a_name_of_no_model_is_refused_with_the_ones_that_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="provider/model"):
        listed(settings_of(tmp_path), fixed=name)


def test_an_endpoint_without_a_model_is_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, KILO_REVIEW_MODEL_URL="http://127.0.0.1:9/v1")
    with pytest.raises(ConfigurationError, match="KILO_REVIEW_MODEL"):
        listed(settings)


@pytest.mark.parametrize(
    ("url", "payment", "tier", "priced"),
    [
        ("http://127.0.0.1:9/v1", Payment.LOCAL, Tier.FREE, True),
        ("https://models.example.org/v1", Payment.OWN_KEY, Tier.EFFICIENT, False),
    ],
)
def test_an_endpoint_of_one_s_own_is_local_on_loopback_and_of_unknown_price_elsewhere(
    tmp_path: Path, url: str, payment: Payment, tier: Tier, priced: bool
) -> None:
    settings = settings_of(
        tmp_path, KILO_REVIEW_MODEL_URL=url, KILO_REVIEW_MODEL="my-model", OPENAI_API_KEY="not-used"
    )
    found = listed(settings)
    (entry,) = (entry for entry in found if entry.usable)
    assert (entry.candidate.name, entry.candidate.payment, entry.candidate.tier) == (
        "endpoint/my-model",
        payment,
        tier,
    )
    assert (entry.price is not None) is priced
    assert entry.price is None or entry.price.input == 0


def test_azure_needs_an_address_of_its_own(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, AZURE_OPENAI_API_KEY="k")
    (entry,) = (e for e in listed(settings, fixed="azure/my-deployment") if e.candidate.provider == "azure")
    assert entry.reason == "set KILO_REVIEW_AZURE_BASE_URL to its address"


@contextmanager
def model_server(answer: bytes, status: int = 200) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def models(*names: str, **more: object) -> bytes:
    return json.dumps(
        {"object": "list", "data": [{"id": name, "object": "model", **more} for name in names]}
    ).encode()


def local_settings(tmp_path: Path, **urls: str) -> Settings:
    nowhere = dict.fromkeys(("OLLAMA", "LMSTUDIO", "LLAMACPP"), "http://127.0.0.1:1/v1")
    return settings_of(
        tmp_path, **{f"KILO_REVIEW_{name}_BASE_URL": url for name, url in {**nowhere, **urls}.items()}
    )


def test_a_local_server_is_found_with_its_best_model(tmp_path: Path) -> None:
    with model_server(models("nomic-embed-text", "llama3.2", "qwen3-coder:30b", max_context_length=65_536)) as url:
        found = listed(local_settings(tmp_path, OLLAMA=url), discover_local=True)
    (entry,) = (entry for entry in found if entry.usable)
    assert entry.candidate.name == "ollama/qwen3-coder:30b"
    assert (entry.candidate.tier, entry.candidate.payment) == (Tier.FREE, Payment.LOCAL)
    assert entry.candidate.context_window == 65_536
    assert entry.price is not None
    assert entry.price.output == 0


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"<html>Jenkins</html>", 200),
        (b"[]", 200),
        (b'{"data": 3}', 200),
        (b'{"data": [{"id": 3}, null]}', 200),
        (b"{}", 404),
        (b"[" * 100_000, 200),
        (b'{"data": [{"id": "x"}' + b" " * 2_000_000 + b"]}", 200),
        (models("some-model"), 200),
    ],
    ids=["html", "list", "number", "no names", "404", "deep", "huge", "not llama.cpp"],
)
def test_something_else_on_the_port_is_no_model(tmp_path: Path, answer: bytes, status: int) -> None:
    with model_server(answer, status) as url:
        found = listed(local_settings(tmp_path, LLAMACPP=url), discover_local=True)
    assert usable(found) == []


def test_the_window_of_a_named_local_model_is_the_one_that_its_server_gives_it(tmp_path: Path) -> None:
    with model_server(models("my-model", meta={"n_ctx": 4096})) as url:
        settings = settings_of(tmp_path, KILO_REVIEW_MODEL_URL=url, KILO_REVIEW_MODEL="my-model")
        (entry,) = (entry for entry in listed(settings) if entry.usable)
    assert entry.candidate.context_window == 4096


def test_a_local_kind_of_server_on_another_machine_has_an_unknown_price(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, KILO_REVIEW_OLLAMA_BASE_URL="http://10.255.255.1:11434/v1")
    (entry,) = (entry for entry in listed(settings, fixed="ollama/x") if entry.usable)
    assert entry.candidate.payment is Payment.OWN_KEY
    assert entry.price is None


def test_only_models_that_can_review_are_preferred() -> None:
    rules = shipped_table().local
    assert prefer(["nomic-embed-text", "bge-rerank"], rules) is None
    assert prefer(["a-model", "gpt-oss:20b"], rules) == "gpt-oss:20b"
    assert prefer(["A-Model"], rules) == "A-Model"
    assert prefer([], rules) is None


def test_the_ceiling_keeps_dearer_tiers_out_of_an_asker(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, KILO_API_KEY="k")
    free = open_client(
        settings, ProviderRules(), private=False, meter=NullMeter(), ceiling=Tier.FREE, discover_local=False
    )
    assert free.highest is Tier.FREE
    chosen = free.candidate(Tier.FRONTIER)
    assert chosen is not None
    assert chosen.model == "kilo-auto/free"
    fixed = open_client(
        settings,
        ProviderRules(),
        private=False,
        meter=NullMeter(),
        ceiling=Tier.FREE,
        fixed="kilo/anthropic/claude-opus-5.5",
        discover_local=False,
    )
    assert fixed.highest is Tier.FRONTIER


def test_modes_go_from_the_best_down_to_plain_prompting(tmp_path: Path) -> None:
    found = {entry.candidate.name: entry.candidate for entry in listed(settings_of(tmp_path))}
    assert modes_of(found["openai/gpt-6-luna"]) == ("schema", "tool", "json", "prompt")
    assert modes_of(found["deepseek/deepseek-v4-flash"]) == ("json", "prompt")
    assert modes_of(found["anthropic/claude-opus-5-5"]) == ("schema", "tool", "prompt")
    assert modes_of(found["google/gemini-4-argon"]) == ("schema", "json", "prompt")
