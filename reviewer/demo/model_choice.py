"""Which model the demo asks: recorded answers for its sample, or what is configured, or a small one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Final

from reviewer.demo.local_model import POLICY, LocalModel
from reviewer.demo.processes import answers
from reviewer.demo.recorded_model import RecordedModel
from reviewer.demo.recording import described, misfit, read_all, shipped_folder
from reviewer.errors import ConfigurationError
from reviewer.settings import PROVIDER_KEYS, Settings

# Name -> its usual port. Both list their models at this path.
LOCAL_SERVERS: Final = {"Ollama": 11434, "LM Studio": 1234}
MODELS_PATH: Final = "/v1/models"
NOWHERE: Final = "http://127.0.0.1:9/v1"
LIVE_REMEDY: Final = (
    "Set a key (KILO_API_KEY, OPENROUTER_API_KEY, ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY), or "
    "KILO_REVIEW_MODEL_URL with KILO_REVIEW_MODEL, or start Ollama or LM Studio."
)
HOSTED: Final = ("kilo", "openrouter", "anthropic", "openai", "google")


class Source(StrEnum):
    """Where the answers come from."""

    RECORDED = "recorded"
    LIVE = "live"
    LOCAL = "local"
    NONE = "none"


@dataclass(slots=True)
class Choice:
    """What was chosen. `environ` is for the service; `server` is the model server to stop at the end."""

    name: str
    environ: Mapping[str, str] = field(default_factory=dict)
    server: LocalModel | RecordedModel | None = None
    notice: str = ""

    @property
    def recorded(self) -> bool:
        """True where nobody is asked and answers of an earlier day are shown."""
        return isinstance(self.server, RecordedModel)

    def unanswered(self) -> tuple[str, ...]:
        """Say of each question that no recording fits why not, and how to record anew."""
        if not isinstance(self.server, RecordedModel):
            return ()
        known = tuple(self.server.recordings.values())
        return tuple(misfit(request, known) for request in self.server.unknown.values())

    @property
    def shown(self) -> str:
        """What stands above the review, "" where there is nothing to say."""
        if not self.recorded:
            return ""
        return f"Recorded: no model was asked now. Shown are {self.name}."


def hosted(settings: Settings) -> str:
    """Return the name of the first configured way to a model, "" where there is none."""
    if settings.model_url:
        return settings.model_name or settings.model_url
    variables = {provider: variable for variable, provider in PROVIDER_KEYS.items()}
    for provider in (*HOSTED, *settings.provider_keys):
        if settings.provider_keys.get(provider):
            return variables[provider]
    return ""


def choose(settings: Settings, folder: Path, source: Source) -> Choice:
    """Choose a model, and start the server that the choice needs."""
    if source is Source.NONE:
        return Choice("none: analysers only", _nothing_else())
    if source is Source.RECORDED:
        recordings = read_all(shipped_folder())
        return replay(RecordedModel(recordings), described(recordings))
    if source is Source.LOCAL:
        return _small(settings, folder)
    if name := hosted(settings):
        return Choice(name)
    for name, port in LOCAL_SERVERS.items():
        if answers(port, MODELS_PATH):
            return Choice(f"{name} on port {port}")
    raise ConfigurationError("--live: no model is configured, and no local server answers", remedy=LIVE_REMEDY)


def choose_for_own_repository(settings: Settings, folder: Path) -> Choice:
    """Choose what is configured or answers on this machine; without either, the analysers alone."""
    try:
        return choose(settings, folder, Source.LIVE)
    except ConfigurationError:
        return replace(choose(settings, folder, Source.NONE), notice=f"No model is set up. {LIVE_REMEDY}")


def replay(server: RecordedModel, name: str) -> Choice:
    """Start a server of recorded answers, and let nothing else be asked."""
    server.start()
    return Choice(name, {**_nothing_else(), "KILO_REVIEW_RECORDED_BASE_URL": server.url}, server)


def _small(settings: Settings, folder: Path) -> Choice:
    local = LocalModel(folder)
    local.start()
    environ = {**_nothing_else(), "KILO_REVIEW_LLAMACPP_BASE_URL": local.url}
    if settings.policy_file is None:
        policy = folder / "policy.toml"
        policy.write_text(POLICY, encoding="utf-8")
        environ["KILO_REVIEW_POLICY"] = str(policy)
    toy = "a toy: it proves the way, what it says is not worth reading"
    return Choice(f"{local.weights.stem} on llama.cpp, {toy}", environ, local)


def _nothing_else() -> dict[str, str]:
    """Return the settings under which no key is used and no local server is found."""
    keys = dict.fromkeys((*PROVIDER_KEYS, "KILO_REVIEW_MODEL_URL", "KILO_REVIEW_MODEL"), "")
    # Port 9 discards: nothing answers there, on any machine that runs this.
    servers = {f"KILO_REVIEW_{name}_BASE_URL": NOWHERE for name in ("OLLAMA", "LMSTUDIO", "LLAMACPP")}
    return {**keys, **servers}
