"""Which model the demo asks: what is configured, else a local server, else one of its own, else none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reviewer.demo.local_model import POLICY, LocalModel
from reviewer.demo.processes import answers
from reviewer.errors import ConfigurationError
from reviewer.settings import PROVIDER_KEYS, Settings

# Name -> its usual port. Both list their models at this path.
LOCAL_SERVERS: Final = {"Ollama": 11434, "LM Studio": 1234}
MODELS_PATH: Final = "/v1/models"
HOSTED: Final = ("kilo", "openrouter", "anthropic", "openai", "google")


@dataclass(slots=True)
class Choice:
    """What was chosen. `environ` is for the service; `local` is the model server to stop at the end."""

    name: str
    environ: Mapping[str, str] = field(default_factory=dict)
    local: LocalModel | None = None
    notice: str = ""


def hosted(settings: Settings) -> str:
    """Return the name of the first configured way to a model, "" where there is none."""
    if settings.model_url:
        return settings.model_name or settings.model_url
    variables = {provider: variable for variable, provider in PROVIDER_KEYS.items()}
    for provider in (*HOSTED, *settings.provider_keys):
        if settings.provider_keys.get(provider):
            return variables[provider]
    return ""


def choose(settings: Settings, folder: Path, *, analysers_only: bool = False) -> Choice:
    """Choose a model, and start the local one where that is the choice."""
    nothing = dict.fromkeys((*PROVIDER_KEYS, "KILO_REVIEW_MODEL_URL"), "")
    if analysers_only:
        # No local server may be found either.
        return Choice("none: analysers only", {**nothing, **_no_local()})
    if name := hosted(settings):
        return Choice(name)
    for name, port in LOCAL_SERVERS.items():
        if answers(port, MODELS_PATH):
            return Choice(f"{name} on port {port}")
    try:
        local = LocalModel(folder)
    except ConfigurationError as error:
        return Choice("none: analysers only", _no_local(), notice=str(error))
    local.start()
    policy = folder / "policy.toml"
    policy.write_text(POLICY, encoding="utf-8")
    environ = {"KILO_REVIEW_LLAMACPP_BASE_URL": local.url}
    if settings.policy_file is None:
        environ["KILO_REVIEW_POLICY"] = str(policy)
    toy = "a toy: it proves the way, a key gives a review"
    return Choice(f"{local.weights.stem} on llama.cpp, {toy}", environ, local)


def _no_local() -> dict[str, str]:
    # Port 9 discards: nothing answers there, on any machine that runs this.
    return {f"KILO_REVIEW_{name}_BASE_URL": "http://127.0.0.1:9/v1" for name in ("OLLAMA", "LMSTUDIO", "LLAMACPP")}
