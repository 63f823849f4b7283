from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reviewer.demo import local_model, model_choice, sample
from reviewer.demo.command import add_arguments
from reviewer.demo.model_choice import Source, choose, hosted
from reviewer.demo.recording import read_all, shipped_folder
from reviewer.errors import ConfigurationError
from reviewer.models.model import Usage
from reviewer.models.price_book import published_price
from reviewer.settings import Settings
from tests.demo.world import git, until

QUIET = {
    name: value
    for name, value in os.environ.items()
    if not name.endswith("_API_KEY") and not name.startswith(("KILO_REVIEW_", "GITHUB_"))
}


# How the models of recorded answers are named, before the model whose list price counts.
PRICED = "answer-at-price-of-"

# A suite that runs in the background of a shell has Ctrl-C ignored, and its children would inherit that.
DEMO = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from kilo_review import main
sys.exit(main())
"""


def start(folder: Path, *args: str) -> subprocess.Popen[str]:
    # A temporary folder of its own, so that what is left behind can be seen.
    return subprocess.Popen(
        [sys.executable, "-c", DEMO, "demo", *args],
        env={**QUIET, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def processes_of(folder: Path) -> list[str]:
    """Return the processes whose environment or command line names a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in text:
                found.append(text[:200].decode("utf-8", "replace"))
    return found


@pytest.fixture
def short_folder() -> object:
    # The socket of the embedded Redis must stay under 104 bytes.
    with tempfile.TemporaryDirectory(prefix="krd-", dir="/tmp") as name:
        yield Path(name)


NO_LONGER_FITS = "the recordings no longer fit the prompts or the sample: run `make demo-record`"


@pytest.fixture(scope="module")
def document() -> Iterator[tuple[dict[str, Any], str]]:
    """One run of the demo as everybody starts it: its JSON document, and what it said on the way."""
    with tempfile.TemporaryDirectory(prefix="krd-", dir="/tmp") as name:
        process = start(Path(name), "--json", "--timeout", "100")
        output, progress = process.communicate(timeout=115)
        assert "no recording fits" not in progress, f"{NO_LONGER_FITS}\n{progress}"
        assert process.returncode == 0, progress
        yield json.loads(output), progress
        assert list(Path(name).iterdir()) == []
        until(lambda: processes_of(Path(name)) == [])


def test_a_pull_request_gets_its_review_from_the_real_processes(document: tuple[dict[str, Any], str]) -> None:
    result, progress = document
    assert set(result) >= {
        "pull_request", "comments", "summary", "check_run", "coverage", "cost_usd", "calls", "timings_ms",
    }  # fmt: skip
    # Where a model says the same as an analyser, one comment says both.
    sources = {row["source"] for row in result["comments"]}
    assert {"gitleaks:github-pat", "zizmor:dangerous-triggers", "ruff:S602", "model:recorded answer"} <= sources
    assert {row["path"] for row in result["comments"]}.isdisjoint(sample.CLEAN)
    assert result["check_run"]["conclusion"] == "failure"
    assert {row["path"] for row in result["coverage"]["skipped"] if row["excluded"]} == set(sample.NOT_REVIEWED)
    assert result["timings_ms"]["ack"] < result["timings_ms"]["published"]
    assert "nothing is posted twice" in progress


def test_every_part_is_reviewed_and_every_call_is_answered(document: tuple[dict[str, Any], str]) -> None:
    coverage, calls = document[0]["coverage"], document[0]["calls"]
    assert (coverage["share"], coverage["complete"]) == (1.0, True)
    assert [call["error"] for call in calls if not call["ok"] and not call["failed_check"]] == []
    assert {call["provider"] for call in calls} == {"recorded"}


def test_the_routine_part_is_cheap_and_the_sensitive_one_goes_to_the_frontier_with_its_reasons(
    document: tuple[dict[str, Any], str],
) -> None:
    reviews = {call["tier"] for call in document[0]["calls"] if call["stage"] == "review"}
    assert reviews == {"efficient", "frontier"}
    assert "security-sensitive" in document[0]["summary"]
    assert "runs a shell" in document[0]["summary"]


def test_a_model_asks_for_code_that_is_not_in_the_change_and_finds_what_it_decides(
    document: tuple[dict[str, Any], str],
) -> None:
    assert "lookup" in {call["stage"] for call in document[0]["calls"]}
    invoice = next(row for row in document[0]["comments"] if row["path"] == "shop/views.py")
    assert invoice["source"] == "model:recorded answer"
    assert "shop/guards.py" in invoice["body"]


def test_a_suggestion_applies(document: tuple[dict[str, Any], str]) -> None:
    assert [row["path"] for row in document[0]["comments"] if "```suggestion" in row["body"]]


def test_the_cost_is_the_recorded_tokens_at_the_list_price_that_is_named(
    document: tuple[dict[str, Any], str],
) -> None:
    calls = document[0]["calls"]
    recordings = read_all(shipped_folder())
    assert sum(call["tokens"]["input"] for call in calls) == sum(row.input_tokens for row in recordings)
    cost = sum(
        price.cost(Usage(input=row.input_tokens, output=row.output_tokens))
        for row in recordings
        if (price := published_price("openai", row.asked_as.removeprefix(PRICED), datetime.now(UTC)))
    )
    assert document[0]["cost_usd"] == pytest.approx(float(cost))
    assert document[0]["cost_usd"] > 0
    assert f"recorded/{PRICED}gpt-" in document[0]["summary"]


def test_every_place_that_shows_a_recorded_answer_says_so(document: tuple[dict[str, Any], str]) -> None:
    result, progress = document
    assert result["recorded"] is True
    assert "recorded answers of" in result["model"]
    assert "model     recorded answers of" in progress
    assert all(
        "`recorded answer`" in row["body"] for row in result["comments"] if row["source"].startswith("model:")
    )


def test_what_was_recorded_is_what_is_asked_and_no_more(document: tuple[dict[str, Any], str]) -> None:
    assert len(document[0]["calls"]) == len(read_all(shipped_folder())), NO_LONGER_FITS


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.campaign)], ids=["SIGINT", "SIGTERM"]
)
def test_an_interrupt_leaves_no_process_and_no_file(short_folder: Path, number: signal.Signals) -> None:
    process = start(short_folder, "--no-model")
    assert process.stderr is not None
    for line in process.stderr:
        if "service" in line:
            break
    assert len(processes_of(short_folder)) > 3
    process.send_signal(number)
    _, rest = process.communicate(timeout=40)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert list(short_folder.iterdir()) == []
    until(lambda: processes_of(short_folder) == [])


@pytest.mark.campaign
def test_a_kill_takes_every_process_along(short_folder: Path) -> None:
    process = start(short_folder, "--no-model")
    assert process.stderr is not None
    for line in process.stderr:
        if "service" in line:
            break
    process.kill()
    process.communicate()
    until(lambda: processes_of(short_folder) == [], 40)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--repo", "."], "--repo needs --base"),
        (["--base", "main"], "--base needs --repo"),
        (["--live", "--local"], "not allowed with argument"),
        (["--timeout", "soon"], "not a number of seconds"),
        (["--repo", "/nowhere", "--base", "main"], "not a git repository"),
    ],
)
def test_wrong_use_is_a_sentence_and_status_two(short_folder: Path, args: list[str], words: str) -> None:
    process = start(short_folder, *args)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert words in errors
    assert "Traceback" not in errors
    assert list(short_folder.iterdir()) == []


@pytest.mark.campaign
def test_a_users_own_repository_is_reviewed(short_folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "mine"
    source.mkdir()
    git(source, "init", "--quiet", "--initial-branch=main")
    (source / "a.py").write_text("import os\n")
    git(source, "add", ".")
    git(source, "commit", "--quiet", "-m", "one")
    (source / "a.py").write_text("import os\n\n\ndef run(x):\n    return eval(x)\n")
    git(source, "commit", "--quiet", "-am", "two")
    args = ["--no-model", "--json", "--repo", str(source), "--base", "HEAD~1"]
    output, progress = start(short_folder, *args).communicate(timeout=100)
    assert [(row["path"], row["line"]) for row in json.loads(output)["comments"]] == [("a.py", 5)], progress


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, ""),
        ({"OPENAI_API_KEY": "a", "KILO_API_KEY": "b"}, "KILO_API_KEY"),
        ({"GEMINI_API_KEY": "a", "GROQ_API_KEY": "b"}, "GEMINI_API_KEY"),
        ({"GROQ_API_KEY": "b"}, "GROQ_API_KEY"),
        ({"KILO_REVIEW_MODEL_URL": "http://x/v1", "KILO_REVIEW_MODEL": "m", "KILO_API_KEY": "b"}, "m"),
    ],
)
def test_the_first_configured_model_is_chosen(environ: dict[str, str], name: str) -> None:
    assert hosted(Settings.from_environ(environ)) == name


def test_help_needs_nothing_heavy() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args([]).timeout == 600
    code = (
        "import sys, reviewer.demo.command; print([m for m in ('flask', 'sqlalchemy', 'jwt') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.model
def test_the_local_model_answers_in_the_schema(tmp_path: Path) -> None:
    import requests

    from reviewer.demo.local_model import LocalModel, find_weights
    from reviewer.errors import ConfigurationError

    try:
        find_weights()
    except ConfigurationError as missing:
        pytest.skip(str(missing))
    model = LocalModel(tmp_path)
    model.start()
    try:
        schema = {
            "type": "object",
            "properties": {"severity": {"enum": ["low", "high"]}},
            "required": ["severity"],
            "additionalProperties": False,
        }
        body = {
            "messages": [{"role": "user", "content": "Answer."}],
            "max_tokens": 64,
            "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}},
        }
        answer = requests.post(f"{model.url}/chat/completions", json=body, timeout=100).json()
        assert json.loads(answer["choices"][0]["message"]["content"])["severity"] in ("low", "high")
        assert answer["usage"]["prompt_tokens"] > 0
    finally:
        started = time.monotonic()
        model.stop()
        assert not model.process.alive()
        assert time.monotonic() - started < 22


def test_the_policy_for_the_local_model_is_one_that_an_organisation_may_set() -> None:
    from policies.load import load_policy
    from reviewer.demo.local_model import POLICY

    assert load_policy(organisation=POLICY).notices == ()


def test_without_the_packages_the_small_model_is_refused_and_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_model, "SERVER_PACKAGE", "no_such_server")
    with pytest.raises(ConfigurationError, match="not installed") as error:
        choose(Settings.from_environ({}), tmp_path, Source.LOCAL)
    assert "requirements/model.lock" in (error.value.remedy or "")
    assert "KILO_API_KEY" in (error.value.remedy or "")


def test_live_without_a_model_is_refused_and_an_own_repository_then_gets_the_analysers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_choice, "LOCAL_SERVERS", {})
    with pytest.raises(ConfigurationError, match="no model is configured"):
        choose(Settings.from_environ({}), tmp_path, Source.LIVE)
    choice = model_choice.choose_for_own_repository(Settings.from_environ({}), tmp_path)
    assert (choice.server, choice.name) == (None, "none: analysers only")
    assert "KILO_API_KEY" in choice.notice
    assert choice.shown == ""


def test_recorded_answers_are_asked_whatever_key_is_set_and_no_key_reaches_the_service(tmp_path: Path) -> None:
    settings = Settings.from_environ({"KILO_API_KEY": "k"})
    choice = choose(settings, tmp_path, Source.RECORDED)
    assert choice.server is not None
    try:
        assert choice.recorded
        assert choice.environ["KILO_API_KEY"] == ""
        assert choice.environ["KILO_REVIEW_RECORDED_BASE_URL"].startswith("http://127.0.0.1:")
        assert choice.shown.startswith("Recorded: no model was asked now.")
    finally:
        choice.server.stop()
