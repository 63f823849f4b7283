from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from reviewer.demo import sample
from reviewer.demo.command import add_arguments
from reviewer.demo.model_choice import hosted
from reviewer.settings import Settings
from tests.demo.world import git, until

QUIET = {
    name: value
    for name, value in os.environ.items()
    if not name.endswith("_API_KEY") and not name.startswith(("KILO_REVIEW_", "GITHUB_"))
}


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


def test_a_pull_request_gets_its_review_from_the_real_processes(short_folder: Path) -> None:
    process = start(short_folder, "--no-model", "--json", "--timeout", "100")
    output, progress = process.communicate(timeout=115)
    assert process.returncode == 0, progress
    document = json.loads(output)
    assert set(document) >= {
        "pull_request", "comments", "summary", "check_run", "coverage", "cost_usd", "calls", "timings_ms",
    }  # fmt: skip
    certain = [planted for planted in sample.PLANTED if planted.by_analyser]
    assert len(document["comments"]) == len(certain) >= 5
    sources = {(row["path"], row["source"]) for row in document["comments"]}
    for planted in certain:
        assert any((planted.path, finder) in sources for finder in planted.finders)
    assert {row["path"] for row in document["comments"]}.isdisjoint(sample.CLEAN)
    assert document["check_run"]["conclusion"] in ("failure", "neutral")
    assert document["cost_usd"] == 0
    assert {row["path"] for row in document["coverage"]["skipped"] if row["excluded"]} == set(sample.NOT_REVIEWED)
    assert document["timings_ms"]["ack"] < document["timings_ms"]["published"]
    assert "nothing is posted twice" in progress
    assert list(short_folder.iterdir()) == []
    until(lambda: processes_of(short_folder) == [])


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


def test_without_the_packages_the_analysers_work_alone_and_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reviewer.demo import local_model, model_choice

    monkeypatch.setattr(local_model, "SERVER_PACKAGE", "no_such_server")
    monkeypatch.setattr(model_choice, "LOCAL_SERVERS", {})
    choice = model_choice.choose(Settings.from_environ({}), tmp_path)
    assert choice.local is None
    assert choice.name == "none: analysers only"
    assert "requirements/model.lock" in choice.notice
    assert "KILO_API_KEY" in choice.notice
