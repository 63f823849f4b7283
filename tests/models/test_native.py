"""What local servers say of themselves: their real window and a model's size, from the servers' own API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from policies.providers import ProviderRules
from policies.words import Payment, Tier
from reviewer.models.catalogue import catalogue
from reviewer.models.model import SMALL_PARAMETERS, Candidate
from reviewer.models.native import Served, parameters_of, served
from reviewer.settings import Settings
from tests.simulators.provider import OllamaServes, ProviderSimulator


@pytest.mark.parametrize(
    ("serves", "expected"),
    [
        (OllamaServes(window=4096), Served(4096, 30_500_000_000)),
        (OllamaServes(window=40_960, parameter_size="3.2B"), Served(40_960, 3_200_000_000)),
        (OllamaServes(loaded=False, num_ctx=16_384), Served(16_384, 30_500_000_000)),
        # Nobody set a window: what the model could read at most is no answer.
        (OllamaServes(loaded=False), Served(0, 30_500_000_000)),
        (OllamaServes(loaded=False, parameter_size=""), Served(0, 30_000_000_000)),
    ],
)
def test_ollama_says_the_window_that_it_serves(serves: OllamaServes, expected: Served) -> None:
    with ProviderSimulator("openai", ollama=serves) as provider:
        assert served(provider.base_url, serves.model, offline=True) == expected


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("qwen3-coder:30b", 30_000_000_000),
        ("smollm2-135m-instruct", 135_000_000),
        ("qwen2.5-coder:1.5b-instruct-q4_K_M", 1_500_000_000),
        ("qwen3.5-35b-a3b", 35_000_000_000),
        ("Llama-3.2-3B-Instruct", 3_000_000_000),
        ("gpt-oss:latest", 0),
        ("mixtral-8x7b", 0),
        ("", 0),
    ],
)
def test_a_name_says_the_size_of_its_model_or_nothing(name: str, parameters: int) -> None:
    assert parameters_of(name) == parameters


@pytest.mark.parametrize(
    ("parameters", "payment", "small"),
    [
        (135_000_000, Payment.LOCAL, True),
        (SMALL_PARAMETERS, Payment.LOCAL, False),
        (0, Payment.LOCAL, False),
        (135_000_000, Payment.OWN_KEY, False),
    ],
)
def test_small_is_decided_by_size_and_not_by_the_window(parameters: int, payment: Payment, small: bool) -> None:
    for window in (2048, 4096, 1_000_000):
        model = Candidate(Tier.FREE, "ollama", "x", payment, "openai", "", window, 4096, parameters=parameters)
        assert model.small is small


@contextmanager
def server(answers: Mapping[str, Any]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = answers.get(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}/v1"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


def test_lm_studio_says_the_window_that_a_model_is_loaded_with() -> None:
    row = {"id": "qwen3-8b", "state": "loaded", "loaded_context_length": 8192, "max_context_length": 131_072}
    with server({"/api/v0/models": {"data": [{"id": "other"}, row]}}) as url:
        assert served(url, "qwen3-8b", offline=True) == Served(8192, 8_000_000_000)
        assert served(url, "nothing", offline=True) == Served()


@pytest.mark.parametrize(
    "odd",
    [
        {"models": None},
        {"models": [None, 3, {"name": 3}]},
        {"models": [{"name": "m:7b", "context_length": "many", "details": []}]},
        {"models": [{"name": "m:7b", "context_length": True}]},
        [],
    ],
)
def test_an_odd_answer_says_nothing_but_what_the_name_does(odd: Any) -> None:
    with server({"/api/ps": odd, "/api/show": odd, "/api/v0/models": odd}) as url:
        assert served(url, "m:7b", offline=True) == Served(0, 7_000_000_000)


def settings_of(tmp_path: Path, **values: str) -> Settings:
    return Settings.from_environ({"KILO_REVIEW_CACHE_DIR": str(tmp_path), **values})


@pytest.mark.parametrize("named", [False, True], ids=["found on its port", "named as the endpoint"])
def test_the_catalogue_has_the_window_and_the_size_of_a_local_model(tmp_path: Path, named: bool) -> None:
    serves = OllamaServes(model="qwen3:1.7b", window=6144, parameter_size="1.7B")
    with ProviderSimulator("openai", ollama=serves) as provider:
        nowhere = dict.fromkeys(("LMSTUDIO", "LLAMACPP"), "http://127.0.0.1:1/v1")
        urls = {f"KILO_REVIEW_{name}_BASE_URL": url for name, url in nowhere.items()}
        mine = (
            {"KILO_REVIEW_MODEL_URL": provider.base_url, "KILO_REVIEW_MODEL": serves.model}
            if named
            else {"KILO_REVIEW_OLLAMA_BASE_URL": provider.base_url}
        )
        settings = settings_of(tmp_path, **urls, **mine)
        found = catalogue(settings, ProviderRules(), private=False, discover_local=True)
    (entry,) = (entry for entry in found if entry.usable)
    assert entry.candidate.context_window == 6144
    assert entry.candidate.parameters == 1_700_000_000
    assert entry.candidate.small


def test_an_ollama_that_says_no_window_is_taken_to_serve_its_own_default(tmp_path: Path) -> None:
    serves = OllamaServes(loaded=False)
    with ProviderSimulator("openai", ollama=serves) as provider:
        nowhere = dict.fromkeys(("LMSTUDIO", "LLAMACPP"), "http://127.0.0.1:1/v1")
        urls = {f"KILO_REVIEW_{name}_BASE_URL": url for name, url in nowhere.items()}
        settings = settings_of(tmp_path, **urls, KILO_REVIEW_OLLAMA_BASE_URL=provider.base_url)
        found = catalogue(settings, ProviderRules(), private=False, discover_local=True)
    (entry,) = (entry for entry in found if entry.usable)
    assert entry.candidate.context_window == 4096
    assert not entry.candidate.small
