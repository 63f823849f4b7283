"""Settings: the only reader of the environment and of the policy file that it names. Values are safe to print."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from reviewer.errors import ConfigurationError
from reviewer.text import environment
from reviewer.text.environment import BLANKS
from reviewer.text.secret_address import address_secrets, printable

if TYPE_CHECKING:
    from policies.policy import Policy

MIB: Final = 1024 * 1024
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS: Final = ("text", "json")
GITHUB_API: Final = "https://api.github.com"
# A review waits for a model nearly all its life, as a thread that takes a few MiB.
REVIEWS_PER_PROCESS: Final = 100
REVIEWS_PER_INSTALLATION: Final = 50
# Letters of the shortest token that lets somebody in: to the metrics, the read API, or the MCP server over HTTP.
LEAST_TOKEN: Final = 16


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that never prints: `reveal()` at the place of use only."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Return the value itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._value)


# Environment variable -> provider id of policies/defaults/models.toml.
PROVIDER_KEYS: Final = {
    "KILO_API_KEY": "kilo",
    "OPENROUTER_API_KEY": "openrouter",
    "ANTHROPIC_API_KEY": "anthropic",
    "OPENAI_API_KEY": "openai",
    "GEMINI_API_KEY": "google",
    "GROQ_API_KEY": "groq",
    "DEEPSEEK_API_KEY": "deepseek",
    "MISTRAL_API_KEY": "mistral",
    "XAI_API_KEY": "xai",
    "AZURE_OPENAI_API_KEY": "azure",
}


@dataclass(frozen=True, slots=True)
class Runner:
    """What a runner of GitHub Actions tells a step: the event, and the files that results are appended to."""

    event: str = ""
    event_file: str = ""
    summary_file: str = ""
    output_file: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides. Sizes in bytes, times in seconds.

    `provider_keys` maps a provider id to its key; `base_urls` overrides a provider's address
    (`KILO_REVIEW_<PROVIDER>_BASE_URL`). `model_url` with `model_name` is one extra OpenAI-compatible endpoint.
    `worker_processes` run reviews, `reviews_per_process` at a time each. An installation with
    `reviews_per_installation` of them lets other installations' waiting ones go first. `git_index_file` is git's
    own `GIT_INDEX_FILE`: while a commit's hooks run, the index of that commit.
    """

    state_dir: Path
    cache_dir: Path
    database_url: str
    redis_url: str = ""
    github_api_url: str = GITHUB_API
    worker_processes: int = 1
    reviews_per_process: int = REVIEWS_PER_PROCESS
    reviews_per_installation: int = REVIEWS_PER_INSTALLATION
    github_app_id: str = ""
    github_private_key: Secret = field(default_factory=lambda: Secret(""))
    webhook_secrets: tuple[Secret, ...] = ()
    github_token: Secret = field(default_factory=lambda: Secret(""))
    provider_keys: Mapping[str, Secret] = field(default_factory=dict)
    base_urls: Mapping[str, str] = field(default_factory=dict)
    model_url: str = ""
    model_name: str = ""
    model_key: Secret = field(default_factory=lambda: Secret(""))
    policy_file: Path | None = None
    alert_webhook: str = ""
    allowed_bots: tuple[int, ...] = ()
    body_limit: int = 25 * MIB
    mirror_limit: int = 5 * 1024 * MIB
    mirror_repository_limit: int = 1024 * MIB
    host: str = "127.0.0.1"
    port: int = 8080
    log_level: str = "INFO"
    log_format: str = "text"
    metrics_token: Secret = field(default_factory=lambda: Secret(""))
    mcp_token: Secret = field(default_factory=lambda: Secret(""))
    api_token: Secret = field(default_factory=lambda: Secret(""))
    github_client_id: str = ""
    github_client_secret: Secret = field(default_factory=lambda: Secret(""))
    offline: bool = False
    git_index_file: str = ""
    runner: Runner = field(default_factory=Runner)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read every setting; ConfigurationError names the variable that cannot be used and the remedy."""
        env = os.environ if environ is None else environ
        state = Path(
            environment.text(env, "KILO_REVIEW_STATE_DIR")
            or platformdirs.user_state_dir("kilo-review", appauthor=False)
        )
        cache = Path(
            environment.text(env, "KILO_REVIEW_CACHE_DIR")
            or platformdirs.user_cache_dir("kilo-review", appauthor=False)
        )
        policy = environment.text(env, "KILO_REVIEW_POLICY")
        return cls(
            state_dir=state,
            cache_dir=cache,
            database_url=environment.database_url(env, "DATABASE_URL", f"sqlite:///{state / 'ledger.sqlite'}"),
            redis_url=environment.redis_url(env, "REDIS_URL"),
            github_api_url=environment.base_url(env, "GITHUB_API_URL", GITHUB_API),
            worker_processes=environment.whole(env, "KILO_REVIEW_WORKER_PROCESSES", _cores(), least=1, most=256),
            reviews_per_process=environment.whole(
                env, "KILO_REVIEW_REVIEWS_PER_PROCESS", REVIEWS_PER_PROCESS, least=1, most=1000
            ),
            reviews_per_installation=environment.whole(
                env, "KILO_REVIEW_REVIEWS_PER_INSTALLATION", REVIEWS_PER_INSTALLATION, least=1, most=100_000
            ),
            github_app_id=environment.app_id(env, "GITHUB_APP_ID"),
            github_private_key=_private_key(env),
            webhook_secrets=tuple(
                Secret(value)
                for name in ("GITHUB_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET_OLD")
                if (value := environment.text(env, name))
            ),
            github_token=_key(env, "GITHUB_TOKEN") or _key(env, "GH_TOKEN"),
            provider_keys={provider: key for name, provider in PROVIDER_KEYS.items() if (key := _key(env, name))},
            base_urls={
                provider: url
                for provider in (*PROVIDER_KEYS.values(), "ollama", "lmstudio", "llamacpp", "recorded")
                if (url := environment.base_url(env, f"KILO_REVIEW_{provider.upper()}_BASE_URL"))
            },
            model_url=environment.base_url(env, "KILO_REVIEW_MODEL_URL"),
            model_name=environment.text(env, "KILO_REVIEW_MODEL"),
            model_key=_key(env, "KILO_REVIEW_MODEL_KEY"),
            policy_file=Path(policy) if policy else None,
            alert_webhook=environment.web_address(env, "KILO_REVIEW_ALERT_WEBHOOK"),
            allowed_bots=environment.numbers(env, "KILO_REVIEW_ALLOWED_BOTS"),
            body_limit=environment.whole(env, "KILO_REVIEW_BODY_LIMIT", 25 * MIB, least=1),
            mirror_limit=environment.whole(env, "KILO_REVIEW_MIRROR_LIMIT", 5 * 1024 * MIB),
            mirror_repository_limit=environment.whole(env, "KILO_REVIEW_MIRROR_REPOSITORY_LIMIT", 1024 * MIB),
            host=environment.host(env, "HOST", "127.0.0.1"),
            port=environment.whole(env, "PORT", 8080, least=1, most=environment.LARGEST_PORT),
            log_level=environment.choice(env, "LOG_LEVEL", LOG_LEVELS, "INFO"),
            log_format=environment.choice(env, "LOG_FORMAT", LOG_FORMATS, "text"),
            metrics_token=_token(env, "KILO_REVIEW_METRICS_TOKEN"),
            mcp_token=_token(env, "KILO_REVIEW_MCP_TOKEN"),
            api_token=_token(env, "KILO_REVIEW_API_TOKEN"),
            github_client_id=environment.text(env, "GITHUB_CLIENT_ID"),
            github_client_secret=_token(env, "GITHUB_CLIENT_SECRET"),
            offline=environment.flag(env, "KILO_REVIEW_OFFLINE"),
            git_index_file=env.get("GIT_INDEX_FILE", ""),
            runner=Runner(
                event=environment.text(env, "GITHUB_EVENT_NAME"),
                event_file=environment.text(env, "GITHUB_EVENT_PATH"),
                summary_file=environment.text(env, "GITHUB_STEP_SUMMARY"),
                output_file=environment.text(env, "GITHUB_OUTPUT"),
            ),
        )

    @property
    def local_ledger_url(self) -> str:
        """The file of `local_ledger_file` as a ledger's URL."""
        return f"sqlite:///{self.local_ledger_file}"

    @property
    def local_ledger_file(self) -> Path:
        """Where the local tool keeps what it spent and the answers that it paid for."""
        return self.cache_dir / "local.sqlite"

    def require_github_app(self) -> None:
        """Refuse to go on without App id, private key and webhook secret: an unsigned endpoint is an open one."""
        missing = [
            name
            for name, value in (
                ("GITHUB_APP_ID", self.github_app_id),
                ("GITHUB_PRIVATE_KEY or GITHUB_PRIVATE_KEY_PATH", self.github_private_key),
                ("GITHUB_WEBHOOK_SECRET", self.webhook_secrets),
            )
            if not value
        ]
        if missing:
            raise ConfigurationError(
                f"not set: {', '.join(missing)}",
                remedy="Make the App with `kilo-review setup`, or take them from its settings page on GitHub.",
            )

    def secrets(self) -> tuple[str, ...]:
        """Return every secret value that is set, for redaction of whatever leaves the process.

        The passwords and tokens inside addresses are among them. A value that is a word, such as the `not-needed`
        of a local endpoint, is among them too: `reviewer.text.secret_value` decides which values are redacted.
        """
        keys = (self.model_key, *self.provider_keys.values())
        tokens = (self.github_token, self.metrics_token, self.api_token, self.mcp_token, self.github_client_secret)
        values = (self.github_private_key, *tokens, *self.webhook_secrets, *keys)
        addresses = (
            self.database_url,
            self.redis_url,
            self.github_api_url,
            self.model_url,
            *self.base_urls.values(),
        )
        inside = [value for address in addresses for value in address_secrets(address)]
        inside += address_secrets(self.alert_webhook, path=True)
        return tuple(dict.fromkeys((*(value.reveal() for value in values if value), *inside)))

    def __repr__(self) -> str:
        """Return every setting, addresses without the passwords and tokens in them."""
        shown = {field.name: getattr(self, field.name) for field in fields(self)}
        for name in ("database_url", "redis_url", "github_api_url", "model_url"):
            shown[name] = printable(shown[name])
        shown["alert_webhook"] = printable(self.alert_webhook, path=True)
        shown["base_urls"] = {name: printable(address) for name, address in self.base_urls.items()}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def _cores() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _key(env: Mapping[str, str], name: str) -> Secret:
    """Read a provider's key as people paste it: blanks, line ends, quotes and `Bearer` around it are taken off.

    Raises ConfigurationError, without the key, for one that no HTTP header can carry.
    """
    key = env.get(name, "").strip(BLANKS)
    for opening, closing in ('""', "''", "\u201c\u201d", "\u2018\u2019", "\u201e\u201c", "\u00ab\u00bb", "``"):
        if len(key) > 1 and key.startswith(opening) and key.endswith(closing):
            key = key[1:-1].strip(BLANKS)
            break
    if key[:7].lower() == "bearer ":
        key = key[7:].strip(BLANKS)
    odd = next((at for at, char in enumerate(key, start=1) if not "!" <= char <= "~"), 0)
    if odd:
        kind = "a line end" if key[odd - 1] in "\r\n" else "a blank" if key[odd - 1].isspace() else "a letter"
        raise ConfigurationError(
            f"{name} holds {kind} at position {odd} that no key has",
            remedy="Copy the key again from the provider's page, as one line, without quotes.",
        )
    return Secret(key)


def _token(env: Mapping[str, str], name: str) -> Secret:
    """Read a token that opens an address of ours; ConfigurationError for one that could be guessed."""
    token = _key(env, name)
    if token and len(token.reveal()) < LEAST_TOKEN:
        raise ConfigurationError(
            f"{name} is shorter than {LEAST_TOKEN} letters", remedy="Make one with: openssl rand -hex 32"
        )
    return token


def child_environment(changes: Mapping[str, str], *, without: Collection[str] = ()) -> dict[str, str]:
    """Return the environment of a process that we start: our own, less `without`, with changes."""
    kept = {name: value for name, value in os.environ.items() if name not in without}
    return {**kept, **changes}


def _private_key(env: Mapping[str, str]) -> Secret:
    text = env.get("GITHUB_PRIVATE_KEY", "")
    path = environment.text(env, "GITHUB_PRIVATE_KEY_PATH")
    if path and not text:
        try:
            text = Path(path).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"GITHUB_PRIVATE_KEY_PATH: cannot read {path}: {type(error).__name__}",
                remedy="Point it at the .pem file that GitHub gave you for the App.",
            ) from None
    # Hosts that only take one-line values hold the key with its line ends written as \n.
    text = text.replace("\\n", "\n").strip()
    if text and not (text.startswith("-----BEGIN") and text.endswith("-----")):
        raise ConfigurationError(
            "GITHUB_PRIVATE_KEY is not a PEM private key",
            remedy="Paste the whole .pem file, from -----BEGIN to -----END, line ends may be written \\n.",
        )
    return Secret(text + "\n" if text else "")


def organisation_policy(settings: Settings) -> Policy:
    """Read the organisation's policy, the defaults where KILO_REVIEW_POLICY is not set.

    ConfigurationError names the file and what is wrong with it.
    """
    from policies.invalid import PolicyInvalid  # noqa: PLC0415 - `--version` and `ledger` need no policy
    from policies.load import load_policy  # noqa: PLC0415 - `--version` and `ledger` need no policy

    file = settings.policy_file
    try:
        text = file.read_text(encoding="utf-8") if file else None
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"KILO_REVIEW_POLICY: cannot read {file}: {type(error).__name__}",
            remedy="Point it at a TOML file (docs/reference/policy.md), or unset it for the defaults.",
        ) from None
    try:
        return load_policy(organisation=text, organisation_file=str(file))
    except PolicyInvalid as error:
        raise ConfigurationError(
            str(error),
            remedy="Correct the file that KILO_REVIEW_POLICY names; docs/reference/policy.md lists every key.",
        ) from None
