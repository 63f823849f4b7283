"""Every setting with good and bad values, through the program's own command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kilo_review import main
from reviewer.errors import ConfigurationError
from reviewer.settings import PROVIDER_KEYS, Settings

# Any letters that no message of ours holds; a message that shows them has printed a value.
CANARY = "Zk39xQ7pLm2V"
TOKEN = "m" * 8 + CANARY
KEY = "sk-" + CANARY
OTHER_KEYS = ("KILO_REVIEW_MODEL_KEY", "GITHUB_TOKEN", "GH_TOKEN")
PROVIDERS = (*PROVIDER_KEYS.values(), "ollama", "lmstudio", "llamacpp", "recorded")
URLS_GOOD = (
    "http://localhost:1/v1",
    "https://models.example/v1/",
    " https://models.example \n",
    "http://[::1]:8080",
)
URLS_BAD = ("localhost:11434", "ftp://h/v1", "http://", "https://h:port/v1", "http://h:99999/v1", "http://h o/v1")

GOOD: Mapping[str, tuple[str, ...]] = {
    "KILO_REVIEW_STATE_DIR": ("state",),
    "KILO_REVIEW_CACHE_DIR": ("cache",),
    "DATABASE_URL": (
        "",
        "sqlite:////tmp/x/ledger.sqlite",
        "postgres://u:p@h/db",
        "postgresql://u:p%40w@h:5432/db?sslmode=require",
        "postgresql+psycopg://u@[::1]:5432/db",
        "postgresql:///db?host=/var/run/postgresql",
    ),
    "REDIS_URL": ("", "redis://h", "redis://:pw@h:6379/0", "rediss://u:pw@h:6380/1", "unix:///run/redis.sock?db=1"),
    "GITHUB_API_URL": ("", "https://api.github.com", "https://ghes.example/api/v3/", "http://127.0.0.1:9"),
    "GITHUB_TOKEN": ("", "ghs_0123456789abcdef"),
    "GH_TOKEN": ("", "gho_0123456789abcdef"),
    "GITHUB_EVENT_NAME": ("", "pull_request"),
    "GITHUB_EVENT_PATH": ("", "event.json"),
    "GITHUB_STEP_SUMMARY": ("", "summary.md"),
    "GITHUB_OUTPUT": ("", "output"),
    "GITHUB_APP_ID": ("", "1234", "Iv23liAbCdEf"),
    "GITHUB_PRIVATE_KEY": ("",),
    "GITHUB_PRIVATE_KEY_PATH": ("",),
    "GITHUB_WEBHOOK_SECRET": ("", "any words at all"),
    "GITHUB_WEBHOOK_SECRET_OLD": ("", "any words at all"),
    **dict.fromkeys(PROVIDER_KEYS, ("", KEY, f'"{KEY}"\r\n', f"Bearer {KEY}", f"“{KEY}”", "not-needed")),
    **{f"KILO_REVIEW_{name.upper()}_BASE_URL": ("", *URLS_GOOD) for name in PROVIDERS},
    "KILO_REVIEW_MODEL_URL": ("", *URLS_GOOD),
    "KILO_REVIEW_MODEL": ("", "gpt-oss:20b"),
    "KILO_REVIEW_MODEL_KEY": ("", KEY),
    "KILO_REVIEW_POLICY": ("",),
    "KILO_REVIEW_ALERT_WEBHOOK": ("", "https://hooks.example/services/T/B/x"),
    "KILO_REVIEW_ALLOWED_BOTS": ("", "1", "49699333, 7 8"),
    "KILO_REVIEW_BODY_LIMIT": ("", "1", " 26214400 "),
    "KILO_REVIEW_MIRROR_LIMIT": ("", "0", "5000000000"),
    "KILO_REVIEW_MIRROR_REPOSITORY_LIMIT": ("", "0", "1"),
    "KILO_REVIEW_WORKER_PROCESSES": ("", "1", "256"),
    "KILO_REVIEW_REVIEWS_PER_PROCESS": ("", "1", " 1000 "),
    "KILO_REVIEW_REVIEWS_PER_INSTALLATION": ("", "1", "100000"),
    "KILO_REVIEW_METRICS_TOKEN": ("", TOKEN),
    "KILO_REVIEW_MCP_TOKEN": ("", TOKEN),
    "KILO_REVIEW_API_TOKEN": ("", TOKEN),
    "GITHUB_CLIENT_ID": ("", "Iv23liAbCdEf"),
    "GITHUB_CLIENT_SECRET": ("", TOKEN),
    "KILO_REVIEW_OFFLINE": ("", "0", "1", "False", "no", "OFF", "true", "yes", "on"),
    "HOST": ("", "0.0.0.0", "::1", "localhost"),
    "PORT": ("", "1", "65535"),
    "LOG_LEVEL": ("", "debug", "INFO", "Warning", "ERROR", "critical"),
    "LOG_FORMAT": ("", "text", "JSON"),
    "GIT_INDEX_FILE": ("", ".git/index"),
}
BAD: Mapping[str, tuple[str, ...]] = {
    "DATABASE_URL": (
        "mysql://h/x",
        "ledger.sqlite",
        "sqlite://",
        "sqlite:///:memory:",
        f"postgresql://u:{CANARY}@h:port/db",
        "postgresql://h:99999/db",
        f"postgresql://u:{CANARY}/x@y@h/db",
        CANARY,
    ),
    "REDIS_URL": (
        "localhost:6379", "http://h:6379", "redis://", "redis://h:port", "redis://h:99999", "redis://h/db", "unix://x",
        f"redis://:{CANARY}@h:port",
        f"u:{CANARY}@h:6379",
    ),
    "GITHUB_API_URL": (*URLS_BAD, "api.github.com"),
    "GITHUB_APP_ID": ("my app", "1/2", "x" * 65),
    "GITHUB_PRIVATE_KEY": (CANARY, f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}", f"{CANARY}\n-----END-----"),
    "GITHUB_PRIVATE_KEY_PATH": ("/nowhere/app.pem", "bad\x01name"),
    **dict.fromkeys((*PROVIDER_KEYS, *OTHER_KEYS), (f"{KEY} {CANARY}", f"{KEY}\n{CANARY}", f"{KEY}ä")),
    **{f"KILO_REVIEW_{name.upper()}_BASE_URL": URLS_BAD for name in PROVIDERS},
    "KILO_REVIEW_MODEL_URL": (*URLS_BAD, f"user:{CANARY}@h/v1"),
    "KILO_REVIEW_POLICY": ("/nowhere/policy.toml",),
    "KILO_REVIEW_ALERT_WEBHOOK": (f"hooks.example/{CANARY}", f"slack://{CANARY}", f"https://:{CANARY}@/x"),
    "KILO_REVIEW_ALLOWED_BOTS": ("dependabot[bot]", "1.5", "-1", "٣"),
    "KILO_REVIEW_BODY_LIMIT": ("0", "-1", "25MiB", "1e6", "1_000", "9" * 30),
    "KILO_REVIEW_MIRROR_LIMIT": ("-1", "5 GiB", "many"),
    "KILO_REVIEW_MIRROR_REPOSITORY_LIMIT": ("-1", "x"),
    "KILO_REVIEW_WORKER_PROCESSES": ("0", "-1", "257", "two"),
    "KILO_REVIEW_REVIEWS_PER_PROCESS": ("0", "1001", "1.5"),
    "KILO_REVIEW_REVIEWS_PER_INSTALLATION": ("0", "100001", "many"),
    "KILO_REVIEW_MCP_TOKEN": ("1", CANARY[:4], f"{TOKEN} {CANARY}"),
    "KILO_REVIEW_METRICS_TOKEN": ("1", CANARY[:4], f"{TOKEN} {CANARY}"),
    "KILO_REVIEW_API_TOKEN": ("1", CANARY[:4], f"{TOKEN} {CANARY}"),
    "GITHUB_CLIENT_SECRET": ("1", CANARY[:4], f"{TOKEN} {CANARY}"),
    "KILO_REVIEW_OFFLINE": ("2", "maybe", "y e s", "enabled"),
    "HOST": ("http://h", "h h", "0.0.0.0/0"),
    "PORT": ("0", "99999", "abc", "-1", "80.5", "٨٠"),
    "LOG_LEVEL": ("verbose", "10", "trace"),
    "LOG_FORMAT": ("logfmt", "1"),
}  # fmt: skip
# Whatever these say is a path or a word of its own.
ANYTHING_GOES = {
    "KILO_REVIEW_STATE_DIR", "KILO_REVIEW_CACHE_DIR", "GITHUB_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET_OLD",
    "KILO_REVIEW_MODEL", "GIT_INDEX_FILE", "GITHUB_EVENT_NAME", "GITHUB_EVENT_PATH", "GITHUB_STEP_SUMMARY",
    "GITHUB_OUTPUT", "GITHUB_CLIENT_ID",
}  # fmt: skip


class Recorder(dict[str, str]):
    """An environment that remembers which variables it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[str] = set()

    def get(self, key: str, default: object = None, /) -> object:  # type: ignore[override]
        self.asked.add(key)
        return default


def test_the_tables_name_every_variable_that_settings_read():
    recorder = Recorder()
    Settings.from_environ(recorder)
    assert set(GOOD) == recorder.asked
    assert set(BAD) == recorder.asked - ANYTHING_GOES


@pytest.fixture(scope="module")
def clean() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        for name in (*GOOD, "COLUMNS"):
            patch.delenv(name, raising=False)
        yield patch


@pytest.mark.parametrize("name", GOOD)
def test_every_good_value_is_taken(name: str):
    for value in GOOD[name]:
        Settings.from_environ({"KILO_REVIEW_MODEL_URL": "http://localhost:1/v1", name: value})


@pytest.mark.parametrize("name", BAD)
def test_every_bad_value_ends_the_command_with_one_sentence_and_a_remedy(
    name: str, clean: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    for value in BAD[name]:
        with clean.context() as patch:
            patch.setenv("KILO_REVIEW_CACHE_DIR", str(tmp_path))
            patch.setenv(name, value)
            assert main(["models", "--no-local"]) == 2, value
        said = capsys.readouterr().err
        sentence, remedy = said.removeprefix("kilo-review: ").rstrip("\n").split("\n")
        assert sentence.startswith(name), said
        assert remedy.endswith((".", "/v1", "github.com", "hex 32")) or ": " in remedy, said
        assert CANARY not in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("word", "is_on"),
    [("", False), ("0", False), ("False", False), ("no", False), ("off", False), (" NO ", False),
     ("1", True), ("TRUE", True), ("Yes", True), ("on\n", True)],
)  # fmt: skip
def test_a_switch_is_what_its_word_says(word: str, is_on: bool):
    assert Settings.from_environ({"KILO_REVIEW_OFFLINE": word}).offline is is_on


def test_a_setting_that_is_blank_counts_as_not_set():
    blank = Settings.from_environ(dict.fromkeys(set(GOOD) - {"GIT_INDEX_FILE"}, " \t\n"))
    assert blank == Settings.from_environ({})


# --- what only a process finds out -----------------------------------------------------------------------------


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def environ(tmp_path: Path, rsa_key: rsa.RSAPrivateKey, **more: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "KILO_REVIEW_STATE_DIR": str(tmp_path / "state"),
        "GITHUB_API_URL": "http://127.0.0.1:9",
        "GITHUB_APP_ID": "1",
        "GITHUB_PRIVATE_KEY": pem(rsa_key),
        "GITHUB_WEBHOOK_SECRET": "a secret",
        "PORT": "18999",
        **more,
    }


def run(command: str, env: Mapping[str, str]) -> tuple[int, str]:
    words = [sys.executable, "-m", "kilo_review", command]
    done = subprocess.run(words, env=dict(env), capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("command", ["web", "worker", "serve"])
def test_a_process_without_the_app_names_what_is_not_set(command: str, tmp_path: Path, rsa_key: rsa.RSAPrivateKey):
    env = environ(tmp_path, rsa_key)
    del env["GITHUB_APP_ID"]
    status, said = run(command, env)
    assert (status, "GITHUB_APP_ID" in said, "kilo-review setup" in said) == (2, True, True), said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("command", "kind"),
    [("web", "words"), ("worker", "words"), ("clock", "words"), ("serve", "words"), ("web", "elliptic"),
     ("clock", "locked")],
)  # fmt: skip
def test_a_private_key_that_cannot_sign_ends_every_process(
    command: str, kind: str, tmp_path: Path, rsa_key: rsa.RSAPrivateKey
):
    key = {
        "words": f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
        "elliptic": pem(ec.generate_private_key(ec.SECP256R1())),
        "locked": pem(rsa_key, b"password"),
    }[kind]
    status, said = run(command, environ(tmp_path, rsa_key, GITHUB_PRIVATE_KEY=key))
    assert (status, "GITHUB_PRIVATE_KEY" in said) == (2, True), said
    assert "Traceback" not in said
    assert CANARY not in said


@pytest.mark.parametrize("command", ["web", "worker", "clock"])
def test_a_process_without_a_redis_ends_with_the_remedy(command: str, tmp_path: Path, rsa_key: rsa.RSAPrivateKey):
    status, said = run(command, environ(tmp_path, rsa_key))
    assert (status, "REDIS_URL" in said) == (2, True), said
    assert "Traceback" not in said


def test_the_error_that_ends_a_process_is_json_where_its_log_is(tmp_path: Path, rsa_key: rsa.RSAPrivateKey):
    status, said = run("web", environ(tmp_path, rsa_key, LOG_FORMAT="json"))
    row = json.loads(said)
    assert (status, row["process"], "REDIS_URL" in row["message"]) == (2, "web", True)


def test_the_traceback_of_a_fault_holds_no_secret(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def broken(_options: object) -> int:
        return int(f"the provider said {KEY}")

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr("reviewer.models.command.main", broken)
    assert main(["models"]) == 70
    said = capsys.readouterr().err
    assert ("Traceback" in said, "the provider said" in said, CANARY in said) == (True, True, False)


def test_a_host_that_nothing_listens_on_ends_the_web_process(tmp_path: Path, rsa_key: rsa.RSAPrivateKey):
    for name in ("no-such-host.invalid", "x" * 300):
        status, said = run("web", environ(tmp_path, rsa_key, HOST=name))
        assert (status, "cannot listen" in said) == (2, True), said
        assert "Traceback" not in said


def test_an_error_of_a_setting_carries_its_remedy_apart():
    with pytest.raises(ConfigurationError) as error:
        Settings.from_environ({"LOG_LEVEL": "verbose"})
    assert error.value.remedy == "The default is INFO."
